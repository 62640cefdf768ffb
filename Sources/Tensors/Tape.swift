/// The record of what was computed, read backwards to differentiate it (reverse mode).
///
/// Parameters belong to a tape for as long as they are trained; every operation that depends on one is recorded, and
/// ``backward(from:)`` plays the record back and empties it. Each step of the record keeps alive only what its own
/// derivative needs, and lets it go as soon as it has run.
@Compute public final class Tape {
    /// Whether operations are recorded; false while a model that is being trained only evaluates or generates.
    public var isRecording = true
    private var steps: [() -> Void] = []

    /// How many operations are on record.
    package var stepCount: Int { steps.count }

    /// An empty tape.
    public init() {}

    /// Adds the way back through one operation.
    package func record(_ step: @escaping () -> Void) { steps.append(step) }

    /// Runs `body` without recording.
    public func withoutRecording<Result>(_ body: () throws -> Result) rethrows -> Result {
        let before = isRecording
        isRecording = false
        defer { isRecording = before }
        return try body()
    }

    /// Collects, in every leaf, the gradient of `loss`, and empties the record.
    ///
    /// - Parameter loss: A scalar computed on this tape.
    public func backward(from loss: Tensor) {
        precondition(loss.count == 1, "only a scalar has a gradient, not a tensor of shape \(loss.shape)")
        backward(from: loss, gradient: Tensor([1], shape: loss.shape))
    }

    /// Continues from a tensor whose gradient is known: where it was computed on one tape and used on another.
    ///
    /// - Parameters:
    ///   - tensor: A tensor computed on this tape, or a leaf of it.
    ///   - gradient: Of `tensor`'s shape.
    public func backward(from tensor: Tensor, gradient: Tensor) {
        precondition(tensor.shape == gradient.shape, "a gradient of \(gradient.shape) for \(tensor.shape)")
        tensor.gradient?.add(gradient)
        unwind(to: 0)
    }

    /// Plays back what was recorded after the first `mark` steps.
    func unwind(to mark: Int) {
        while steps.count > mark, let step = steps.popLast() { step() }
    }

    /// Forgets what was recorded.
    public func reset() { steps.removeAll() }

    /// The tape that an operation on `inputs` must be recorded on, or nil where nothing asks for a gradient.
    package static func recording(_ inputs: Gradient?...) -> Tape? {
        for case let input? in inputs where input.tape.isRecording { return input.tape }
        return nil
    }
}
