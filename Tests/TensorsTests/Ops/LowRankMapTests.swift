import Testing

@testable import Tensors

/// y = x·(W + s·Aᵀ·Bᵀ) + b, and its derivative, in double precision.
private struct Reference {
    var x: ReferenceMatrix, down: ReferenceMatrix, up: ReferenceMatrix
    let weight: ReferenceMatrix, bias: [Double], scale: Double

    private func scaled(_ matrix: ReferenceMatrix) -> ReferenceMatrix {
        ReferenceMatrix(matrix.values.map { $0 * scale }, rows: matrix.rows, columns: matrix.columns)
    }

    var output: [Double] {
        zip((x * weight).adding(bias).values, scaled(x * down.transposed * up.transposed).values).map { $0 + $1 }
    }

    func gradients(_ dy: ReferenceMatrix) -> (x: [Double], down: [Double], up: [Double], weight: [Double]) {
        let dx = zip((dy * weight.transposed).values, scaled(dy * up * down).values).map { $0 + $1 }
        return (
            dx, scaled((dy * up).transposed * x).values, scaled(dy.transposed * (x * down.transposed)).values,
            (x.transposed * dy).values
        )
    }
}

@Compute @Suite struct LowRankMapTests {
    /// Random x, A, B, W, b and dy.
    private struct Subject {
        let reference: Reference
        let dy: ReferenceMatrix
        let x: [Float], down: [Float], up: [Float], weight: [Float], bias: [Float]
        let input: Int, output: Int, rank: Int, rows: Int

        init(rows: Int, input: Int, output: Int, rank: Int) {
            var random = SeededGenerator(UInt64(rows + input + rank))
            x = random.values(rows * input)
            down = random.values(rank * input)
            up = random.values(output * rank)
            weight = random.values(input * output)
            bias = random.values(output)
            dy = ReferenceMatrix(random.values(rows * output).doubles, rows: rows, columns: output)
            (self.rows, self.input, self.output, self.rank) = (rows, input, output, rank)
            reference = Reference(
                x: ReferenceMatrix(x.doubles, rows: rows, columns: input),
                down: ReferenceMatrix(down.doubles, rows: rank, columns: input),
                up: ReferenceMatrix(up.doubles, rows: output, columns: rank),
                weight: ReferenceMatrix(weight.doubles, rows: input, columns: output), bias: bias.doubles, scale: 0.75)
        }

        @Compute func map(_ kind: MapKind, tape: Tape, trains: (down: Bool, up: Bool)) throws -> LowRankMap {
            LowRankMap(
                base: try kind.make(weight, input: input, output: output, bias: bias, tape: tape),
                down: Tensor(down, shape: [rank, input], tape: trains.down ? tape : nil),
                up: Tensor(up, shape: [output, rank], tape: trains.up ? tape : nil), scale: 0.75)
        }
    }

    private nonisolated static let shapes = [[1, 5, 7, 1], [3, 16, 16, 4], [17, 48, 33, 8], [130, 20, 64, 16]]

    @Test func referenceGradientIsTheSlope() {
        let subject = Subject(rows: 2, input: 4, output: 3, rank: 2), reference = subject.reference
        let gradients = reference.gradients(subject.dy)
        func value(_ change: (inout Reference) -> Void) -> Double {
            var changed = reference
            change(&changed)
            return dot(subject.dy.values, changed.output)
        }
        expectSlope(
            of: { x in value { $0.x.values = x } }, at: reference.x.values, equals: gradients.x, "x")
        expectSlope(
            of: { down in value { $0.down.values = down } }, at: reference.down.values, equals: gradients.down, "A")
        expectSlope(of: { up in value { $0.up.values = up } }, at: reference.up.values, equals: gradients.up, "B")
    }

    @Test(arguments: MapKind.allCases, shapes)
    func equalsReference(kind: MapKind, shape: [Int]) throws {
        let subject = Subject(rows: shape[0], input: shape[1], output: shape[2], rank: shape[3]), tape = Tape()
        let map = try subject.map(kind, tape: tape, trains: (true, true))
        #expect(map.inputWidth == subject.input && map.outputWidth == subject.output)
        let xs = Tensor(subject.x, shape: [subject.rows, subject.input], tape: tape)
        let y = map(xs)
        y.backward(subject.dy.values.map(Float.init))
        let gradients = subject.reference.gradients(subject.dy)
        expectClose(y.values, subject.reference.output, tolerance: 2e-6, "y")
        expectClose(xs.gradient?.value?.values, gradients.x, tolerance: 2e-6, "dx")
        expectClose(map.down.gradient?.value?.values, gradients.down, tolerance: 2e-6, "dA")
        expectClose(map.up.gradient?.value?.values, gradients.up, tolerance: 2e-6, "dB")
        guard kind.isTrainable else { return }
        expectClose(kind.weightGradient(map.base), gradients.weight, tolerance: 2e-6, "dW")
    }

    /// Each of A and B may be constant; a map of constants under a constant x records nothing.
    @Test(arguments: [(false, false), (false, true), (true, false)])
    func differentiatesWhatIsAsked(down: Bool, up: Bool) throws {
        let subject = Subject(rows: 5, input: 12, output: 10, rank: 3), tape = Tape()
        let map = try subject.map(.frozen, tape: tape, trains: (down, up))
        #expect((map.parameterGradient != nil) == (down || up))
        let y = map(Tensor(subject.x, shape: [5, 12])), gradients = subject.reference.gradients(subject.dy)
        #expect((y.gradient != nil) == (down || up))
        y.backward(subject.dy.values.map(Float.init))
        if down { expectClose(map.down.gradient?.value?.values, gradients.down, tolerance: 2e-6, "dA") }
        if up { expectClose(map.up.gradient?.value?.values, gradients.up, tolerance: 2e-6, "dB") }
    }

    @Test func gradientsAddUp() throws {
        let subject = Subject(rows: 9, input: 12, output: 10, rank: 3), tape = Tape()
        let map = try subject.map(.frozen, tape: tape, trains: (true, true))
        let xs = Tensor(subject.x, shape: [9, 12], tape: tape)
        (map(xs) + map(xs)).backward(subject.dy.values.map { Float(2 * $0) })
        let gradients = subject.reference.gradients(subject.dy)
        expectClose(xs.gradient?.value?.values, gradients.x.map { 4 * $0 }, tolerance: 2e-6, "dx")
        expectClose(map.down.gradient?.value?.values, gradients.down.map { 4 * $0 }, tolerance: 2e-6, "dA")
        expectClose(map.up.gradient?.value?.values, gradients.up.map { 4 * $0 }, tolerance: 2e-6, "dB")
    }

    /// B starts as zeros: the map is unchanged, and A's gradient is zero while B's is not.
    @Test func startsAsTheMapUnderIt() throws {
        let subject = Subject(rows: 4, input: 8, output: 6, rank: 2), tape = Tape()
        let base = try MapKind.frozen.make(subject.weight, input: 8, output: 6, bias: nil)
        let map = LowRankMap(
            base: base, down: Tensor(subject.down, shape: [2, 8], tape: tape), up: .zeros([6, 2], tape: tape), scale: 2)
        let x = Tensor(subject.x, shape: [4, 8]), y = map(x)
        #expect(y.values == base(x).values)
        y.backward(subject.dy.values.map(Float.init))
        #expect(map.down.gradient?.value?.values.allSatisfy { $0 == 0 } == true)
        #expect(map.up.gradient?.value?.values.contains { $0 != 0 } == true)
    }

    /// Intermediate products stay while they are multiplied, also where memory that is let go goes back to the system at once:
    /// the first words of such a block are the allocator's.
    @Test func intermediateProductsOutliveTheirUse() throws {
        let rows = 256, input = 96, output = 160, rank = 32
        var random = SeededGenerator(70)
        let weight = random.values(input * output), x = random.values(rows * input), dy = random.values(rows * output)
        let down = random.values(rank * input), up = random.values(output * rank)
        let base = try weight.withUnsafeBufferPointer {
            try FrozenMatrix($0, input: input, output: output, orientation: .inputByOutput, differentiable: true)
        }
        func run() -> [[UInt32]] {
            let tape = Tape()
            let leaves = [(x, [rows, input]), (down, [rank, input]), (up, [output, rank])].map {
                Tensor($0.0, shape: $0.1, tape: tape)
            }
            let y = LowRankMap(base: base, down: leaves[1], up: leaves[2], scale: 0.5)(leaves[0])
            y.backward(dy)
            return ([y] + leaves.compactMap { $0.gradient?.value }).map(\.values.bits)
        }
        let expected = run()
        #expect(expected.count == 4)
        Compute.releaseFreeMemory()
        // As much free memory as is kept, in blocks of a size that nothing here asks for.
        _ = (0..<40).map { _ in Tensor(shape: [60_000]) }
        #expect(run() == expected)
        Compute.releaseFreeMemory()
    }
}
