import Tensors

/// Positions behind a prompt that hold no tokens: the model reads embeddings there, and what follows attends to the keys and
/// values that it computes for them, moved by given ones.
///
/// Infix-tuning (Li & Liang 2021, section 7.3) trains both. No model knows of them: prompt and embeddings pass through it
/// as tokens do, and their keys and values, with those of the virtual positions moved, are then the initial content of the
/// cache for the text that follows. So the virtual positions themselves see each other unmoved, as in the authors' code,
/// where a first pass gives a history, to which the trained part is added.
@Compute public struct VirtualTokens {
    /// What is read in place of tokens [n × width of the token table].
    public let embeddings: Tensor
    /// What is added to their keys and values, as the cache holds them (after a rotary embedding): [n × 2·L·keyWidth], in
    /// the layout of a prefix.
    public let shift: Tensor

    /// Virtual tokens of a decoder-only model.
    public init(embeddings: Tensor, shift: Tensor) {
        precondition(embeddings.rows == shift.rows, "\(embeddings.shape) embeddings moved by \(shift.shape)")
        self.embeddings = embeddings
        self.shift = shift
    }

    /// Several in a row; nil where there are none.
    static func joining(_ parts: [VirtualTokens]) -> VirtualTokens? {
        if parts.count <= 1 { return parts.first }
        guard let embeddings = Tensor.joiningAll(parts.map(\.embeddings)),
            let shift = Tensor.joiningAll(parts.map(\.shift))
        else { return nil }
        return VirtualTokens(embeddings: embeddings, shift: shift)
    }

    /// How many virtual tokens there are.
    public var count: Int { embeddings.rows }
}

extension Tensor {
    /// All rows of matrices of one width, one matrix after another; nil where there is none.
    static func joiningAll(_ matrices: [Tensor]) -> Tensor? {
        matrices.count <= 1 ? matrices.first : .joiningRows(matrices.map { ($0, 0..<$0.rows) })
    }
}
