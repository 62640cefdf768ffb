import Testing

@testable import Tensors

/// y = μ/n ∘ (x·W + s·x·Aᵀ·Bᵀ) in double precision; n is a constant in every derivative.
private struct Reference {
    var x: ReferenceMatrix, down: ReferenceMatrix, up: ReferenceMatrix
    var magnitude: [Double]
    let weight: ReferenceMatrix, scale: Double

    private func scaled(_ matrix: ReferenceMatrix, by columns: [Double]) -> ReferenceMatrix {
        var result = matrix
        for i in matrix.values.indices { result.values[i] *= columns[i % matrix.columns] }
        return result
    }

    /// W + s·Aᵀ·Bᵀ [input × output].
    var updated: ReferenceMatrix {
        var result = down.transposed * up.transposed
        for i in result.values.indices { result.values[i] = weight.values[i] + scale * result.values[i] }
        return result
    }

    var norms: [Double] {
        let matrix = updated
        return (0..<matrix.columns).map { column in
            (0..<matrix.rows).reduce(0.0) { sum, row in
                let value = matrix.values[row * matrix.columns + column]
                return sum + value * value
            }.squareRoot()
        }
    }

    func output(norms: [Double]) -> [Double] { scaled(x * updated, by: zip(magnitude, norms).map { $0 / $1 }).values }

    func gradients(_ dy: ReferenceMatrix, norms: [Double]) -> (
        x: [Double], down: [Double], up: [Double], magnitude: [Double]
    ) {
        let g = scaled(dy, by: zip(magnitude, norms).map { $0 / $1 }), y = x * updated
        var products = dy
        for i in dy.values.indices { products.values[i] *= y.values[i] / norms[i % dy.columns] }
        let s = [Double](repeating: scale, count: down.rows)
        return (
            (g * updated.transposed).values, (scaled(g * up, by: s).transposed * x).values,
            (g.transposed * scaled(x * down.transposed, by: s)).values, products.rowSum
        )
    }
}

@Compute @Suite struct MagnitudeMapTests {
    /// Random x, A, B, W, μ and dy.
    private struct Subject {
        let reference: Reference
        let dy: ReferenceMatrix
        let x: [Float], down: [Float], up: [Float], weight: [Float], magnitude: [Float], bias: [Float]
        let input: Int, output: Int, rank: Int, rows: Int

        init(_ shape: [Int]) {
            (rows, input, output, rank) = (shape[0], shape[1], shape[2], shape[3])
            var random = SeededGenerator(UInt64(rows + input + rank))
            x = random.values(rows * input)
            down = random.values(rank * input)
            up = random.values(output * rank)
            weight = random.values(input * output)
            magnitude = random.values(output)
            bias = random.values(output)
            dy = ReferenceMatrix(random.values(rows * output).doubles, rows: rows, columns: output)
            reference = Reference(
                x: ReferenceMatrix(x.doubles, rows: rows, columns: input),
                down: ReferenceMatrix(down.doubles, rows: rank, columns: input),
                up: ReferenceMatrix(up.doubles, rows: output, columns: rank), magnitude: magnitude.doubles,
                weight: ReferenceMatrix(weight.doubles, rows: input, columns: output), scale: 0.75)
        }

        @Compute func map(_ kind: MapKind, tape: Tape?) throws -> MagnitudeMap {
            let base = try kind.make(weight, input: input, output: output, bias: nil)
            let direction = LowRankMap(
                base: base, down: Tensor(down, shape: [rank, input], tape: tape),
                up: Tensor(up, shape: [output, rank], tape: tape), scale: 0.75)
            return MagnitudeMap(direction: direction) { _ in Tensor(magnitude, shape: [output], tape: tape) }
        }
    }

    private nonisolated static let shapes = [[1, 5, 7, 1], [3, 16, 16, 4], [17, 48, 33, 8], [130, 70, 64, 16]]

    @Test func referenceGradientIsTheSlope() {
        let subject = Subject([2, 4, 3, 2]), reference = subject.reference, norms = reference.norms
        let gradients = reference.gradients(subject.dy, norms: norms)
        func value(_ change: (inout Reference) -> Void) -> Double {
            var changed = reference
            change(&changed)
            return dot(subject.dy.values, changed.output(norms: norms))
        }
        expectSlope(of: { x in value { $0.x.values = x } }, at: reference.x.values, equals: gradients.x, "x")
        expectSlope(
            of: { down in value { $0.down.values = down } }, at: reference.down.values, equals: gradients.down, "A")
        expectSlope(of: { up in value { $0.up.values = up } }, at: reference.up.values, equals: gradients.up, "B")
        expectSlope(of: { m in value { $0.magnitude = m } }, at: reference.magnitude, equals: gradients.magnitude, "μ")
    }

    @Test(arguments: MapKind.allCases, shapes)
    func equalsReference(kind: MapKind, shape: [Int]) throws {
        let subject = Subject(shape), tape = Tape(), map = try subject.map(kind, tape: tape)
        let xs = Tensor(subject.x, shape: [subject.rows, subject.input], tape: tape), y = map(xs)
        y.backward(subject.dy.values.map(Float.init))
        let norms = subject.reference.norms, gradients = subject.reference.gradients(subject.dy, norms: norms)
        expectClose(y.values, subject.reference.output(norms: norms), tolerance: 1e-5, "y")
        expectClose(xs.gradient?.value?.values, gradients.x, tolerance: 1e-5, "dx")
        expectClose(map.direction.down.gradient?.value?.values, gradients.down, tolerance: 1e-5, "dA")
        expectClose(map.direction.up.gradient?.value?.values, gradients.up, tolerance: 1e-5, "dB")
        expectClose(map.magnitude.gradient?.value?.values, gradients.magnitude, tolerance: 1e-5, "dμ")
    }

    /// The norm follows A and B from step to step, and is kept where nothing is trained.
    @Test func followsItsParameters() throws {
        let subject = Subject([3, 16, 16, 4]), x = Tensor(subject.x, shape: [3, 16])
        let map = try subject.map(.frozen, tape: Tape())
        let before = map(x).values
        map.direction.up.assign([Float](repeating: 0, count: map.direction.up.count))
        let without = map(x).values
        #expect(before != without)
        var reference = subject.reference
        reference.up.values = reference.up.values.map { _ in 0 }
        expectClose(without, reference.output(norms: reference.norms), tolerance: 1e-5, "y")
        let constant = try subject.map(.frozen, tape: nil)
        #expect(constant.parameterGradient == nil && constant(x).values == before && constant(x).values == before)
    }

    /// It starts as the map under it: lengths are those of its columns, and B is zero.
    @Test func startsAsTheMapUnderIt() throws {
        let subject = Subject([4, 12, 9, 2]), x = Tensor(subject.x, shape: [4, 12])
        let base = try MapKind.frozen.make(subject.weight, input: 12, output: 9, bias: nil)
        let direction = LowRankMap(
            base: base, down: Tensor(subject.down, shape: [2, 12]), up: .zeros([9, 2]), scale: 0.75)
        let map = MagnitudeMap(direction: direction) { Tensor($0, shape: [$0.count]) }
        expectClose(map(x).values, base(x).values.doubles, tolerance: 1e-6, "y")
    }

    /// With dropout, PEFT has y = m(x) − m(d(x)) + c ∘ (m(d(x)) + s·B·A·d(x)). Doubling stands for dropping.
    @Test func dropsAsPEFTDoes() throws {
        let subject = Subject([5, 16, 12, 3]), tape = Tape(), map = try subject.map(.frozen, tape: tape)
        map.direction.dropout = { $0.scaled(by: 2) }
        let bias = Tensor(subject.bias, shape: [12], tape: tape), whole = BiasedMap(base: map, bias: bias)
        #expect(whole.drops && StackedMap([whole]).drops)
        let xs = Tensor(subject.x, shape: [5, 16], tape: tape), y = whole(xs)
        y.backward(subject.dy.values.map(Float.init))
        var doubled = subject.reference
        doubled.x.values = doubled.x.values.map { 2 * $0 }
        let norms = doubled.norms, plain = (subject.reference.x * doubled.weight).values
        let expected = zip(doubled.output(norms: norms), plain).enumerated().map {
            $1.0 - $1.1 + Double(subject.bias[$0 % 12])
        }
        expectClose(y.values, expected, tolerance: 1e-5, "y")
        let gradients = doubled.gradients(subject.dy, norms: norms)
        let direct = (subject.dy * doubled.weight.transposed).values
        expectClose(xs.gradient?.value?.values, zip(gradients.x, direct).map { 2 * $0 - $1 }, tolerance: 1e-5, "dx")
        expectClose(map.direction.up.gradient?.value?.values, gradients.up, tolerance: 1e-5, "dB")
        expectClose(map.magnitude.gradient?.value?.values, gradients.magnitude, tolerance: 1e-5, "dμ")
        expectClose(bias.gradient?.value?.values, subject.dy.rowSum, tolerance: 1e-5, "db")
    }
}

@Compute @Suite struct BiasedMapTests {
    /// A frozen map and a trained bias are what the map with that bias is, b collects the sum of dy's rows.
    @Test(arguments: MapKind.allCases, [true, false])
    func isTheMapWithTheBias(kind: MapKind, isTrained: Bool) throws {
        var random = SeededGenerator(12)
        let weight = random.values(20 * 13), bias = random.values(13), x = random.values(7 * 20),
            dy = random.values(7 * 13)
        let tape = Tape(), other = Tape(), b = Tensor(bias, shape: [13], tape: isTrained ? tape : nil)
        let map = BiasedMap(base: try kind.make(weight, input: 20, output: 13, bias: nil), bias: b)
        let whole = try kind.make(weight, input: 20, output: 13, bias: bias)
        #expect((map.parameterGradient != nil) == isTrained && map.inputWidth == 20 && map.outputWidth == 13)
        let xs = [Tensor(x, shape: [7, 20], tape: tape), Tensor(x, shape: [7, 20], tape: other)]
        let y = map(xs[0]), expected = whole(xs[1])
        expectClose(y.values, expected.values.doubles, tolerance: 1e-6, "y")
        y.backward(dy)
        expected.backward(dy)
        expectClose(xs[0].gradient?.value?.values, xs[1].gradient?.value?.values.doubles ?? [], tolerance: 1e-6, "dx")
        let sum = ReferenceMatrix(dy.doubles, rows: 7, columns: 13).rowSum
        if isTrained { expectClose(b.gradient?.value?.values, sum, tolerance: 1e-6, "db") }
    }

    /// As a head, in a loss over chunks of rows.
    @Test func collectsInALoss() throws {
        var random = SeededGenerator(13)
        let weight = random.values(8 * 11), bias = random.values(11), x = random.values(6 * 8)
        let gradients = try [true, false].map { isSplit -> [[Float]] in
            let tape = Tape(), b = Tensor(bias, shape: [11], tape: tape)
            let table = Tensor(MapKind.frozenByOutput.laid(weight, rows: 8), shape: [11, 8])
            let head: any LinearMap =
                isSplit
                ? BiasedMap(base: FrozenMatrix(head: table), bias: b)
                : TrainableMatrix(weight: table, orientation: .outputByInput, bias: b)
            let xs = Tensor(x, shape: [6, 8], tape: tape)
            let (loss, _) = crossEntropy(
                xs, head: head, targets: [0, 3, 10, 2, 2, 7], weights: [1, 1, 0.5, 1, 2, 1], chunk: 4)
            tape.backward(from: loss)
            return [loss.values, try #require(b.gradient?.value).values, try #require(xs.gradient?.value).values]
        }
        for (split, whole) in zip(gradients[0], gradients[1]) {
            expectClose(split, whole.doubles, tolerance: 1e-6, "loss, db or dx")
        }
    }
}

extension MapKind {
    fileprivate func laid(_ values: [Float], rows: Int) -> [Float] {
        let columns = values.count / rows
        return (0..<columns).flatMap { j in (0..<rows).map { i in values[i * columns + j] } }
    }
}
