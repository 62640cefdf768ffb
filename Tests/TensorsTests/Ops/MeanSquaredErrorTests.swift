import Testing

@testable import Tensors

/// Σ (x − target)² / count.
private func reference(_ x: [Double], _ target: [Double]) -> Double {
    zip(x, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(x.count)
}

@Compute @Suite struct MeanSquaredErrorTests {
    @Test(arguments: [[1], [1, 5], [17, 33], [650, 100]])
    func equalsReference(shape: [Int]) {
        let count = shape.reduce(1, *)
        var random = SeededGenerator(UInt64(count))
        let x = random.values(count), target = random.values(count)
        let slopes = zip(x.doubles, target.doubles).map { 2 * ($0 - $1) / Double(count) }
        if count < 600 {
            expectSlope(of: { reference($0, target.doubles) }, at: x.doubles, equals: slopes, "x")
        }
        let tape = Tape(), xs = Tensor(x, shape: shape, tape: tape)
        let error = xs.meanSquaredError(to: Tensor(target, shape: shape))
        expectClose(error.values, [reference(x.doubles, target.doubles)], tolerance: 1e-6, "error")
        // Twice the error: the gradient that arrives is a factor. Slopes are compared as multiples of 1 / count.
        (error + error).backward([1.5])
        expectClose(
            xs.gradient?.value?.values.map { $0 * Float(count) }, slopes.map { 3 * $0 * Double(count) },
            tolerance: 1e-6, "dx")
        #expect(xs.values == x)
    }
}
