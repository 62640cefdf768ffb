import Tensors

/// What a training step computes a second time on its way back rather than keep it: less memory for more work, and the
/// same bits.
@Compute public struct Recomputation {
    /// What of a layer is computed a second time.
    public enum Part: String, CaseIterable, Codable, Sendable {
        /// Nothing: all that the way back needs is kept, 9·d values per token and layer of GPT-2.
        case none
        /// The attentions, with their projections: 6·d values are kept, for about a sixth more work.
        case attention
        /// Whole layers: d values are kept, for about half more work.
        case layer
    }

    let part: Part
    let tape: Tape

    /// A choice.
    ///
    /// - Parameters:
    ///   - part: What is computed again; nil is what ``Part/none`` gives.
    ///   - tape: Records the pass.
    public init?(_ part: Part, on tape: Tape) {
        guard part != .none else { return nil }
        self.part = part
        self.tape = tape
    }
}

extension CacheStep {
    /// body(x), computed again on the way back where that part is to be; x itself for a layer that a trace has no use for.
    ///
    /// - Parameter dropout: The masks that `body` draws; a second time it gets the same ones.
    func recomputing(
        _ part: Recomputation.Part, _ x: Tensor, _ dropout: Dropout?, _ body: @escaping (Tensor) -> Tensor
    ) -> Tensor {
        if part == .layer, trace?.isComplete == true { return x }
        guard let recomputation, recomputation.part == part else { return body(x) }
        let seed = dropout?.seed
        var isSecond = false
        return recomputation.tape.recomputing(x) { x in
            defer { isSecond = true }
            guard isSecond, let dropout, let seed else { return body(x) }
            return dropout.replaying(from: seed) { body(x) }
        }
    }
}
