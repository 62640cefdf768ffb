import Tensors

/// What adds to the residual stream of a block.
enum ResidualBranch {
    /// Attention of the new tokens to what is cached and to each other, in a layer.
    case selfAttention(layer: Int)
    /// Attention of a decoder to the source.
    case crossAttention
    /// The network of each position by itself.
    case mlp
}

/// The residual stream x ← x + branch(x), as every architecture writes it. Here, and nowhere in a model, stands what training
/// and generation want beside the mathematics: what is computed a second time, which rows are wanted, what is dropped, and
/// which adapters lie behind a branch.
extension CacheStep {
    /// x with some elements dropped, where the pass drops any: for embeddings.
    func dropped(_ x: Tensor) -> Tensor { residualDropout.map { $0(x) } ?? x }

    /// A whole block, which may be computed again on the way back; x itself where a trace has no use for it.
    func block(_ x: Tensor, _ adapters: BlockAdapters? = nil, _ body: @escaping (Tensor) -> Tensor) -> Tensor {
        recomputing(.layer, x, residualDropout) { x in
            let y = body(x)
            return adapters?.afterBlock(y) ?? y
        }
    }

    /// x + branch(x): of a self-attention for the rows that are wanted of its layer, of all else for those of x.
    ///
    /// - Parameters:
    ///   - x: [rows × d].
    ///   - kind: What the branch is. Attentions may be computed again on the way back.
    ///   - adapters: Those of the block; nil behind a cross-attention.
    ///   - branch: What is added, from its norm on where the norm comes first.
    func residual(
        _ x: Tensor, _ kind: ResidualBranch, _ adapters: BlockAdapters? = nil,
        _ branch: @escaping (Tensor) -> Tensor
    ) -> Tensor {
        switch kind {
        case .selfAttention(let layer):
            let y = recomputing(.attention, x, nil, branch)
            return wanted(x, ofLayer: layer) + dropped(adapters?.afterAttention(y) ?? y)
        case .crossAttention: return x + dropped(recomputing(.attention, x, nil, branch))
        case .mlp:
            let y = branch(x)
            return x + dropped(adapters?.afterMLP(y) ?? y)
        }
    }

    /// x + attention(x) + mlp(x), or x + attention(n) + mlp(n) with n = norm(x): both read the same rows, of which those that are
    /// wanted of the layer remain.
    ///
    /// Adapters lie behind each branch by itself, as where one follows the other, and neither sees what the other adds: what
    /// AdapterHub's `adapters` does with GPT-J, whose branches are parallel, too.
    ///
    /// - Parameters:
    ///   - x: [rows × d].
    ///   - adapters: Those of the block.
    ///   - norm: What both branches read, computed once; nil where each has a norm of its own, which is then part of it.
    func parallelResidual(
        _ x: Tensor, layer: Int, _ adapters: BlockAdapters?, norm: ((Tensor) -> Tensor)? = nil,
        attention: @escaping (Tensor) -> Tensor, mlp: (Tensor) -> Tensor
    ) -> Tensor {
        let normed = norm?(x)
        let attended = recomputing(.attention, normed ?? x, nil, attention)
        let x = wanted(x, ofLayer: layer), added = mlp(normed.map { wanted($0, ofLayer: layer) } ?? x)
        let y = x + dropped(adapters?.afterAttention(attended) ?? attended)
        return y + dropped(adapters?.afterMLP(added) ?? added)
    }
}
