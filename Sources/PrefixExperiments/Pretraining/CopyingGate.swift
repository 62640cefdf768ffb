import LanguageModels
import Tensors
import Tokenizers

/// How well a base model copies from its context: the quality that decides what a prefix can make of it.
public struct CopyingGate: Codable, Equatable, Sendable {
    /// Share of right predictions among the non-first pieces of copied names and values.
    public let copy: Double
    /// Share of announced values of which every piece is predicted right.
    public let value: Double

    /// What the embedded base model must reach.
    public static let required = CopyingGate(copy: 0.95, value: 0.75)

    /// Whether both figures reach ``required``.
    public var isPassed: Bool { copy >= Self.required.copy && value >= Self.required.value }

    private init(copy: Double, value: Double) {
        self.copy = copy
        self.value = value
    }

    /// Measures a model, teacher-forced, on records with invented names (``SyntheticCorpus/heldOutProbes(seed:count:)``).
    @Compute public init(model: any CausalModel, tokenizer: Tokenizer, probes count: Int = 200, seed: UInt64 = 7) throws
    {
        var copies = 0, rightCopies = 0, values = 0, rightValues = 0
        for probe in SyntheticCorpus.heldOutProbes(seed: seed, count: count) {
            let prompt = try tokenizer.encode(probe.prompt), continuation = try tokenizer.encode(probe.continuation)
            // A model of few positions, or with a small vocabulary, has no room for some of them.
            guard prompt.count + continuation.count <= model.shape.positionCount + 1 else { continue }
            let isRight = Self.predictions(model, prompt: prompt, continuation: continuation)
            // The bytes of the continuation that each of its tokens covers.
            var start = 0
            let spans = continuation.map { id in
                defer { start += tokenizer.bytes(of: id).count }
                return start..<start + tokenizer.bytes(of: id).count
            }
            for range in probe.copied {
                for (span, right) in zip(spans, isRight)
                where span.overlaps(range) && span.lowerBound > range.lowerBound {
                    copies += 1
                    rightCopies += right ? 1 : 0
                }
            }
            for range in probe.values {
                values += 1
                rightValues += zip(spans, isRight).allSatisfy { !$0.overlaps(range) || $1 } ? 1 : 0
            }
        }
        copy = copies == 0 ? 0 : Double(rightCopies) / Double(copies)
        value = values == 0 ? 0 : Double(rightValues) / Double(values)
    }

    /// Whether each token of the continuation is the most probable one after the true text before it.
    @Compute private static func predictions(
        _ model: any CausalModel, prompt: [Int32], continuation: [Int32]
    ) -> [Bool] {
        let cache = KVCache(shape: model.shape, sequences: [.init()], keepsTokens: false)
        let tokens = prompt + continuation
        let batch = TokenBatch([tokens.dropLast()], wanting: [continuation.count])
        let logits = model.head(model.hiddenStates(batch, cache: cache, dropout: nil))
        let all = logits.values, vocabulary = logits.width
        return continuation.enumerated().map { index, target in
            let row = all[index * vocabulary..<(index + 1) * vocabulary]
            return row.allSatisfy { $0 <= row[row.startIndex + Int(target)] }
        }
    }
}
