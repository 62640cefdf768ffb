/// A matrix product y = x·W + b, and how a gradient comes back through it.
///
/// What a model multiplies by is one of two types: a ``FrozenMatrix``, re-laid once and never differentiated, or a
/// ``TrainableMatrix``. Model files see this protocol only.
@Compute public protocol LinearMap: AnyObject {
    /// Width of x.
    var inputWidth: Int { get }
    /// Width of y.
    var outputWidth: Int { get }
    /// The slot of W's own gradient, or of b's where only b is trained; nil for a frozen matrix.
    var parameterGradient: Gradient? { get }

    /// y = x·W + b, not recorded.
    func apply(_ x: TensorRows, into y: TensorRows)

    /// y = x·W + b for a training loss, over many rows and once: without a copy of W made for it.
    func applyForLoss(_ x: TensorRows, into y: TensorRows)

    /// How many rows of logits a loss should hold at a time: enough for reading W to cost little beside multiplying by it.
    var rowsForLoss: Int { get }

    /// dx (+)= dy·Wᵀ.
    func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows)

    /// dW += xᵀ·dy, db += the sum of dy's rows. Nothing for a frozen matrix.
    func collectGradient(_ dy: TensorRows, x: TensorRows)

    /// Whether some of x is dropped now, so that only ``callAsFunction(_:)`` computes what is trained: as several
    /// operations of the tape.
    var drops: Bool { get }

    /// y = x·W + b, recorded where a tape asks for it.
    ///
    /// - Parameter x: [rows × inputWidth].
    /// - Returns: [rows × outputWidth].
    func callAsFunction(_ x: Tensor) -> Tensor
}

extension LinearMap {
    /// The same as ``apply(_:into:)``.
    public func applyForLoss(_ x: TensorRows, into y: TensorRows) {
        apply(x, into: y)
    }

    /// 128 rows: W is read once for so many.
    public var rowsForLoss: Int { 128 }

    /// False: nothing is dropped.
    public var drops: Bool { false }

    /// As one operation of the tape.
    public func callAsFunction(_ x: Tensor) -> Tensor { product(with: x) }

    /// y = x·W + b as one operation of the tape.
    func product(with x: Tensor) -> Tensor {
        precondition(x.width == inputWidth, "a matrix of \(inputWidth) rows cannot take \(x.shape)")
        let tape = Tape.recording(x.gradient, parameterGradient)
        let y = Tensor(shape: [x.rows, outputWidth], tape: tape)
        apply(x.allRows, into: y.allRows)
        if let tape, let dy = y.gradient {
            // A frozen matrix needs no x on the way back: keeping it alive would double the memory of training.
            tape.record { [self, dx = x.gradient, x = parameterGradient == nil ? nil : x.detached] in
                guard let g = dy.take() else { return }
                if let x { collectGradient(g.allRows, x: x.allRows) }
                dx?.update { sum, accumulate in
                    pullBack(g.allRows, accumulate: accumulate, into: sum.allRows)
                }
            }
        }
        return y
    }
}

/// How a matrix lies in memory.
public enum MatrixOrientation: Sendable {
    /// [input × output], as GPT-2's `Conv1D` stores it.
    case inputByOutput
    /// [output × input], as `torch.nn.Linear` and embedding tables store it.
    case outputByInput
}

/// A constant matrix, re-laid for the multiply that uses it: once for x·W, once more for dy·Wᵀ where gradients flow.
public final class FrozenMatrix: LinearMap {
    /// Width of x.
    public let inputWidth: Int
    /// Width of y.
    public let outputWidth: Int
    /// None: the matrix is frozen.
    public var parameterGradient: Gradient? { nil }

    private enum Backward {
        case none
        case packed(any PackedMatrix)
        case plain(Tensor)  // [output × input]
    }

    /// Nil until it is needed where a plain table is at hand.
    private var forward: (any PackedMatrix)?
    private let backward: Backward
    private let bias: Tensor?

    /// Re-lays a matrix. The source is not needed afterwards.
    ///
    /// - Parameters:
    ///   - values: The matrix, as `orientation` says.
    ///   - bias: b [output], or nil.
    ///   - differentiable: Whether gradients will be pulled back through it, which takes a second copy.
    /// - Throws: ``TensorError`` where memory is short.
    public init(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        bias: Tensor? = nil, differentiable: Bool
    ) throws(TensorError) {
        precondition(values.count == input * output, "\(values.count) values for \(input) × \(output)")
        guard let base = values.baseAddress else { preconditionFailure("an empty matrix") }
        inputWidth = input
        outputWidth = output
        self.bias = bias
        let byOutput = orientation == .outputByInput
        backward =
            differentiable ? .packed(try backend.pack(base, k: output, n: input, transposed: !byOutput)) : .none
        forward = try backend.pack(base, k: input, n: output, transposed: byOutput)
    }

    /// An output head over a table [output × input] that the model holds anyway.
    ///
    /// Training losses and their gradients go through the table itself: over so many rows a plain product was measured
    /// to be nearly as fast as a re-laid one, and the copy would be the largest matrix of a small model. Generation
    /// re-lays it when it begins.
    ///
    /// - Parameter bias: b [output], or nil.
    public init(head table: Tensor, bias: Tensor? = nil) {
        inputWidth = table.width
        outputWidth = table.rows
        self.bias = bias
        backward = .plain(table)
    }

    /// y = x·W + b through the plain table of a head; as ``apply(_:into:)`` for any other matrix.
    public func applyForLoss(_ x: TensorRows, into y: TensorRows) {
        guard case .plain(let table) = backward else { return apply(x, into: y) }
        if let bias { y.fill(with: bias) }
        backend.multiply(
            x.floats, transposed: false, table.floats, transposed: true, m: x.count, n: outputWidth, k: inputWidth,
            accumulate: bias != nil, into: y.floats)
    }

    /// Memory held by the re-laid copies.
    public var byteCount: Int {
        let held = forward?.byteCount ?? 0
        return if case .packed(let backward) = backward { held + backward.byteCount } else { held }
    }

    /// y = x·W + b.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        if forward == nil, case .plain(let table) = backward {
            forward = try? backend.pack(table.floats, k: table.width, n: table.rows, transposed: true)
        }
        // Where memory is too short for a copy, the table itself will do.
        guard let forward else { return applyForLoss(x, into: y) }
        forward.multiply(
            x.floats, m: x.count, bias: bias.map { UnsafePointer($0.floats) }, accumulate: false, into: y.floats)
    }

    /// dx (+)= dy·Wᵀ.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        switch backward {
        case .packed(let matrix):
            matrix.multiply(dy.floats, m: dy.count, bias: nil, accumulate: accumulate, into: dx.floats)
        case .plain(let table):
            backend.multiply(
                dy.floats, transposed: false, table.floats, transposed: false, m: dy.count, n: inputWidth,
                k: outputWidth, accumulate: accumulate, into: dx.floats)
        case .none: preconditionFailure("this matrix was made without the copy for gradients")
        }
    }

    /// Nothing: the matrix is frozen.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {}
}

/// A matrix that is trained.
public final class TrainableMatrix: LinearMap {
    /// W, laid out as `orientation` says.
    public let weight: Tensor
    /// b [output], or nil.
    public let bias: Tensor?
    private let orientation: MatrixOrientation

    /// A map over parameters; they may be shared (a tied output head and its embedding table).
    public init(weight: Tensor, orientation: MatrixOrientation, bias: Tensor? = nil) {
        precondition(weight.shape.count == 2, "a matrix has two axes, not \(weight.shape)")
        self.weight = weight
        self.orientation = orientation
        self.bias = bias
    }

    /// Width of x.
    public var inputWidth: Int { weight.shape[orientation == .inputByOutput ? 0 : 1] }
    /// Width of y.
    public var outputWidth: Int { weight.shape[orientation == .inputByOutput ? 1 : 0] }
    /// The slot of W's gradient, or of b's where only b is trained.
    public var parameterGradient: Gradient? { weight.gradient ?? bias?.gradient }

    /// y = x·W + b.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        if let bias { y.fill(with: bias) }
        backend.multiply(
            x.floats, transposed: false, weight.floats, transposed: orientation == .outputByInput, m: x.count,
            n: outputWidth, k: inputWidth, accumulate: bias != nil, into: y.floats)
    }

    /// dx (+)= dy·Wᵀ.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        backend.multiply(
            dy.floats, transposed: false, weight.floats, transposed: orientation == .inputByOutput, m: dy.count,
            n: inputWidth, k: outputWidth, accumulate: accumulate, into: dx.floats)
    }

    /// dW += xᵀ·dy, db += the sum of dy's rows.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {
        switch orientation {
        case .inputByOutput: weight.gradient?.addProduct(x, dy)
        case .outputByInput: weight.gradient?.addProduct(dy, x)
        }
        bias?.gradient?.addRowSums(of: dy)
    }
}
