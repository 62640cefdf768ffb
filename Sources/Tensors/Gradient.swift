/// Collects the gradient of a loss with respect to one tensor.
///
/// Kept apart from the tensor, so that the way back through an operation can pass a gradient on without keeping the
/// tensor's elements alive.
public final class Gradient {
    /// The tape that fills it.
    public let tape: Tape
    let shape: [Int]
    private var collected: Content?

    /// What a gradient is held as.
    public enum Content {
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
            update { sum, _ in backend.add(sum, gradient.floats, count: gradient.count, into: sum) }
        }
    }

    /// Adds leftᵀ·right, which stays unmultiplied where it is the first and has few rows: see ``GradientProduct``.
    ///
    /// - Parameters:
    ///   - left: [rank × rows of the tensor].
    ///   - right: [rank × width of the tensor].
    func addProduct(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, rank: Int) {
        let rows = shape[0], columns = shape[1]
        if collected == nil, rank <= GradientProduct.greatestRank {
            collected = .product(GradientProduct(left, right, rank: rank, rows: rows, columns: columns))
        } else {
            update { sum, accumulate in
                backend.multiply(
                    left, transposed: true, right, transposed: false, m: rows, n: columns, k: rank,
                    accumulate: accumulate, into: sum)
            }
        }
    }

    /// Lets an operation write its part in place.
    ///
    /// - Parameter body: Receives the memory, and whether to add to it (true) or to set it (false).
    package func update(_ body: (_ sum: UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void) {
        guard var sum = take() else {
            let sum = Tensor(shape: shape)
            body(sum.floats, false)
            collected = .whole(sum)
            return
        }
        // Two branches may have been handed the same tensor: only a sole owner may change it.
        if !isKnownUniquelyReferenced(&sum) {
            let copy = Tensor(shape: shape)
            copy.floats.update(from: sum.floats, count: sum.count)
            sum = copy
        }
        body(sum.floats, true)
        collected = .whole(sum)
    }

    /// Lets an operation add to memory that is zero where nothing was collected before.
    package func accumulate(_ body: (_ sum: UnsafeMutablePointer<Float>) -> Void) {
        update { sum, accumulate in
            if !accumulate { sum.update(repeating: 0, count: shape.reduce(1, *)) }
            body(sum)
        }
    }
}
