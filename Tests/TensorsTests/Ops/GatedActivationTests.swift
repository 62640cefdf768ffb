import Testing

@testable import Tensors

/// y = f(gate) · up for rows [gate | up], and its derivative, in double precision.
private struct Reference {
    let kind: Activation
    let width: Int

    private func pairs(_ x: [Double]) -> [(gate: Int, up: Int)] {
        (0..<x.count / 2).map {
            let gate = $0 / width * 2 * width + $0 % width
            return (gate, gate + width)
        }
    }

    func output(_ x: [Double]) -> [Double] { pairs(x).map { kind.reference(x[$0.gate]) * x[$0.up] } }

    func gradient(_ x: [Double], _ dy: [Double]) -> [Double] {
        var dx = [Double](repeating: 0, count: x.count)
        for (pair, g) in zip(pairs(x), dy) {
            dx[pair.gate] = g * x[pair.up] * kind.referenceSlope(x[pair.gate])
            dx[pair.up] = g * kind.reference(x[pair.gate])
        }
        return dx
    }
}

@Compute @Suite struct GatedActivationTests {
    @Test(arguments: Activation.all)
    func referenceGradientIsTheSlope(kind: Activation) {
        var random = SeededGenerator(90)
        let x = random.values(3 * 10).doubles, dy = random.values(3 * 5).doubles
        let reference = Reference(kind: kind, width: 5)
        expectSlope(of: { dot(dy, reference.output($0)) }, at: x, equals: reference.gradient(x, dy), "x")
    }

    @Test(arguments: Activation.all, [[1, 2], [1, 10], [17, 66], [130, 200], [2, 3, 8]])
    func equalsReference(kind: Activation, shape: [Int]) {
        let count = shape.reduce(1, *), width = (shape.last ?? 0) / 2
        var random = SeededGenerator(UInt64(count))
        let x = random.values(count, deviation: 2), dy = random.values(count / 2), tape = Tape()
        let xs = Tensor(x, shape: shape, tape: tape), y = xs.gated(kind)
        #expect(y.shape == shape.dropLast() + [width])
        y.backward(dy)
        let reference = Reference(kind: kind, width: width)
        expectClose(y.values, reference.output(x.doubles), tolerance: 5e-7, "y")
        expectClose(xs.gradient?.value?.values, reference.gradient(x.doubles, dy.doubles), tolerance: 1e-6, "dx")
    }

    @Test(arguments: Activation.all)
    func addsToCollectedGradients(kind: Activation) {
        var random = SeededGenerator(91)
        let x = random.values(7 * 20), dy = random.values(7 * 10), tape = Tape()
        let xs = Tensor(x, shape: [7, 20], tape: tape)
        (xs.gated(kind) + xs.gated(kind)).backward(dy)
        let twice = dy.doubles.map { 2 * $0 }
        let expected = Reference(kind: kind, width: 10).gradient(x.doubles, twice)
        expectClose(xs.gradient?.value?.values, expected, tolerance: 1e-6, "dx")
    }

    @Test func aConstantRecordsNothing() {
        let y = Tensor([1, 2, 3, 4], shape: [1, 4]).gated(.relu)
        #expect(y.gradient == nil && y.values == [3, 8])
    }
}
