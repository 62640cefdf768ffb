import Tensors

/// Drops activations during training, with masks that depend on a seed and the order of calls alone; those of attention
/// probabilities on the seed and the layer.
@Compute public final class Dropout {
    private let probability: Float
    private let attentionProbability: Float
    private let attentionSeed: UInt64
    private(set) var seed: UInt64

    /// A source of masks.
    ///
    /// - Parameters:
    ///   - probability: Of embeddings and of what layers add to the residual stream, in 0..<1.
    ///   - attention: Of the probabilities of attentions, in 0..<1.
    ///   - seed: Differs from step to step.
    public init(probability: Float, attention: Float = 0, seed: UInt64) {
        self.probability = probability
        self.seed = seed
        attentionProbability = attention
        attentionSeed = seed &* 0xff51_afd7_ed55_8ccd
    }

    /// Runs `body` with the masks that followed `earlier`.
    func replaying<Result>(from earlier: UInt64, _ body: () -> Result) -> Result {
        let now = seed
        seed = earlier
        defer { seed = now }
        return body()
    }

    /// x with some elements dropped.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        seed &+= 0xd134_2543_de82_ef95
        return x.droppingOut(probability, seed: seed)
    }

    /// The mask of the probabilities of a layer's attention; nil where none are dropped.
    ///
    /// A cache asks for it, because it is a cache that attends. Nothing has to be replayed where an attention is computed a
    /// second time: the mask has the layer's name, not a place in the order of calls.
    func mask(of kind: AttentionKind, layer: Int) -> AttentionDropout? {
        guard attentionProbability > 0 else { return nil }
        let place = UInt64(layer) &* 3 &+ (kind == .decoder ? 1 : kind == .encoder ? 2 : 3)
        return AttentionDropout(
            probability: attentionProbability, seed: attentionSeed &+ place &* 0xd6e8_feb8_6659_fd93)
    }
}
