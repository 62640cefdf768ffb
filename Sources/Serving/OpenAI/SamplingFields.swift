import Foundation

/// What a request says of how its answers are chosen: the fields that completions and chat have in common.
package struct SamplingFields: Equatable, Sendable {
    /// The longest answer, in tokens; nil for the server's default.
    package var maxTokens: Int?
    /// Divides the scores; 0 for the most probable tokens.
    package var temperature = 1.0
    /// Nucleus sampling.
    package var topP = 1.0
    /// The k most probable tokens only; 0 for all.
    package var topK = 0
    /// Tokens with at least this fraction of the largest probability only.
    package var minP = 0.0
    /// Answers that are told.
    package var count = 1
    /// Answers that are made, of which the most probable are told; at least `count`.
    package var bestOf: Int?
    /// What fixes the draws; nil for any.
    package var seed: UInt64?
    /// Texts that end an answer.
    package var stops: [String] = []
    /// Tokens that end an answer, beside the model's own.
    package var stopTokens: [Int32] = []
    /// Whether the text that ended an answer belongs to it.
    package var includesStop = false
    /// Whether answers go on after the model's end token.
    package var ignoresEnd = false
    /// Tokens before which no answer ends.
    package var minTokens = 0
    /// Taken from the score of what the answer has.
    package var presencePenalty = 0.0
    /// Taken from the score of what the answer has, once for each time.
    package var frequencyPenalty = 0.0
    /// Divides the score of what prompt and answer have.
    package var repetitionPenalty = 1.0
    /// Added to the scores of tokens.
    package var logitBias: [Int32: Float] = [:]
    /// Whether answers are found by beam search.
    package var usesBeams = false
    /// Beam search: above 0 favours long answers.
    package var lengthPenalty = 1.0
    /// Order among the waiting requests of the same key; larger first.
    package var priority = 0
    /// What the prompt cache of this request is not shared with.
    package var cacheSalt: String?
    /// Whether answers tell their tokens.
    package var returnsTokens = false
    /// How many most probable tokens are told for each token of the prompts; nil where nothing is told of them.
    package var promptLogprobs: Int?
    /// Whether it is told how much attention each token of the answers gives to the prefix.
    package var measuresPrefix = false
    /// Whether the answer is sent as it grows.
    package var streams = false
    /// Streams: whether the last chunk tells how many tokens there were.
    package var includesUsage = false
    /// Streams: whether every chunk tells it.
    package var includesUsageAlways = false

    /// Ranges that several places need.
    package enum Limit {
        /// Answers to a prompt.
        package static let answers = 1...16
        /// Texts that end an answer, and bytes of each.
        package static let stops = 16, stopBytes = 256
        /// Tokens with a bias.
        package static let biases = 1024
        /// Most probable tokens that are told.
        package static let logprobs = 0...20
    }

    /// Reads the fields.
    ///
    /// - Throws: ``ServingError``, naming the field.
    package init(_ fields: inout RequestFields, vocabularySize: Int) throws(ServingError) {
        let shorter = try fields.integer("max_completion_tokens", in: 0...Int.max)
        maxTokens = try fields.integer("max_tokens", in: 0...Int.max)
        if let shorter {
            if let maxTokens, maxTokens != shorter {
                throw .contradiction(
                    field: "max_completion_tokens", other: "max_tokens",
                    reason: "they differ (\(shorter), \(maxTokens))")
            }
            maxTokens = shorter
        }
        temperature = try fields.number("temperature", in: 0...2) ?? temperature
        topP = try fields.number("top_p", in: 0...1, excludingLowest: true) ?? topP
        topK = max(0, try fields.integer("top_k", in: -1...vocabularySize) ?? 0)
        minP = try fields.number("min_p", in: 0...1) ?? minP
        count = try fields.integer("n", in: Limit.answers) ?? count
        bestOf = try fields.integer("best_of", in: Limit.answers)
        if let bestOf, bestOf < count {
            throw .outOfRange(field: "best_of", value: "\(bestOf)", range: "at least n, which is \(count)")
        }
        seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
        try readEndings(&fields, vocabularySize: vocabularySize)
        presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        repetitionPenalty = try fields.number("repetition_penalty", in: 0...10, excludingLowest: true) ?? 1
        logitBias = try Self.bias(&fields, vocabularySize: vocabularySize)
        usesBeams = try fields.flag("use_beam_search") ?? false
        lengthPenalty = try fields.number("length_penalty", in: -10...10) ?? 1
        priority = try fields.integer("priority", in: -10...10) ?? 0
        cacheSalt = try fields.string("cache_salt")
        returnsTokens = try fields.flag("return_token_ids") ?? false
        promptLogprobs = try fields.integer("prompt_logprobs", in: Limit.logprobs)
        measuresPrefix = try fields.flag("prefix_attention") ?? false
        try readStreaming(&fields)
        // What says who asks, or what is always so here.
        fields.pass("user", "safety_identifier", "metadata", "store", "service_tier", "prompt_cache_key")
        _ = try fields.string("user")
    }

    private mutating func readEndings(
        _ fields: inout RequestFields, vocabularySize: Int
    ) throws(ServingError) {
        stops = try fields.strings("stop")
        guard stops.count <= Limit.stops else {
            throw .outOfRange(field: "stop", value: "\(stops.count) texts", range: "at most \(Limit.stops) of them")
        }
        for stop in stops where stop.isEmpty || stop.utf8.count > Limit.stopBytes {
            throw .outOfRange(
                field: "stop", value: "a text of \(stop.utf8.count) bytes", range: "of 1 to \(Limit.stopBytes) bytes")
        }
        stopTokens = try fields.tokens("stop_token_ids", vocabularySize: vocabularySize)
        includesStop = try fields.flag("include_stop_str_in_output") ?? false
        ignoresEnd = try fields.flag("ignore_eos") ?? false
        minTokens = try fields.integer("min_tokens", in: 0...Int.max) ?? 0
        if let maxTokens, minTokens > maxTokens {
            throw .outOfRange(
                field: "min_tokens", value: "\(minTokens)", range: "at most max_tokens, which is \(maxTokens)")
        }
    }

    private mutating func readStreaming(_ fields: inout RequestFields) throws(ServingError) {
        streams = try fields.flag("stream") ?? false
        guard var options = try fields.object("stream_options") else { return }
        guard streams else {
            throw .contradiction(field: "stream_options", other: "stream = false", reason: "there is no stream")
        }
        includesUsage = try options.flag("include_usage") ?? false
        includesUsageAlways = try options.flag("continuous_usage_stats") ?? false
        options.pass("include_obfuscation")
    }

    private static func bias(
        _ fields: inout RequestFields, vocabularySize: Int
    ) throws(ServingError) -> [Int32: Float] {
        guard var object = try fields.object("logit_bias") else { return [:] }
        let names = object.values.keys.sorted()
        guard names.count <= Limit.biases else {
            throw .outOfRange(
                field: "logit_bias", value: "\(names.count) tokens", range: "at most \(Limit.biases) of them")
        }
        var bias: [Int32: Float] = [:]
        for name in names {
            guard let token = Int32(name), (0..<vocabularySize).contains(Int(token)) else {
                throw .outOfRange(
                    field: "logit_bias", value: "for \"\(name.prefix(32))\"",
                    range: "for token ids from 0 to \(vocabularySize - 1)")
            }
            bias[token] = try object.number(name, in: -100...100).map(Float.init) ?? 0
        }
        return bias
    }
}
