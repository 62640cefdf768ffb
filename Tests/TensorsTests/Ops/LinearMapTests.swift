import Testing

@testable import Tensors

/// Every kind of map, made from the same W [input × output] and b.
enum MapKind: Sendable, CaseIterable {
    case frozen, frozenByOutput, trainable, trainableByOutput

    var isTrainable: Bool { self == .trainable || self == .trainableByOutput }
    var orientation: MatrixOrientation {
        self == .frozen || self == .trainable ? .inputByOutput : .outputByInput
    }

    @Compute func make(
        _ weight: [Float], input: Int, output: Int, bias: [Float]?, tape: Tape? = nil
    ) throws -> any LinearMap {
        let byInput = orientation == .inputByOutput
        let laid = byInput ? weight : Self.transposed(weight, rows: input)
        let bias = bias.map { Tensor($0, shape: [output], tape: isTrainable ? tape : nil) }
        guard isTrainable else {
            return try laid.withUnsafeBufferPointer {
                try FrozenMatrix(
                    $0, input: input, output: output, orientation: orientation, bias: bias, differentiable: true)
            }
        }
        let shape = byInput ? [input, output] : [output, input]
        return TrainableMatrix(
            weight: Tensor(laid, shape: shape, tape: tape), orientation: orientation, bias: bias)
    }

    /// The collected gradient of W as [input × output].
    @Compute func weightGradient(_ map: any LinearMap) -> [Float]? {
        guard let gradient = map.parameterGradient?.value?.values else { return nil }
        return orientation == .inputByOutput ? gradient : Self.transposed(gradient, rows: map.outputWidth)
    }

    private static func transposed(_ values: [Float], rows: Int) -> [Float] {
        let columns = values.count / rows
        return (0..<columns).flatMap { j in (0..<rows).map { i in values[i * columns + j] } }
    }
}

@Compute @Suite struct LinearMapTests {
    private nonisolated static let shapes = [
        (1, 5, 7), (1, 48, 33), (3, 16, 16), (15, 33, 1), (16, 1, 20), (17, 100, 130), (40, 64, 48), (650, 48, 144),
    ].map { [$0.0, $0.1, $0.2] }

    @Test func referenceGradientIsTheSlope() {
        var random = SeededGenerator(20)
        let x = ReferenceMatrix(random.values(6).doubles, rows: 2, columns: 3)
        let w = ReferenceMatrix(random.values(12).doubles, rows: 3, columns: 4)
        let b = random.values(4).doubles, dy = ReferenceMatrix(random.values(8).doubles, rows: 2, columns: 4)
        expectSlope(
            of: { dot(dy.values, (ReferenceMatrix($0, rows: 2, columns: 3) * w).adding(b).values) }, at: x.values,
            equals: (dy * w.transposed).values, "x")
        expectSlope(
            of: { dot(dy.values, (x * ReferenceMatrix($0, rows: 3, columns: 4)).adding(b).values) }, at: w.values,
            equals: (x.transposed * dy).values, "W")
        expectSlope(of: { dot(dy.values, (x * w).adding($0).values) }, at: b, equals: dy.rowSum, "b")
    }

    @Test(arguments: MapKind.allCases, shapes)
    func equalsReference(kind: MapKind, shape: [Int]) throws {
        let (rows, input, output) = (shape[0], shape[1], shape[2])
        for hasBias in [false, true] {
            var random = SeededGenerator(UInt64(rows + input))
            let x = random.values(rows * input), weight = random.values(input * output)
            let bias = hasBias ? random.values(output) : nil, dy = random.values(rows * output)
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape)
            let map = try kind.make(weight, input: input, output: output, bias: bias, tape: tape)
            #expect(map.inputWidth == input && map.outputWidth == output)
            let y = map(xs)
            #expect(y.shape == [rows, output])
            y.backward(dy)

            let xr = ReferenceMatrix(x.doubles, rows: rows, columns: input)
            let wr = ReferenceMatrix(weight.doubles, rows: input, columns: output)
            let dyr = ReferenceMatrix(dy.doubles, rows: rows, columns: output)
            let expected = (xr * wr).adding(bias?.doubles ?? [Double](repeating: 0, count: output))
            expectClose(y.values, expected.values, tolerance: 2e-6, "y")
            expectClose(xs.gradient?.value?.values, (dyr * wr.transposed).values, tolerance: 2e-6, "dx")
            guard kind.isTrainable else { continue }
            expectClose(kind.weightGradient(map), (xr.transposed * dyr).values, tolerance: 2e-6, "dW")
            guard hasBias else { continue }
            let dBias = (map as? TrainableMatrix)?.bias?.gradient?.value?.values
            expectClose(dBias, dyr.rowSum, tolerance: 2e-6, "db")
        }
    }

    /// Two maps of one x, and one map of two xs: all gradients add up.
    @Test(arguments: MapKind.allCases, [1, 17])
    func gradientsAddUp(kind: MapKind, rows: Int) throws {
        var random = SeededGenerator(21)
        let x = random.values(rows * 20), weight = random.values(20 * 24), c = random.values(rows * 24)
        let tape = Tape(), xs = Tensor(x, shape: [rows, 20], tape: tape)
        let map = try kind.make(weight, input: 20, output: 24, bias: nil, tape: tape)
        (map(xs) + map(xs)).backward(c)

        let xr = ReferenceMatrix(x.doubles, rows: rows, columns: 20)
        let wr = ReferenceMatrix(weight.doubles, rows: 20, columns: 24)
        let twice = ReferenceMatrix(c.doubles.map { 2 * $0 }, rows: rows, columns: 24)
        expectClose(xs.gradient?.value?.values, (twice * wr.transposed).values, tolerance: 2e-6, "dx")
        guard kind.isTrainable else { return }
        expectClose(kind.weightGradient(map), (xr.transposed * twice).values, tolerance: 2e-6, "dW")
    }

    /// A frozen matrix whose x is a constant records nothing; a trainable one still collects its own gradient.
    @Test(arguments: MapKind.allCases)
    func constantInput(kind: MapKind) throws {
        var random = SeededGenerator(22)
        let x = random.values(5 * 8), weight = random.values(8 * 6), dy = random.values(5 * 6)
        let map = try kind.make(weight, input: 8, output: 6, bias: nil, tape: Tape())
        let y = map(Tensor(x, shape: [5, 8]))
        #expect((y.gradient != nil) == kind.isTrainable)
        guard kind.isTrainable else { return }
        y.backward(dy)
        let xr = ReferenceMatrix(x.doubles, rows: 5, columns: 8)
        let dyr = ReferenceMatrix(dy.doubles, rows: 5, columns: 6)
        expectClose(kind.weightGradient(map), (xr.transposed * dyr).values, tolerance: 2e-6, "dW")
    }

    /// Only the bias is trained (BitFit, Ben Zaken et al. 2022).
    @Test func onlyTheBiasIsTrained() {
        let tape = Tape(), bias = Tensor([0, 0], shape: [2], tape: tape)
        let weight = Tensor([1, 2, 3, 4], shape: [2, 2])
        let map = TrainableMatrix(weight: weight, orientation: .inputByOutput, bias: bias)
        map(Tensor([1, 1, 1, 1], shape: [2, 2])).backward([1, 2, 3, 4])
        #expect(bias.gradient?.value?.values == [4, 6])
    }

    @Test(arguments: MapKind.allCases)
    func noRows(kind: MapKind) throws {
        let tape = Tape(), x = Tensor([], shape: [0, 3], tape: tape)
        let map = try kind.make([Float](repeating: 1, count: 6), input: 3, output: 2, bias: [1, 2], tape: tape)
        let y = map(x)
        #expect(y.shape == [0, 2])
        y.backward([])
        #expect(x.gradient?.value?.shape == [0, 3])
        if kind.isTrainable { #expect(kind.weightGradient(map) == [0, 0, 0, 0, 0, 0]) }
    }

    @Test func aFrozenMatrixHoldsItsCopiesOnly() throws {
        var weight = [Float](repeating: 1, count: 64 * 64)
        let (one, two) = try weight.withUnsafeBufferPointer {
            (
                try FrozenMatrix($0, input: 64, output: 64, orientation: .inputByOutput, differentiable: false),
                try FrozenMatrix($0, input: 64, output: 64, orientation: .inputByOutput, differentiable: true)
            )
        }
        #expect(one.byteCount >= 64 * 64 * 4 && two.byteCount == 2 * one.byteCount)
        weight = weight.map { _ in 7 }  // The source is not looked at again.
        #expect(one(Tensor([Float](repeating: 1, count: 64), shape: [1, 64])).values.allSatisfy { $0 == 64 })
    }
}
