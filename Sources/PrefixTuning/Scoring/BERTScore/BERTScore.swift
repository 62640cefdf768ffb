import Foundation
import LanguageModels
import Tensors
import TextMetrics
import Tokenizers

/// BERTScore (Zhang et al. 2020): how well the tokens of a text and of its reference can be matched by the vectors that an
/// encoder gives them, as the package `bert_score` computes it.
///
/// With unit vectors x of the reference and x̂ of the text, and weights w of tokens:
///
/// R = Σ w(x)·max x·x̂ / Σ w(x), P = Σ w(x̂)·max x̂·x / Σ w(x̂), F1 = 2·P·R / (P + R).
///
/// The special tokens around a text have the weight 0, but others may be matched with them. Where several references are
/// given, the largest P, R and F1 count, each for itself.
///
/// It stands here because `TextMetrics` knows no models, and `LanguageModels` no scores.
///
/// Two differences: where texts of a batch differ in length, `bert_score` takes a similarity below 0 for 0, depending on
/// what else is in the batch, which is not repeated here; and where the weights of a text add up to 0, as those of one
/// that is nothing but "[SEP]" do, it gives NaN and this gives 0.
@Compute public final class BERTScore {
    /// Of one text.
    public struct Scores: Codable, Equatable, Sendable {
        /// How much of the text is in the reference: at most 1, and at least −1 unless rescaled.
        public var precision: Double
        /// How much of the reference is in the text.
        public var recall: Double
        /// Their harmonic mean.
        public var f1: Double
    }

    /// The layer whose vectors are compared.
    public nonisolated let layer: Int
    /// Whether tokens that many references have weigh less.
    public nonisolated let usesIDF: Bool
    /// Model, layer and weights, as `bert_score` writes them: "roberta-large_L17_no-idf".
    public nonisolated let signature: String
    private let encoder: TextEncoder
    private let baseline: Scores?

    /// Loads an encoder, of which no more layers are read than it takes.
    ///
    /// - Parameters:
    ///   - folder: The folder of a BERT or RoBERTa model.
    ///   - layer: The layer whose vectors are compared; what `bert_score` takes for a model of this name unless given.
    ///   - usesIDF: Whether tokens weigh log((N + 1) / (n + 1)) where n of N references have them, else 1.
    ///   - baseline: A file of `bert_score` that scores are rescaled by; see ``baseline(of:layer:)``.
    ///   - name: What the model is called where the folder's path does not tell.
    /// - Throws: ``ScoringError``, ``DataError``, `CheckpointError` or `TokenizerError`.
    public static func load(
        _ folder: URL, layer: Int? = nil, usesIDF: Bool = false, baseline: URL? = nil, name: String? = nil
    ) throws -> BERTScore {
        let configuration = try HuggingFaceFolder(folder).encoderConfiguration
        let count = configuration.layerCount, model = name ?? folder.path
        guard let layer = layer ?? usualLayer(of: model) else {
            throw ScoringError.noUsualLayer(model: model, layers: count)
        }
        guard (0...count).contains(layer) else {
            throw ScoringError.layerOutOfRange(layer, model: model, layers: count)
        }
        let scores = try baseline.map { try Self.baseline(of: $0, layer: layer) }
        let encoder = try TextEncoder.load(folder, layers: layer, name: name)
        return BERTScore(encoder, layer: layer, usesIDF: usesIDF, baseline: scores)
    }

    /// A score of vectors that an encoder gives.
    ///
    /// - Parameters:
    ///   - layer: From 0 to the layers that were loaded.
    ///   - usesIDF: Whether tokens are weighed by how few references have them.
    ///   - baseline: The scores of texts that have nothing to do with each other, which 0 is to stand for.
    public init(_ encoder: TextEncoder, layer: Int, usesIDF: Bool = false, baseline: Scores? = nil) {
        self.encoder = encoder
        self.layer = layer
        self.usesIDF = usesIDF
        self.baseline = baseline
        let rescaled = baseline == nil ? "" : "-custom-rescaled"
        signature = "\(encoder.name)_L\(layer)\(usesIDF ? "_idf" : "_no-idf")\(rescaled)"
    }

    /// Scores texts against their references.
    ///
    /// - Parameters:
    ///   - predictions: One text per instance.
    ///   - references: At least one text per instance, in the same order.
    ///   - tokensPerPass: Tokens that go through the encoder at once, a text being whole; bounds the memory.
    ///   - receive: Told the number of instances scored so far, after each pass.
    /// - Returns: One score per instance. A text or reference without tokens has the score 0 (rescaled as others are).
    /// - Throws: `MetricError` where the lists do not match, ``ScoringError``, and what `receive` throws.
    public func scores(
        of predictions: [String], against references: [[String]], tokensPerPass: Int = 2048,
        receive: (Int) throws -> Void = { _ in }
    ) throws -> [Scores] {
        guard predictions.count == references.count else {
            throw MetricError.countMismatch(
                predictions: predictions.count, references: references.count, predictionFile: nil, referenceFile: nil)
        }
        if let index = references.firstIndex(where: \.isEmpty) { throw MetricError.noReferences(index: index) }
        let instances = try zip(predictions, references).map { (text: try tokens($0), references: try $1.map(tokens)) }
        let weights = TokenWeights(
            usesIDF: usesIDF, specialTokens: encoder.specialTokens, references: instances.flatMap(\.references))
        var result: [Scores] = [], start = 0
        while start < instances.count {
            var end = start, size = 0
            repeat {
                size += instances[end].text.count + instances[end].references.reduce(0) { $0 + $1.count }
                end += 1
            } while end < instances.count && size < tokensPerPass
            let pass = instances[start..<end]
            let vectors = vectors(of: Set(pass.flatMap { [$0.text] + $0.references }), tokensPerPass: tokensPerPass)
            for instance in pass {
                guard let best = best(instance.text, instance.references, vectors, weights) else {
                    throw ScoringError.notFinite(example: result.count + 1)
                }
                result.append(best)
            }
            start = end
            try receive(end)
        }
        return result
    }

    /// The largest scores that one of the references gives; nil where they are not numbers.
    private func best(
        _ text: [Int32], _ references: [[Int32]], _ vectors: [[Int32]: UnitVectors], _ weights: TokenWeights
    ) -> Scores? {
        let found = references.compactMap { reference -> Scores? in
            guard let x = vectors[reference], let y = vectors[text] else { return nil }
            // Nothing but the two special tokens.
            guard text.count > 2, reference.count > 2 else { return Scores(precision: 0, recall: 0, f1: 0) }
            let (ofText, ofReference) = y.greatestSimilarities(to: x)
            let precision = weights.mean(ofText, over: text), recall = weights.mean(ofReference, over: reference)
            let f1 = precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
            return f1.isFinite ? Scores(precision: precision, recall: recall, f1: f1) : nil
        }
        guard let first = found.first, found.count == references.count else { return nil }
        let greatest = found.dropFirst().reduce(first) {
            Scores(
                precision: max($0.precision, $1.precision), recall: max($0.recall, $1.recall), f1: max($0.f1, $1.f1))
        }
        guard let baseline else { return greatest }
        func rescaled(_ path: KeyPath<Scores, Double>) -> Double {
            (greatest[keyPath: path] - baseline[keyPath: path]) / (1 - baseline[keyPath: path])
        }
        return Scores(precision: rescaled(\.precision), recall: rescaled(\.recall), f1: rescaled(\.f1))
    }

    /// The vectors of some texts by their tokens.
    private func vectors(of texts: Set<[Int32]>, tokensPerPass: Int) -> [[Int32]: UnitVectors] {
        var result: [[Int32]: UnitVectors] = [:], batch: [[Int32]] = [], size = 0
        func encode() {
            guard !batch.isEmpty else { return }
            let states = encoder.hiddenStates(of: batch, layer: layer)
            var row = 0
            for text in batch {
                result[text] = UnitVectors(states, rows: row..<row + text.count)
                row += text.count
            }
            (batch, size) = ([], 0)
        }
        // In an order of their own, so that one run equals the other to the last bit.
        for text in texts.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            if size + text.count > tokensPerPass { encode() }
            batch.append(text)
            size += text.count
        }
        encode()
        return result
    }

    /// The tokens of a text without the white space at its ends, with the special ones, cut to what the encoder takes.
    ///
    /// RoBERTa reads a blank before the first word, so that it is cut into tokens as it would be within a text.
    func tokens(_ text: String) throws -> [Int32] {
        let stripped = text.pythonStripped, (before, after) = encoder.specialTokens
        let isSpaced = encoder.configuration.family == .roberta && !stripped.isEmpty
        let content = try encoder.tokenizer.encode((isSpaced ? " " : "") + stripped)
        let tokens = [before] + content.prefix(encoder.longestText - 2) + [after]
        let size = encoder.configuration.vocabularySize
        if let token = tokens.first(where: { $0 < 0 || Int($0) >= size }) {
            throw ScoringError.unknownToken(token, vocabulary: size)
        }
        return tokens
    }
}
