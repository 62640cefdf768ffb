/// A dense array of 32-bit floats in row-major order, and its place in reverse-mode differentiation.
///
/// A tensor of shape [rows, …, width] is used by the operations as a matrix of `rows` rows. Memory is shared when a
/// tensor is passed on, and an operation never changes its inputs. A tensor may be held anywhere, but only the compute
/// thread can look into it or compute with it (see ``Compute``): the compiler refuses everything else.
///
/// A tensor that takes part in differentiation has a ``gradient`` slot; operations on it are recorded on the slot's
/// ``Tape``. A tensor without one is a constant, and operations on constants record nothing.
@Compute public final class Tensor {
    /// Length of each axis.
    public let shape: [Int]
    /// Where the gradient of a loss with respect to this tensor is collected; nil for a constant.
    public let gradient: Gradient?
    let storage: Storage

    /// A tensor whose elements are not set yet.
    ///
    /// - Parameters:
    ///   - shape: Length of each axis; none negative.
    ///   - tape: The tape that differentiates it, or nil for a constant.
    public init(shape: [Int], tape: Tape? = nil) {
        self.shape = shape
        // Matrix products run on rows in multiples of 16 (see `LinearMap`): room for the rows beyond the last.
        let width = shape.count > 1 ? shape[shape.count - 1] : 0
        guard let count = Self.product(shape), let more = Self.product([16, width]), count < Int.max - more else {
            LastWords.say(.tooLarge(shape: shape))
        }
        storage = Storage(count: count + more)
        gradient = tape.map { Gradient(tape: $0, shape: shape) }
    }

    /// A tensor of the given elements.
    ///
    /// - Parameters:
    ///   - values: The elements in row-major order; as many as `shape` holds.
    ///   - shape: Length of each axis.
    ///   - tape: The tape that differentiates it, or nil for a constant.
    public convenience init(_ values: [Float], shape: [Int], tape: Tape? = nil) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
        self.init(shape: shape, tape: tape)
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { floats.update(from: base, count: source.count) }
        }
    }

    private init(sharing other: Tensor, shape: [Int], gradient: Gradient?) {
        precondition(shape.reduce(1, *) == other.count, "cannot view \(other.shape) as \(shape)")
        self.shape = shape
        self.gradient = gradient
        storage = other.storage
    }

    private static func product(_ factors: [Int]) -> Int? {
        factors.reduce(1) { product, factor in
            guard let (result, overflows) = product?.multipliedReportingOverflow(by: factor), !overflows else {
                return nil
            }
            return result
        }
    }

    /// A tensor whose elements are given one after another: no copy of them exists besides.
    ///
    /// - Parameters:
    ///   - shape: Length of each axis.
    ///   - tape: The tape that differentiates it, or nil for a constant.
    ///   - next: The elements in row-major order.
    public static func filled(_ shape: [Int], tape: Tape? = nil, with next: () -> Float) -> Tensor {
        let tensor = Tensor(shape: shape, tape: tape)
        for index in 0..<tensor.count { tensor.floats[index] = next() }
        return tensor
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: [Int], tape: Tape? = nil) -> Tensor {
        let tensor = Tensor(shape: shape, tape: tape)
        tensor.floats.update(repeating: 0, count: tensor.count)
        return tensor
    }

    /// The same elements as a constant: nothing is differentiated through it.
    public var detached: Tensor { Tensor(sharing: self, shape: shape, gradient: nil) }

    /// The same elements as a new leaf of `tape`: gradients are collected in it and go no further.
    public func leaf(on tape: Tape) -> Tensor {
        Tensor(sharing: self, shape: shape, gradient: Gradient(tape: tape, shape: shape))
    }

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }
    /// Length of the last axis; 1 for a scalar.
    public var width: Int { shape.last ?? 1 }
    /// Number of rows of `width` elements.
    public var rows: Int { width == 0 ? 0 : count / width }

    /// Memory that the elements take, with what is kept free behind them.
    package var byteCount: Int { storage.byteCount }

    /// The elements, valid while the tensor lives.
    package var floats: UnsafeMutablePointer<Float> { storage.floats }

    /// A copy of the elements in row-major order.
    public var values: [Float] { Array(UnsafeBufferPointer(start: floats, count: count)) }

    /// Gives access to the elements for reading or writing.
    public func withMutableValues<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) rethrows
        -> Result
    {
        try body(UnsafeMutableBufferPointer(start: floats, count: count))
    }

    /// Overwrites the elements.
    ///
    /// - Parameter values: As many elements as the tensor holds, in row-major order.
    public func assign(_ values: [Float]) {
        precondition(values.count == count, "\(values.count) values for shape \(shape)")
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { floats.update(from: base, count: source.count) }
        }
    }

    /// Whether every element is a number.
    public var isFinite: Bool { backend.allFinite(floats, count: count) }
}
