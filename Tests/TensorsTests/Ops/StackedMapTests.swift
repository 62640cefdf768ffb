import Testing

@testable import Tensors

@Compute @Suite struct StackedMapTests {
    private nonisolated static let kinds: [[MapKind]] = [
        [.frozen, .frozen, .frozen], [.frozen, .trainable, .frozenByOutput],
        [.trainableByOutput, .frozen, .trainable], [.trainable],
    ]
    private nonisolated static let widths = [24, 7, 33]

    /// Three matrices side by side, and what they are as one.
    private struct Subject {
        let kinds: [MapKind]
        let weights: [[Float]]
        let biases: [[Float]]
        let map: StackedMap
        let whole: ReferenceMatrix
        let wholeBias: [Double]

        @Compute init(_ kinds: [MapKind], input: Int, tape: Tape) throws {
            var random = SeededGenerator(100)
            let widths = StackedMapTests.widths.prefix(kinds.count)
            let weights = widths.map { random.values(input * $0) }, biases = widths.map { random.values($0) }
            map = StackedMap(
                try kinds.indices.map {
                    try kinds[$0].make(weights[$0], input: input, output: widths[$0], bias: biases[$0], tape: tape)
                })
            let rows = (0..<input).flatMap { i in
                widths.indices.flatMap { weights[$0][i * widths[$0]..<(i + 1) * widths[$0]] }
            }
            whole = ReferenceMatrix(rows.doubles, rows: input, columns: widths.reduce(0, +))
            wholeBias = biases.flatMap { $0 }.doubles
            (self.kinds, self.weights, self.biases) = (kinds, weights, biases)
        }
    }

    @Test(arguments: kinds, [1, 3, 17, 130])
    func equalsOneMap(kinds: [MapKind], rows: Int) throws {
        let input = 20, tape = Tape(), subject = try Subject(kinds, input: input, tape: tape), map = subject.map
        let output = subject.whole.columns
        #expect(map.inputWidth == input && map.outputWidth == output)
        #expect((map.parameterGradient != nil) == kinds.contains(where: \.isTrainable))
        var random = SeededGenerator(101)
        let x = random.values(rows * input), dy = random.values(rows * output)
        let xs = Tensor(x, shape: [rows, input], tape: tape), y = map(xs)
        #expect(y.shape == [rows, output])
        y.backward(dy)

        let xr = ReferenceMatrix(x.doubles, rows: rows, columns: input)
        let dyr = ReferenceMatrix(dy.doubles, rows: rows, columns: output)
        expectClose(y.values, (xr * subject.whole).adding(subject.wholeBias).values, tolerance: 2e-6, "y")
        let dx = (dyr * subject.whole.transposed).values
        expectClose(xs.gradient?.value?.values, dx, tolerance: 2e-6, "dx")
        let dW = (xr.transposed * dyr).transposed.values, dBias = dyr.rowSum
        var column = 0
        for (kind, part) in zip(kinds, map.parts) {
            defer { column += part.outputWidth }
            guard let part = part as? TrainableMatrix else { continue }
            let columns = column..<column + part.outputWidth
            let expected = ReferenceMatrix(
                Array(dW[columns.lowerBound * input..<columns.upperBound * input]), rows: part.outputWidth,
                columns: input)
            expectClose(kind.weightGradient(part), expected.transposed.values, tolerance: 2e-6, "dW")
            expectClose(part.bias?.gradient?.value?.values, Array(dBias[columns]), tolerance: 2e-6, "db")
        }
    }

    @Test(arguments: kinds)
    func gradientsAddUp(kinds: [MapKind]) throws {
        let tape = Tape(), subject = try Subject(kinds, input: 20, tape: tape), output = subject.whole.columns
        var random = SeededGenerator(102)
        let xs = Tensor(random.values(5 * 20), shape: [5, 20], tape: tape), dy = random.values(5 * output)
        (subject.map(xs) + subject.map(xs)).backward(dy)
        let twice = ReferenceMatrix(dy.doubles.map { 2 * $0 }, rows: 5, columns: output)
        let dx = (twice * subject.whole.transposed).values
        expectClose(xs.gradient?.value?.values, dx, tolerance: 2e-6, "dx")
    }

    @Test func frozenPartsRecordNothing() throws {
        let map = try Subject([.frozen, .frozen, .frozenByOutput], input: 4, tape: Tape()).map
        #expect(map(Tensor([1, 2, 3, 4], shape: [1, 4])).gradient == nil)
    }

    @Test func noRows() throws {
        let tape = Tape(), x = Tensor([], shape: [0, 4], tape: tape)
        let y = try Subject([.frozen, .trainable, .frozen], input: 4, tape: tape).map(x)
        #expect(y.shape == [0, 64])
        y.backward([])
        #expect(x.gradient?.value?.shape == [0, 4])
    }
}
