extension Tensor {
    /// Dropout (Srivastava et al. 2014): y = x · mask, each element of the mask 0 with the given probability and
    /// 1 / (1 - probability) otherwise.
    ///
    /// - Parameters:
    ///   - probability: In 0..<1; 0 returns the tensor itself.
    ///   - seed: Names the mask: equal seeds give equal masks, whatever the number of threads.
    public func droppingOut(_ probability: Float, seed: UInt64) -> Tensor {
        precondition((0..<1).contains(probability), "a dropout probability of \(probability)")
        guard probability > 0 else { return self }
        let tape = Tape.recording(gradient)
        let mask = Tensor(shape: shape)
        backend.dropoutMask(seed: seed, probability: probability, count: count, into: mask.floats)
        let y = Tensor(shape: shape, tape: tape)
        backend.multiply(floats, mask.floats, count: count, into: y.floats)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record {
                guard let g = dy.take() else { return }
                let product = Tensor(shape: g.shape)
                backend.multiply(g.floats, mask.floats, count: g.count, into: product.floats)
                dx.add(product)
            }
        }
        return y
    }
}
