import Testing

@testable import Tensors

@Compute @Suite struct CompressedMatrixTests {
    private nonisolated static let shapes = [
        (1, 1), (5, 7), (31, 9), (32, 4), (33, 3), (48, 130), (64, 64), (100, 37), (257, 30), (700, 300),
    ].map { [$0.0, $0.1] }
    private nonisolated static let rows = [1, 2, 3, 8, 9, 40, 300]

    /// The vector kernels against the plain formulas, in every row; equal to the last bit, or to an ulp where the order of
    /// two factors differs.
    @Test(arguments: CompressedKind.allCases, shapes)
    func widensEveryElement(kind: CompressedKind, shape: [Int]) {
        let matrix = kind.make(input: shape[0], output: shape[1], seed: 30)
        let expected = matrix.decompressed()
        #expect(Set(expected).count > min(expected.count, 16) / 4, "a matrix of one value shows nothing")
        let indices = (0..<shape[1]).reversed().map { Int32($0) } + [0]
        let rows = matrix.rows(at: indices)
        #expect(rows.shape == [indices.count, shape[0]] && rows.gradient == nil)
        let selected = indices.flatMap { expected[Int($0) * shape[0]..<(Int($0) + 1) * shape[0]] }
        expectClose(rows.values, selected.doubles, tolerance: 1e-7, "rows")
    }

    @Test(arguments: CompressedKind.allCases, shapes)
    func equalsReference(kind: CompressedKind, shape: [Int]) {
        let (input, output) = (shape[0], shape[1])
        for rows in Self.rows where rows * input * output < 20_000_000 {
            var random = SeededGenerator(UInt64(31 + rows))
            let x = random.values(rows * input), dy = random.values(rows * output)
            let bias = rows % 2 == 0 ? random.values(output) : nil
            let matrix = kind.make(
                input: input, output: output, seed: 32, bias: bias.map { Tensor($0, shape: [output]) })
            #expect(matrix.inputWidth == input && matrix.outputWidth == output)
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape)
            let y = matrix(xs)
            #expect(y.shape == [rows, output])
            y.backward(dy)

            let w = ReferenceMatrix(matrix.decompressed().doubles, rows: output, columns: input)
            let xr = ReferenceMatrix(x.doubles, rows: rows, columns: input)
            let dyr = ReferenceMatrix(dy.doubles, rows: rows, columns: output)
            let expected = (xr * w.transposed).adding(bias?.doubles ?? [Double](repeating: 0, count: output))
            expectClose(y.values, expected.values, tolerance: 2e-6, "y of \(rows) rows")
            expectClose(xs.gradient?.value?.values, (dyr * w).values, tolerance: 2e-6, "dx of \(rows) rows")
        }
    }

    /// Two maps of one x: the second gradient is added to the first.
    @Test(arguments: CompressedKind.allCases)
    func gradientsAddUp(kind: CompressedKind) {
        var random = SeededGenerator(33)
        let (rows, input, output) = (17, 300, 290)
        let matrix = kind.make(input: input, output: output, seed: 34)
        let tape = Tape(), xs = Tensor(random.values(rows * input), shape: [rows, input], tape: tape)
        let c = random.values(rows * output)
        (matrix(xs) + matrix(xs)).backward(c)
        let w = ReferenceMatrix(matrix.decompressed().doubles, rows: output, columns: input)
        let twice = ReferenceMatrix(c.doubles.map { 2 * $0 }, rows: rows, columns: output)
        expectClose(xs.gradient?.value?.values, (twice * w).values, tolerance: 2e-6, "dx")
    }

    /// What stands behind a row of x is not looked at, whatever it is.
    @Test(arguments: CompressedKind.allCases)
    func readsNothingBeyondARow(kind: CompressedKind) {
        let (input, output) = (21, 6)
        let matrix = kind.make(input: input, output: output, seed: 35)
        let storage = Tensor([Float](repeating: .nan, count: 20 * input), shape: [20, input])
        for row in 0..<4 * input { storage.floats[row] = 1 }
        let y = Tensor(shape: [4, output])
        matrix.apply(storage[rows: 0..<4], into: y.allRows)
        #expect(y.isFinite)
    }

    /// Equal bit for bit on one thread and on more, forward and back.
    @Test(arguments: CompressedKind.allCases, [1, 8, 9, 300])
    func doesNotDependOnThreads(kind: CompressedKind, rows: Int) {
        let before = Compute.threads
        defer { Compute.threads = before }
        let (input, output) = (700, 900)
        let matrix = kind.make(input: input, output: output, seed: 36)
        func run(threads: Int) -> [[UInt32]] {
            Compute.threads = threads
            var random = SeededGenerator(37)
            let tape = Tape(), xs = Tensor(random.values(rows * input), shape: [rows, input], tape: tape)
            let y = matrix(xs)
            y.backward(random.values(rows * output))
            let table = matrix.rows(at: random.indices(40, below: output))
            return [y.values.bits, xs.gradient?.value?.values.bits ?? [], table.values.bits]
        }
        let one = run(threads: 1)
        #expect(one.allSatisfy { !$0.isEmpty })
        for threads in [2, 3, 5] { #expect(run(threads: threads) == one, "\(threads) threads") }
    }

    @Test func aConstantIsNotRecorded() {
        let matrix = CompressedKind.int8.make(input: 8, output: 6, seed: 38)
        let y = matrix(Tensor([Float](repeating: 1, count: 40), shape: [5, 8]))
        #expect(y.gradient == nil && matrix.parameterGradient == nil)
    }

    @Test(arguments: CompressedKind.allCases)
    func noRows(kind: CompressedKind) {
        let matrix = kind.make(input: 40, output: 6, seed: 39)
        let tape = Tape(), x = Tensor([], shape: [0, 40], tape: tape)
        let y = matrix(x)
        #expect(y.shape == [0, 6])
        y.backward([])
        #expect(x.gradient?.value?.shape == [0, 40])
        #expect(matrix.rows(at: []).shape == [0, 40])
    }

    /// An output head over a table: other bias, same memory.
    @Test func anotherBiasSharesTheMemory() {
        let table = CompressedKind.float16.make(input: 40, output: 6, seed: 40)
        let bias: [Float] = [1, 2, 3, 4, 5, 6]
        let head = table.withBias(Tensor(bias, shape: [6]))
        let x = Tensor([Float](repeating: 0.5, count: 40), shape: [1, 40])
        expectClose(head(x).values, zip(table(x).values, bias).map { Double($0 + $1) }, tolerance: 1e-6, "y")
        expectClose(head.withBias(nil)(x).values, table(x).values.doubles, tolerance: 0, "y without bias")
    }

    /// Memory per weight, at the sizes of the formats: 2 bytes; 1; a half and a 32-bit scale per 64; a half, and a scale
    /// of 8 bits per 64; a half, and 3 bytes per 128.
    @Test func holdsWhatTheFormatNeeds() {
        let count = 256 * 512
        func bytes(_ kind: CompressedKind) -> Int {
            kind.make(input: 512, output: 256, seed: 41, block: 64, group: 128).byteCount
        }
        #expect(bytes(.float16) == count * 2 && bytes(.bfloat16) == count * 2)
        #expect(bytes(.int8) == count + 256 * 4)
        #expect(bytes(.codebook) == count / 2 + count / 64 * 4 + 64)
        #expect(bytes(.doublyQuantized) == count / 2 + count / 64 + count / 64 / 256 * 4 + 1024 + 64)
        #expect(bytes(.grouped) == count / 2 + count / 128 * 3)
        #expect(bytes(.groupedAndScaled) == count / 2 + count / 128 * 3 + 512 * 4)
    }
}
