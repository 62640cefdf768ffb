import ArgumentParser
import LanguageModels
import PrefixTuning

/// How answers are chosen. What is not given has the paper's value for the task, or changes nothing.
struct DecodingFlags: ParsableArguments {
    @Option(help: "Width of the beam search; 1 is greedy search.") var beams: Int?
    @Option(help: "The greatest number of tokens of an answer; 100 by default.") var maxNewTokens: Int?
    @Option(help: "The least number of tokens of an answer.") var minNewTokens: Int?
    @Option(help: "Encoder–decoder: --max-new-tokens as transformers counts it, with the start token.") var maxLength:
        Int?
    @Option(help: "Encoder–decoder: --min-new-tokens as transformers counts it, with the start token.") var minLength:
        Int?
    // Unconditional: the value may begin with a minus sign.
    @Option(parsing: .unconditional, help: "Beam search: answers are compared by log-probability / length^X.")
    var lengthPenalty: Double?
    @Option(help: "Beam search: no, yes or never, as in transformers; no by default.") var earlyStopping:
        DecodingOptions.EarlyStopping?
    @Option(help: "No run of this many tokens occurs twice.") var noRepeatNgramSize: Int?
    @Option(parsing: .upToNextOption, help: "Token ids that are never chosen.") var forbidIds: [Int32] = []
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A word or text that is never said, alone or after a blank; may be given several times.", valueName: "text")
    )
    var badWords: [String] = []
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "End the answer before this text, wherever the tokens' borders are; may be given several times.",
            valueName: "text"))
    var stop: [String] = []
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Taken from the score of every token that the answer has; -2 to 2.", valueName: "x"))
    var presencePenalty: Double?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The same, once for each time that the answer has it; -2 to 2.", valueName: "x"))
    var frequencyPenalty: Double?
    @Option(help: "Makes tokens that occurred less probable; above 1.") var repetitionPenalty: Double?
    @Flag(help: "Draw tokens at random instead of searching.") var sample = false
    @Option(help: "Sampling: below 1 favours probable tokens.") var temperature: Double?
    @Option(help: "Sampling: only the k most probable tokens.") var topK: Int?
    @Option(help: "Sampling: only the most probable tokens that together reach this probability.") var topP: Double?
    @Option(help: "Sampling: only tokens with this fraction of the greatest probability.") var minP: Double?
    @Option(help: "Sampling: fixes the draws.") var seed: UInt64?

    func validate() throws {
        if sample, beams != nil || lengthPenalty != nil || earlyStopping != nil {
            throw ValidationError("--sample and the options of beam search exclude each other; leave one of them out.")
        }
        let sampling: [(String, Bool)] = [
            ("--temperature", temperature != nil), ("--top-k", topK != nil), ("--top-p", topP != nil),
            ("--min-p", minP != nil), ("--seed", seed != nil),
        ]
        if !sample, let (name, _) = sampling.first(where: \.1) {
            throw ValidationError("\(name) has no meaning without --sample; add --sample or leave it out.")
        }
        for (name, length, other) in [
            ("max", maxLength, maxNewTokens), ("min", minLength, minNewTokens),
        ] where length != nil && other != nil {
            throw ValidationError("Give --\(name)-length or --\(name)-new-tokens, not both.")
        }
        if let length = [maxLength, minLength].compactMap(\.self).min(), length < 2 {
            throw ValidationError("A length of \(length) with the start token leaves no token; give at least 2.")
        }
        if badWords.contains(where: \.isEmpty) {
            throw ValidationError("--bad-words is empty, but a text is needed.")
        }
        if let problem = Self.problem(of: options(for: .jsonl, conventions: .init(endTokens: [0]), lineBreaks: [])) {
            throw ValidationError(problem)
        }
    }

    /// The options for a task.
    ///
    /// - Parameters:
    ///   - conventions: What ends an answer, and what the model's makers force.
    ///   - lineBreaks: Never chosen where tables are described, as in the authors' code.
    func options(
        for task: TaskKind, conventions: GenerationConventions, lineBreaks: [Int32]
    ) -> DecodingOptions {
        let ends = conventions.endTokens
        var options: DecodingOptions =
            switch task {
            case .jsonl: DecodingOptions(endTokens: ends)
            case .e2e, .webnlg, .dart: DecodingOptions.tableToText(forbidding: lineBreaks, endTokens: ends)
            case .xsum: DecodingOptions.summarization(endToken: ends.first ?? 0)
            }
        options.endTokens = ends
        options.forcedFirstToken = conventions.forcedFirstToken
        options.forcedLastToken = conventions.forcedLastToken ?? options.forcedLastToken
        if let beams { options.strategy = beams == 1 ? .greedy : .beam(width: beams) }
        if sample { options.strategy = .sample }
        options.maxNewTokens = maxNewTokens ?? maxLength.map { $0 - 1 } ?? options.maxNewTokens
        let least = minNewTokens ?? minLength.map { $0 - 1 }
        options.minNewTokens = least ?? min(options.minNewTokens, options.maxNewTokens)
        options.lengthPenalty = lengthPenalty ?? options.lengthPenalty
        options.earlyStopping = earlyStopping ?? options.earlyStopping
        options.noRepeatNGramSize = noRepeatNgramSize ?? options.noRepeatNGramSize
        options.repetitionPenalty = repetitionPenalty ?? options.repetitionPenalty
        options.forbiddenTokens += forbidIds
        options.stopTexts = stop
        options.presencePenalty = presencePenalty ?? options.presencePenalty
        options.frequencyPenalty = frequencyPenalty ?? options.frequencyPenalty
        options.temperature = temperature ?? options.temperature
        options.topK = topK ?? options.topK
        options.topP = topP ?? options.topP
        options.minP = minP ?? options.minP
        options.seed = seed ?? options.seed
        return options
    }

    /// What is wrong with options, in the words of the command line.
    static func problem(of options: DecodingOptions) -> String? {
        do {
            try options.validate()
            return nil
        } catch {
            guard case .invalidOption(let name, let value, let requirement) = error else { return "\(error)" }
            return "\(flag(name)) is \(value), but must be \(requirement)."
        }
    }

    /// "maxNewTokens" → "--max-new-tokens".
    private static func flag(_ name: String) -> String {
        let others = [
            "the number of beams": "--beams", "noRepeatNGramSize": "--no-repeat-ngram-size", "answerCount": "--answers",
            "logProbabilities": "--logprobs", "stopTexts": "--stop",
        ]
        if let other = others[name] { return other }
        return "--" + name.map { $0.isUppercase ? "-\($0.lowercased())" : "\($0)" }.joined()
    }
}

extension DecodingOptions.EarlyStopping: ExpressibleByArgument {}
