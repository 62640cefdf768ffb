import Foundation

/// A request to `POST /v1/completions`.
package struct CompletionRequest: Equatable, Sendable {
    /// What is to be continued.
    package enum Prompt: Equatable, Sendable {
        /// Text.
        case text(String)
        /// Tokens.
        case tokens([Int32])
    }

    /// The name of the model or prefix.
    package let model: String
    /// What is to be continued: at least one.
    package let prompts: [Prompt]
    /// How answers are chosen.
    package let sampling: SamplingFields
    /// How many most probable tokens are told for each token; nil where no probabilities are told.
    package let logprobs: Int?
    /// Whether answers begin with the prompt.
    package let echoes: Bool
    /// Names of the fields that this server does not know.
    package let ignored: [String]

    /// Prompts of one request.
    package static let promptLimit = 64

    /// Reads a body.
    ///
    /// - Throws: ``ServingError``, naming the field.
    package init(_ body: Data, vocabularySize: Int) throws(ServingError) {
        var fields = try RequestFields(body)
        model = try fields.neededString("model")
        sampling = try SamplingFields(&fields, vocabularySize: vocabularySize)
        prompts = try Self.prompts(&fields, vocabularySize: vocabularySize)
        logprobs = try fields.integer("logprobs", in: SamplingFields.Limit.logprobs)
        echoes = try fields.flag("echo") ?? false
        if let suffix = try fields.string("suffix"), !suffix.isEmpty {
            throw .unsupported(field: "suffix", value: "", advice: "the model continues texts and fills no gaps")
        }
        try Self.check(sampling, &fields)
        if sampling.streams, echoes, logprobs != nil {
            throw .contradiction(
                field: "echo", other: "stream",
                reason: "the prompt's log-probabilities are told with a whole answer only")
        }
        if sampling.maxTokens == 0, !echoes {
            throw .outOfRange(field: "max_tokens", value: "0", range: "at least 1, unless echo is true")
        }
        ignored = fields.unread
    }

    /// Refuses what is known, asked for and not done.
    static func check(_ sampling: SamplingFields, _ fields: inout RequestFields) throws(ServingError) {
        if sampling.streams, (sampling.bestOf ?? sampling.count) > sampling.count {
            throw .contradiction(
                field: "best_of", other: "stream", reason: "which answers are the best is known at their end only")
        }
        if sampling.streams, sampling.promptLogprobs != nil {
            throw .contradiction(
                field: "prompt_logprobs", other: "stream",
                reason: "the prompt's log-probabilities are told with a whole answer only")
        }
        if sampling.streams, sampling.measuresPrefix {
            throw .contradiction(
                field: "prefix_attention", other: "stream",
                reason: "attention is measured when the answer is complete, by reading it once more")
        }
        if sampling.streams, sampling.usesBeams {
            throw .contradiction(
                field: "use_beam_search", other: "stream", reason: "a beam search tells its answers at the end only")
        }
        for name in ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "lora"] {
            if fields.value(name) != nil {
                throw .unsupported(field: name, value: "", advice: "leave it out")
            }
        }
    }

    private static func prompts(
        _ fields: inout RequestFields, vocabularySize: Int
    ) throws(ServingError) -> [Prompt] {
        switch fields.value("prompt") {
        case nil: throw .missing(field: "prompt")
        case .string(let text): return [.text(text)]
        case .array(let values):
            guard let first = values.first else {
                throw .outOfRange(field: "prompt", value: "an empty array", range: "a text, tokens, or a list of these")
            }
            if case .integer = first {
                return [.tokens(try RequestFields.tokens(values, "prompt", vocabularySize: vocabularySize))]
            }
            guard values.count <= promptLimit else {
                throw .outOfRange(
                    field: "prompt", value: "\(values.count) prompts", range: "at most \(promptLimit) of them")
            }
            var prompts: [Prompt] = []
            for (index, value) in values.enumerated() {
                switch value {
                case .string(let text): prompts.append(.text(text))
                case .array(let tokens):
                    prompts.append(
                        .tokens(
                            try RequestFields.tokens(tokens, "prompt[\(index)]", vocabularySize: vocabularySize)))
                default:
                    throw .wrongType(
                        field: "prompt[\(index)]", found: value.kind, expected: "a string or an array of token ids")
                }
            }
            return prompts
        case let other?: throw fields.wrongType("prompt", other, "a string, an array of strings, or of token ids")
        }
    }
}
