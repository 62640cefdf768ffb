/// Why an answer ends, in OpenAI's words.
package enum FinishReason: String, Codable, Sendable {
    /// An end token, or a text or token that was asked to end it.
    case stop
    /// The longest length.
    case length
}

/// The answer of `POST /v1/completions`.
package struct CompletionObject: Codable, Equatable, Sendable {
    /// An answer to a prompt.
    package struct Choice: Codable, Equatable, Sendable {
        package var index: Int
        package var text: String
        package var logprobs: CompletionLogprobs?
        package var finishReason: FinishReason?
        /// vLLM's: the text or token that ended it; left out where it was an end token or the length.
        package var stopReason: RequestValue?
        /// vLLM's: its tokens, where they were asked for.
        package var tokenIDs: [Int32]?
        /// Ours: how much attention went to the prefix where each of its tokens was predicted, 0 to 1.
        package var prefixAttention: [Float]?
        /// vLLM's: what is told of the prompt's tokens, by their ids, where that was asked for.
        package var promptLogprobs: [[String: PromptLogprob]?]?

        enum CodingKeys: String, CodingKey {
            case index, text, logprobs
            case promptLogprobs = "prompt_logprobs"
            case finishReason = "finish_reason"
            case stopReason = "stop_reason"
            case tokenIDs = "token_ids"
            case prefixAttention = "prefix_attention"
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(index, forKey: .index)
            try container.encode(text, forKey: .text)
            try container.encodeIfPresent(promptLogprobs, forKey: .promptLogprobs)
            try container.encode(logprobs, forKey: .logprobs)
            try container.encode(finishReason, forKey: .finishReason)
            try container.encodeIfPresent(stopReason, forKey: .stopReason)
            try container.encodeIfPresent(tokenIDs, forKey: .tokenIDs)
            try container.encodeIfPresent(prefixAttention, forKey: .prefixAttention)
        }
    }

    package var id: String
    package var object = "text_completion"
    package var created: Int
    package var model: String
    package var choices: [Choice]
    package var usage: Usage
}

/// The answer of `POST /v1/chat/completions`.
package struct ChatObject: Codable, Equatable, Sendable {
    /// What the assistant says.
    package struct Message: Codable, Equatable, Sendable {
        package var role = "assistant"
        package var content: String

        enum CodingKeys: String, CodingKey { case role, content, refusal }

        package init(content: String) { self.content = content }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            role = try container.decode(String.self, forKey: .role)
            content = try container.decode(String.self, forKey: .content)
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(role, forKey: .role)
            try container.encode(content, forKey: .content)
            try container.encodeNil(forKey: .refusal)
        }
    }

    /// An answer.
    package struct Choice: Codable, Equatable, Sendable {
        package var index: Int
        package var message: Message
        package var logprobs: ChatLogprobs?
        package var finishReason: FinishReason?
        /// vLLM's; see ``CompletionObject/Choice/stopReason``.
        package var stopReason: RequestValue?
        /// vLLM's; see ``CompletionObject/Choice/tokenIDs``.
        package var tokenIDs: [Int32]?
        /// Ours; see ``CompletionObject/Choice/prefixAttention``.
        package var prefixAttention: [Float]?

        enum CodingKeys: String, CodingKey {
            case index, message, logprobs
            case finishReason = "finish_reason"
            case stopReason = "stop_reason"
            case tokenIDs = "token_ids"
            case prefixAttention = "prefix_attention"
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(index, forKey: .index)
            try container.encode(message, forKey: .message)
            try container.encode(logprobs, forKey: .logprobs)
            try container.encode(finishReason, forKey: .finishReason)
            try container.encodeIfPresent(stopReason, forKey: .stopReason)
            try container.encodeIfPresent(tokenIDs, forKey: .tokenIDs)
            try container.encodeIfPresent(prefixAttention, forKey: .prefixAttention)
        }
    }

    package var id: String
    package var object = "chat.completion"
    package var created: Int
    package var model: String
    package var choices: [Choice]
    package var usage: Usage
    /// vLLM's; see ``CompletionObject/Choice/promptLogprobs``.
    package var promptLogprobs: [[String: PromptLogprob]?]?

    enum CodingKeys: String, CodingKey {
        case id, object, created, model, choices, usage
        case promptLogprobs = "prompt_logprobs"
    }
}
