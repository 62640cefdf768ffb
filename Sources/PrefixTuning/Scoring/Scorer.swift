import LanguageModels
import Tensors

/// How probable a model, with or without a prefix, finds given completions.
///
/// The log-probability of a target token is minus its cross-entropy, so that scores, validation loss and training loss
/// are one computation.
@Compute public final class Scorer {
    /// The targets of one example and what the model thinks of them.
    public struct Score: Codable, Equatable, Sendable {
        /// The target tokens: the completion and what ends it.
        public var token_ids: [Int32]
        /// ln p of each, given everything before it.
        public var logprobs: [Float]
    }

    private let model: any CausalModel
    private let start: InitialKeyValues?
    private let tokensPerPass: Int

    /// A scorer.
    ///
    /// - Parameters:
    ///   - start: What every example comes after: a prefix's keys and values, or nothing.
    ///   - tokensPerPass: Tokens that go through the model at once, an example being whole; bounds the memory.
    public init(_ model: any CausalModel, after start: InitialKeyValues? = nil, tokensPerPass: Int = 512) {
        self.model = model
        self.start = start
        self.tokensPerPass = tokensPerPass
    }

    /// Scores examples in ragged batches, neighbours together.
    ///
    /// - Parameters:
    ///   - examples: Each within the model's positions less the prefix's.
    ///   - receive: Given the scores in the order of the examples, as they are found.
    /// - Throws: ``ScoringError``, before anything is computed where a token is not the model's; what `receive` throws.
    public func score(_ examples: [TokenizedExample], receive: (Score) throws -> Void) throws {
        let vocabulary = model.shape.vocabularySize
        for example in examples {
            let tokens = example.source + example.tokens
            if let token = tokens.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
                throw ScoringError.unknownToken(token, vocabulary: vocabulary)
            }
            precondition(
                example.source.isEmpty == (model.shape.encoder == nil), "a source goes with a model that has an encoder"
            )
        }
        var number = 0
        for pass in TargetLoss.passes(examples, after: start, tokensPerPass: tokensPerPass) {
            var (_, losses) = TargetLoss.evaluate(pass, model: model, start: start, weight: 1)
            for example in pass {
                number += 1
                let own = losses.prefix(example.targetCount).map { -$0 }
                losses.removeFirst(own.count)
                guard own.allSatisfy(\.isFinite) else { throw ScoringError.notFinite(example: number) }
                try receive(Score(token_ids: example.targets, logprobs: own))
            }
        }
    }

    /// Scores examples; see ``score(_:receive:)``.
    public func score(_ examples: [TokenizedExample]) throws -> [Score] {
        var scores: [Score] = []
        try score(examples) { scores.append($0) }
        return scores
    }
}
