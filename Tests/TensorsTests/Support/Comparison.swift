import Tensors
import Testing

/// Expects |actual − expected| ≤ tolerance · max(1, greatest |expected|) for every element; NaN is never close.
func expectClose(
    _ actual: [Float]?, _ expected: [Double], tolerance: Double, _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard let actual else {
        Issue.record("\(name): nothing was computed", sourceLocation: sourceLocation)
        return
    }
    guard actual.count == expected.count else {
        Issue.record("\(name): \(actual.count) elements, not \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    let magnitude = expected.reduce(1) { max($0, abs($1)) }
    let limit = tolerance * magnitude
    let wrong = actual.indices.filter { !(abs(Double(actual[$0]) - expected[$0]) <= limit) }
    guard let first = wrong.first else { return }
    let worst = wrong.map { abs(Double(actual[$0]) - expected[$0]) }.max() ?? .nan
    Issue.record(
        """
        \(name): \(wrong.count) of \(actual.count) elements are off by more than \(limit), at worst by \(worst); \
        first at \(first): \(actual[first]), not \(expected[first])
        """, sourceLocation: sourceLocation)
}

/// Expects the reference's own gradient to be the slope of the reference: central differences in every element.
func expectSlope(
    of function: ([Double]) -> Double, at x: [Double], equals gradient: [Double], step: Double = 1e-5,
    tolerance: Double = 1e-8, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    guard gradient.count == x.count else {
        Issue.record("\(name): \(gradient.count) slopes for \(x.count) elements", sourceLocation: sourceLocation)
        return
    }
    let magnitude = gradient.reduce(1) { max($0, abs($1)) }
    var moved = x
    for i in x.indices {
        moved[i] = x[i] + step
        let above = function(moved)
        moved[i] = x[i] - step
        let slope = (above - function(moved)) / (2 * step)
        moved[i] = x[i]
        if !(abs(slope - gradient[i]) <= tolerance * magnitude) {
            Issue.record(
                "\(name): the slope in element \(i) is \(slope), not \(gradient[i])", sourceLocation: sourceLocation)
            return
        }
    }
}

/// Σ cᵢ yᵢ.
func dot(_ c: [Double], _ y: [Double]) -> Double { zip(c, y).reduce(0) { $0 + $1.0 * $1.1 } }

extension Tensor {
    /// The scalar Σ cᵢ yᵢ, whose gradient is c: what the gradients of the operations are tested through.
    @Compute func weightedSum(_ constants: [Float]) -> Tensor {
        let tape = Tape.recording(gradient)
        let total = Tensor([Float(dot(constants.doubles, values.doubles))], shape: [1], tape: tape)
        if let tape, let dy = gradient, let dTotal = total.gradient {
            let shape = shape
            tape.record {
                guard let factor = dTotal.take()?.values.first else { return }
                dy.add(Tensor(constants.map { $0 * factor }, shape: shape))
            }
        }
        return total
    }

    /// Plays the tape back from Σ cᵢ yᵢ.
    @Compute func backward(_ constants: [Float]) {
        let total = weightedSum(constants)
        total.gradient?.tape.backward(from: total)
    }
}
