import LanguageModels
import Tensors
import Tokenizers

/// The entries of a model's vocabulary that are nearest to what one position of a prefix holds.
///
/// A prefix of keys and values has no embeddings to compare with words. What it can be compared with are the keys and
/// values of words: those that the frozen model itself computes for a token at the position's place, with nothing around
/// it. In the first layer of self-attention they depend on the token and its place alone, so that a prefix that was made
/// of words, and not trained, has exactly these words there. In later layers, whose keys and values depend on what comes
/// before, and in cross-attention, nearness is to the word standing alone.
///
/// Embeddings of a soft prompt are compared with the embeddings of the tokens.
public struct NearestWords: Equatable, Sendable {
    /// What is compared.
    public enum Quantity: String, Equatable, Sendable, Codable {
        /// The embedding [width] of a soft prompt.
        case embedding
        /// The keys of all heads of a layer [keyWidth], as they are attended to: rotated where the model does so.
        case key
        /// The values of all heads of a layer [keyWidth].
        case value
    }

    /// A token and how near it is.
    public struct Word: Equatable, Sendable {
        /// The token's id.
        public let token: Int32
        /// The cosine of the angle between its vector and the prefix's, from −1 to 1; 0 where one of them is zero.
        public let similarity: Float
    }

    /// Which position of the prefix.
    public let position: Int
    /// What is compared.
    public let quantity: Quantity
    /// The attention and its layer; nil for an embedding.
    public let place: Place?
    /// The nearest tokens, the nearest first; of equally near ones the one of lower id.
    public let words: [Word]

    /// A layer of an attention.
    public struct Place: Equatable, Sendable {
        /// Which attention of the model the key or value belongs to.
        public let attention: AttentionKind
        /// Which of its layers, from 0.
        public let layer: Int

        /// A layer of an attention.
        public init(attention: AttentionKind, layer: Int) {
            self.attention = attention
            self.layer = layer
        }
    }
}

extension LanguageModel {
    /// The tokens whose embeddings are nearest to those of a soft prompt.
    ///
    /// - Parameters:
    ///   - prompt: Embeddings as wide as the model's token table.
    ///   - count: How many for each position.
    /// - Returns: One entry for each position.
    /// - Throws: ``AnalysisError/badCount(_:)``, or ``PrefixError/wrongSize(found:expected:)`` where the width is another.
    public func nearestWords(to prompt: SoftPrompt, count: Int) throws -> [NearestWords] {
        guard count > 0 else { throw AnalysisError.badCount(count) }
        let width = network.embeddings(of: [0]).width
        guard prompt.width == width else {
            throw PrefixError.wrongSize(found: prompt.values.count, expected: "\(prompt.length) × \(width)")
        }
        var rankings = (0..<prompt.length).map { position in
            SimilarityRanking(of: prompt.values[position * width..<(position + 1) * width], count: count)
        }
        for tokens in vocabularyBatches {
            let table = network.embeddings(of: tokens)
            for index in rankings.indices { rankings[index].add(tokens, table, column: 0) }
        }
        return rankings.enumerated().map {
            NearestWords(position: $0, quantity: .embedding, place: nil, words: $1.words)
        }
    }

    /// The tokens whose own keys, and whose own values, are nearest to those of a prefix; see ``NearestWords``.
    ///
    /// The whole vocabulary is read once for each position and kind of attention, through as many layers as are needed.
    ///
    /// - Parameters:
    ///   - prefix: For this model.
    ///   - kinds: Attentions that it stands before; nil for all of them.
    ///   - layers: Layers of each, from 0.
    ///   - count: How many for each position.
    ///   - progress: Told the share of the work that is done, up to 1; may throw to stop.
    /// - Returns: For each attention, layer and position one entry for the key and one for the value, in this order.
    /// - Throws: ``AnalysisError``; ``PrefixError`` where the prefix belongs to another model; what `progress` throws.
    public func nearestWords(
        to prefix: Prefix, before kinds: [AttentionKind]? = nil, layers: [Int] = [0], count: Int,
        progress: (Double) throws -> Void = { _ in }
    ) throws -> [NearestWords] {
        try prefix.check(fits: network.shape)
        let has = AttentionKind.allCases.filter { prefix.parts[$0] != nil }, kinds = kinds ?? has
        try check(kinds, has, layers, count)
        let batches = vocabularyBatches, total = Double(kinds.count * prefix.length * batches.count)
        var result: [NearestWords] = [], done = 0.0
        for kind in kinds {
            guard let part = prefix.parts[kind], let stack = network.shape.stack(kind) else { continue }
            var found = layers.map { _ in [NearestWords]() }
            for position in 0..<prefix.length {
                let row = part[position * stack.prefixRowWidth..<(position + 1) * stack.prefixRowWidth]
                var rankings = layers.map { LayerRanking(of: row, layer: $0, stack, count: count) }
                for tokens in batches {
                    let own = keyValues(
                        ofLoneTokens: tokens, at: position, kind, depth: (layers.max() ?? 0) + 1)
                    for (index, layer) in layers.enumerated() { rankings[index].add(tokens, own[layer]) }
                    done += 1
                    try progress(done / total)
                }
                for (index, layer) in layers.enumerated() {
                    let place = NearestWords.Place(attention: kind, layer: layer)
                    found[index] += rankings[index].result(position: position, place: place)
                }
            }
            result += found.joined()
        }
        return result
    }

    private func check(_ kinds: [AttentionKind], _ has: [AttentionKind], _ layers: [Int], _ count: Int) throws {
        guard count > 0 else { throw AnalysisError.badCount(count) }
        for kind in kinds {
            guard has.contains(kind), let stack = network.shape.stack(kind) else {
                throw AnalysisError.noPrefix(before: kind, has: has)
            }
            if let layer = layers.first(where: { !(0..<stack.layerCount).contains($0) }) {
                throw AnalysisError.noSuchLayer(layer, kind, layers: stack.layerCount)
            }
        }
    }

    /// All tokens that have a text, in parts that bound the memory of a pass.
    private var vocabularyBatches: [[Int32]] {
        let tokens = (0..<Int32(network.shape.vocabularySize)).filter { tokenizer.token(for: $0) != nil }
        return stride(from: 0, to: tokens.count, by: 1024).map { Array(tokens[$0..<min($0 + 1024, tokens.count)]) }
    }
}

/// The nearest keys and values of one position in one layer.
@Compute private struct LayerRanking {
    private var key: SimilarityRanking
    private var value: SimilarityRanking
    private let keyWidth: Int

    /// - Parameter row: A row of a prefix.
    init(of row: ArraySlice<Float>, layer: Int, _ stack: AttentionStack, count: Int) {
        keyWidth = stack.keyWidth
        let first = row.startIndex + 2 * layer * keyWidth
        key = SimilarityRanking(of: row[first..<first + keyWidth], count: count)
        value = SimilarityRanking(of: row[first + keyWidth..<first + 2 * keyWidth], count: count)
    }

    mutating func add(_ tokens: [Int32], _ own: Tensor) {
        key.add(tokens, own, column: 0)
        value.add(tokens, own, column: keyWidth)
    }

    func result(position: Int, place: NearestWords.Place) -> [NearestWords] {
        [(NearestWords.Quantity.key, key), (.value, value)].map {
            NearestWords(position: position, quantity: $0, place: place, words: $1.words)
        }
    }
}
