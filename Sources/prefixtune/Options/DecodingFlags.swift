import ArgumentParser
import LanguageModels
import PrefixTuning
import Tensors

/// How answers are chosen. What is not given has the paper's value for the task, or changes nothing.
struct DecodingFlags: ParsableArguments {
    @Option(help: .n("Width of the beam search; 1 is greedy search.")) var beams: Int?
    @Option(help: .n("The largest number of tokens of an answer; 100 by default.")) var maxNewTokens: Int?
    @Option(help: .n("The smallest number of tokens of an answer.")) var minNewTokens: Int?
    @Option(help: .n("Encoder–decoder: --max-new-tokens as transformers counts it, with the start token."))
    var maxLength: Int?
    @Option(help: .n("Encoder–decoder: --min-new-tokens as transformers counts it, with the start token."))
    var minLength: Int?
    // Unconditional: the value may begin with a minus sign.
    @Option(parsing: .unconditional, help: .x("Beam search: answers are compared by log-probability / length^X."))
    var lengthPenalty: Double?
    @Option(help: "Beam search: no, yes or never, as in transformers; no by default.") var earlyStopping:
        DecodingOptions.EarlyStopping?
    @Option(help: .n("No run of this many tokens occurs twice.")) var noRepeatNgramSize: Int?
    @Option(parsing: .upToNextOption, help: .id("Token ids that are never chosen.")) var forbidIds: [Int32] = []
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
    @Option(help: .x("Makes tokens that occurred less probable; above 1.")) var repetitionPenalty: Double?
    @Option(
        help: .x(
            "Contrastive search: of the --top-k most probable tokens (4 by default) the one with the greatest (1 - X) * "
                + "probability - X * likeness to what was said before; 0.6 as a rule."))
    var penaltyAlpha: Double?
    @Flag(help: "Draw tokens at random instead of searching.") var sample = false
    @Option(help: .x("Sampling: below 1 favours probable tokens.")) var temperature: Double?
    @Option(help: .n("Sampling and contrastive search: only the k most probable tokens.")) var topK: Int?
    @Option(help: .x("Sampling: only the most probable tokens that together reach this probability.")) var topP: Double?
    @Option(help: .x("Sampling: only tokens with this fraction of the largest probability.")) var minP: Double?
    @Option(help: .n("Sampling: fixes the draws.")) var seed: UInt64?

    func validate() throws {
        if sample, beams != nil || lengthPenalty != nil || earlyStopping != nil {
            throw ValidationError("--sample and the options of beam search exclude each other; leave one of them out.")
        }
        if penaltyAlpha != nil, sample || beams != nil || lengthPenalty != nil || earlyStopping != nil {
            throw ValidationError(
                "--penalty-alpha and \(sample ? "--sample" : "the options of beam search") exclude each other; leave one of them out."
            )
        }
        if topK != nil, !sample, penaltyAlpha == nil {
            throw ValidationError(
                "--top-k has no meaning without --sample or --penalty-alpha; add one of them or leave it out.")
        }
        let sampling: [(String, Bool)] = [
            ("--temperature", temperature != nil), ("--top-p", topP != nil), ("--min-p", minP != nil),
            ("--seed", seed != nil),
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
        try Self.validate(changes, for: .jsonl)
    }

    /// What was asked for.
    var changes: DecodingChanges {
        var changes = DecodingChanges()
        if let beams { changes.strategy = beams == 1 ? .greedy : .beam(width: beams) }
        if sample { changes.strategy = .sample }
        if let penaltyAlpha { changes.strategy = .contrastive(alpha: penaltyAlpha, candidates: topK ?? 4) }
        changes.maxNewTokens = maxNewTokens ?? maxLength.map { $0 - 1 }
        changes.minNewTokens = minNewTokens ?? minLength.map { $0 - 1 }
        changes.lengthPenalty = lengthPenalty
        changes.earlyStopping = earlyStopping
        changes.noRepeatNGramSize = noRepeatNgramSize
        changes.repetitionPenalty = repetitionPenalty
        changes.presencePenalty = presencePenalty
        changes.frequencyPenalty = frequencyPenalty
        changes.forbiddenTokens = forbidIds
        changes.forbiddenWords = badWords
        changes.stopTexts = stop
        changes.temperature = temperature
        changes.topK = penaltyAlpha == nil ? topK : nil
        changes.topP = topP
        changes.minP = minP
        changes.seed = seed
        return changes
    }

    /// Refuses what has no meaning for a model.
    ///
    /// - Throws: ``CommandError/lengthWithPrompt(architecture:)``, `GenerationError` for a token that it does not have.
    @Compute func check(fits model: LanguageModel) throws {
        if model.network.startToken == nil, maxLength != nil || minLength != nil {
            throw CommandError.lengthWithPrompt(architecture: model.configuration.architecture)
        }
        let vocabulary = model.network.shape.vocabularySize
        for token in forbidIds where !(0..<vocabulary).contains(Int(token)) {
            throw GenerationError.unknownToken(token, place: "--forbid-ids", vocabularySize: vocabulary)
        }
    }

    /// Refuses options that are out of their range.
    ///
    /// - Throws: `ValidationError`, in the words of the command line.
    static func validate(_ changes: DecodingChanges, for task: TuningTask) throws {
        do {
            try AnswerOptions(task, conventions: .init(endTokens: [0]), changes: changes).decoding.validate()
        } catch {
            guard case .invalidOption(let name, let value, let requirement) = error else {
                throw ValidationError("\(error)")
            }
            throw ValidationError("\(flag(name)) is \(value), but must be \(requirement).")
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
