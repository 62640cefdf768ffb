import LanguageModels

/// How much of one kind of attention goes to each position of a prefix, in each layer and head: means over the tokens of
/// texts that were read after the prefix.
///
/// The share of position j in a head is the mean over tokens of softmax(scale · q kᵀ)ⱼ, where the softmax runs over all
/// that a token sees: the prefix and the text. Shares of all positions of a prefix therefore sum to less than 1.
public struct AttentionMass: Equatable, Sendable {
    /// Which attention of the model: of the decoder, of the encoder, or across.
    public let kind: AttentionKind
    /// Number of layers.
    public let layerCount: Int
    /// Query heads of a layer.
    public let headCount: Int
    /// Number n of positions of the prefix.
    public let length: Int
    /// Tokens whose attention is averaged.
    public let tokenCount: Int
    /// [layers × heads × n].
    private let shares: [Double]

    init(kind: AttentionKind, layerCount: Int, headCount: Int, length: Int, tokenCount: Int, shares: [Double]) {
        precondition(shares.count == layerCount * headCount * length, "\(shares.count) shares")
        self.kind = kind
        self.layerCount = layerCount
        self.headCount = headCount
        self.length = length
        self.tokenCount = tokenCount
        self.shares = shares
    }

    /// Shares of the positions [n] in one head, from 0 to 1.
    public func shares(layer: Int, head: Int) -> [Double] {
        let first = (layer * headCount + head) * length
        return Array(shares[first..<first + length])
    }

    /// Shares of the positions [n] in one layer: means over its heads.
    public func shares(layer: Int) -> [Double] {
        Self.mean((0..<headCount).map { shares(layer: layer, head: $0) }, count: length)
    }

    /// Shares of the positions [n]: means over all layers and heads.
    public var positionShares: [Double] { Self.mean((0..<layerCount).map { shares(layer: $0) }, count: length) }

    /// Share of the whole prefix in one head.
    public func total(layer: Int, head: Int) -> Double { shares(layer: layer, head: head).reduce(0, +) }

    /// Share of the whole prefix in one layer: the mean over its heads.
    public func total(layer: Int) -> Double { shares(layer: layer).reduce(0, +) }

    /// Share of the whole prefix: the mean over all layers and heads.
    public var total: Double { positionShares.reduce(0, +) }

    /// The positions by their share, the most attended first; of equal ones the earlier first.
    public var mostAttended: [Int] {
        let shares = positionShares
        return shares.indices.sorted { (-shares[$0], $0) < (-shares[$1], $1) }
    }

    private static func mean(_ rows: [[Double]], count: Int) -> [Double] {
        (0..<count).map { index in rows.reduce(0) { $0 + $1[index] } / Double(max(1, rows.count)) }
    }
}
