/// How many tokens a request was about.
package struct Usage: Codable, Equatable, Sendable {
    /// What was not read again.
    package struct PromptDetails: Codable, Equatable, Sendable {
        /// Tokens whose keys and values were there.
        package var cachedTokens = 0

        enum CodingKeys: String, CodingKey { case cachedTokens = "cached_tokens" }
    }

    /// Tokens of the prompts: without those of prefixes, which are none.
    package var promptTokens = 0
    /// Tokens of all answers, also of those that are not told.
    package var completionTokens = 0
    /// Both.
    package var totalTokens: Int { promptTokens + completionTokens }
    /// Positions that prefixes took.
    package var prefixTokens = 0
    /// What was not read again.
    package var details = PromptDetails()

    /// Nothing.
    package init() {}

    enum CodingKeys: String, CodingKey {
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case totalTokens = "total_tokens"
        case prefixTokens = "prefix_tokens"
        case details = "prompt_tokens_details"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        promptTokens = try container.decode(Int.self, forKey: .promptTokens)
        completionTokens = try container.decode(Int.self, forKey: .completionTokens)
        prefixTokens = try container.decode(Int.self, forKey: .prefixTokens)
        details = try container.decode(PromptDetails.self, forKey: .details)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(promptTokens, forKey: .promptTokens)
        try container.encode(completionTokens, forKey: .completionTokens)
        try container.encode(totalTokens, forKey: .totalTokens)
        try container.encode(prefixTokens, forKey: .prefixTokens)
        try container.encode(details, forKey: .details)
    }
}
