/// Collects the gradient of a loss with respect to one tensor.
///
/// Kept apart from the tensor, so that the way back through an operation can pass a gradient on without keeping the
/// tensor's elements alive.
@Compute public final class Gradient {
    /// The tape that fills it.
    public let tape: Tape
    let shape: [Int]
    private var collected: Content?

    /// What a gradient is held as.
    @Compute public enum Content {
        /// All elements.
        case whole(Tensor)
        /// Two narrow matrices.
        case product(GradientProduct)

        /// Σ x² over all elements, in double precision.
        public var sumOfSquares: Double {
            switch self {
            case .whole(let tensor): tensor.sumOfSquares
            case .product(let product): product.sumOfSquares
            }
        }
    }

    init(tape: Tape, shape: [Int]) {
        self.tape = tape
        self.shape = shape
    }

    /// The first of some slots, before others one whose tape records now: the slot of a tape that does not must not hide
    /// one of a tape that does.
    static func first(_ slots: Gradient?...) -> Gradient? { first(slots) }

    /// The first of some slots, before others one whose tape records now.
    static func first(_ slots: [Gradient?]) -> Gradient? {
        let slots = slots.compactMap { $0 }
        return slots.first { $0.tape.isRecording } ?? slots.first
    }

    /// What has been collected so far, as it is held; nil where nothing has.
    public var content: Content? { collected }

    /// All elements of what has been collected so far; nil where nothing has.
    public var value: Tensor? {
        switch collected {
        case nil: return nil
        case .whole(let tensor): return tensor
        case .product(let product):
            let tensor = product.multipliedOut
            collected = .whole(tensor)
            return tensor
        }
    }

    /// Hands over what was collected and starts again from nothing.
    package func take() -> Tensor? {
        defer { collected = nil }
        return value
    }

    /// Forgets what was collected.
    public func clear() { collected = nil }

    /// Adds a whole gradient. The first one is taken over, not copied.
    package func add(_ gradient: Tensor) {
        if collected == nil {
            collected = .whole(gradient)
        } else {
            update { sum, _ in
                backend.add(sum.floats, gradient.floats, count: gradient.count, into: sum.floats)
            }
        }
    }

    /// Adds leftᵀ·right, which stays unmultiplied where it is the first and has few rows: see ``GradientProduct``.
    ///
    /// - Parameters:
    ///   - left: [rank × rows of the tensor].
    ///   - right: [rank × width of the tensor].
    func addProduct(_ left: TensorRows, _ right: TensorRows) {
        if collected == nil, left.count <= GradientProduct.greatestRank {
            collected = .product(GradientProduct(left, right))
        } else {
            update { sum, accumulate in
                backend.multiply(
                    left.floats, transposed: true, right.floats, transposed: false, m: sum.rows, n: sum.width,
                    k: left.count, accumulate: accumulate, into: sum.floats)
            }
        }
    }

    /// Adds the sum of the rows of `dy` [rows × elements of the tensor].
    func addRowSums(of dy: TensorRows) {
        accumulate { backend.addRowSums(dy.floats, rows: dy.count, columns: $0.count, into: $0.floats) }
    }

    /// Lets an operation write its part in place.
    ///
    /// - Parameter body: Receives the tensor to write to, and whether to add to it (true) or to set it (false).
    func update(_ body: (_ sum: Tensor, _ accumulate: Bool) -> Void) {
        guard var sum = take() else {
            let sum = Tensor(shape: shape)
            body(sum, false)
            collected = .whole(sum)
            return
        }
        // Two branches may have been handed the same tensor: only a sole owner may change it.
        if !isKnownUniquelyReferenced(&sum) {
            let copy = Tensor(shape: shape)
            copy.floats.update(from: sum.floats, count: sum.count)
            sum = copy
        }
        body(sum, true)
        collected = .whole(sum)
    }

    /// Lets an operation add to a tensor that is zero where nothing was collected before.
    func accumulate(_ body: (_ sum: Tensor) -> Void) {
        update { sum, accumulate in
            if !accumulate { sum.floats.update(repeating: 0, count: sum.count) }
            body(sum)
        }
    }
}
