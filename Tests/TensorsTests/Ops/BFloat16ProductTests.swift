import Testing

@testable import Tensors

/// Matrices that are rounded to bfloat16, multiplied with vectors that are, too.
@Compute @Suite("Products of bfloat16", .enabled(if: Processor.multipliesBFloat16, "needs AVX512_BF16"))
struct BFloat16ProductTests {
    private nonisolated static let shapes = [
        (1, 1), (5, 7), (31, 9), (32, 4), (33, 3), (48, 130), (64, 64), (100, 37), (257, 30), (700, 300),
    ].map { [$0.0, $0.1] }
    /// Few rows have a kernel of their own, whose blocks are of 1, 2 and 4 rows.
    private nonisolated static let rows = [1, 2, 3, 4, 5, 16, 31, 32, 33, 48, 300]

    private static func matrix(
        _ values: [Float], _ input: Int, _ output: Int, orientation: MatrixOrientation = .outputByInput,
        bias: [Float]? = nil
    ) -> CompressedMatrix {
        values.withUnsafeBufferPointer {
            CompressedMatrix(
                roundingToBFloat16: $0, input: input, output: output, orientation: orientation,
                bias: bias.map { Tensor($0, shape: [output]) })
        }
    }

    /// The nearest bfloat16, found without bits: spacing is 2⁻⁷ of the power of two below.
    private static func nearest(_ x: Float) -> Double {
        guard x.isNormal else { return Double(x) }
        let spacing = Double(sign: .plus, exponent: Int(x.exponent) - 7, significand: 1)
        return (Double(x) / spacing).rounded(.toNearestOrEven) * spacing
    }

    private static func rounded(_ values: [Float], _ rows: Int, _ columns: Int) -> ReferenceMatrix {
        ReferenceMatrix(values.map(nearest), rows: rows, columns: columns)
    }

    @Test func roundsToTheNearest() {
        let ulp = Float(0x1p-7)
        let values: [Float] = [
            1, 1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.51 * ulp, -1 - ulp / 2, -3.14159, 0, -0, 1e-30, 65504, 0x1p-133,
            .infinity, .nan, .greatestFiniteMagnitude,
        ]
        let expected: [Float] = [
            1, 1, 1 + 2 * ulp, 1 + ulp, -1, -3.140625, 0, -0, Float(Self.nearest(1e-30)), 65536, 0x1p-133, .infinity,
            .nan, .infinity,
        ]
        let found = Self.matrix(values, values.count, 1).decompressed()
        for (found, expected) in zip(found, expected) {
            #expect(found.bitPattern == expected.bitPattern || found.isNaN && expected.isNaN, "\(found), \(expected)")
        }
    }

    /// Against products in double precision of the rounded numbers: what is left is the sums of 32 bits. And against those of the
    /// numbers as they were: 2⁻⁹ of each factor.
    @Test(arguments: shapes)
    func equalsReference(shape: [Int]) {
        let (input, output) = (shape[0], shape[1])
        var random = SeededGenerator(50)
        let values = random.values(input * output)
        for rows in Self.rows where rows * input * output < 20_000_000 {
            let x = random.values(rows * input), dy = random.values(rows * output)
            let bias = rows % 2 == 0 ? random.values(output) : nil
            let matrix = Self.matrix(values, input, output, bias: bias)
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape)
            let y = matrix(xs)
            #expect(y.shape == [rows, output])
            y.backward(dy)

            let added = bias?.doubles ?? [Double](repeating: 0, count: output)
            let w = Self.rounded(values, output, input)
            let forward = (Self.rounded(x, rows, input) * w.transposed).adding(added)
            expectClose(y.values, forward.values, tolerance: 2e-6, "y of \(rows) rows")
            let dx = Self.rounded(dy, rows, output) * w
            expectClose(xs.gradient?.value?.values, dx.values, tolerance: 2e-6, "dx of \(rows) rows")

            let whole = ReferenceMatrix(values.doubles, rows: output, columns: input)
            let exact = (ReferenceMatrix(x.doubles, rows: rows, columns: input) * whole.transposed).adding(added)
            expectClose(y.values, exact.values, tolerance: 0x1p-7, "y of \(rows) rows, not rounded")
        }
    }

    /// Two maps of one x: the second gradient is added to the first.
    @Test(arguments: [3, 17, 40]) func gradientsAddUp(rows: Int) {
        var random = SeededGenerator(51)
        let (input, output) = (300, 290)
        let values = random.values(input * output), c = random.values(rows * output)
        let matrix = Self.matrix(values, input, output)
        let tape = Tape(), xs = Tensor(random.values(rows * input), shape: [rows, input], tape: tape)
        (matrix(xs) + matrix(xs)).backward(c)
        let dx = Self.rounded(c, rows, output) * Self.rounded(values, output, input)
        expectClose(xs.gradient?.value?.values, dx.values.map { 2 * $0 }, tolerance: 2e-6, "dx")
    }

    /// Up to 32 rows, and from 33 on, a row's bits are the same whatever stands beside it; the two kernels add up in different
    /// orders. The way back has one kernel only.
    @Test func aRowDoesNotDependOnThoseBesideIt() {
        var random = SeededGenerator(52)
        let (input, output) = (700, 330)
        let matrix = Self.matrix(random.values(input * output), input, output)
        let x = random.values(640 * input), dy = random.values(640 * output)
        func run(_ rows: Int) -> (y: [UInt32], dx: [UInt32]) {
            let tape = Tape(), xs = Tensor(Array(x.prefix(rows * input)), shape: [rows, input], tape: tape)
            let y = matrix(xs)
            y.backward(Array(dy.prefix(rows * output)))
            return (y.values.bits, xs.gradient?.value?.values.bits ?? [])
        }
        let few = run(32), many = run(640)
        for rows in [1, 2, 3, 7, 31] { #expect(run(rows).y == Array(few.y.prefix(rows * output)), "\(rows) rows") }
        for rows in [33, 48, 100, 512] { #expect(run(rows).y == Array(many.y.prefix(rows * output)), "\(rows) rows") }
        for rows in [1, 7, 33, 512] { #expect(run(rows).dx == Array(many.dx.prefix(rows * input)), "\(rows) rows") }
    }

    @Test(arguments: [1, 8, 40, 300]) func doesNotDependOnThreads(rows: Int) {
        let before = Compute.threads
        defer { Compute.threads = before }
        var random = SeededGenerator(53)
        let (input, output) = (700, 900)
        let matrix = Self.matrix(random.values(input * output), input, output)
        let x = random.values(rows * input), dy = random.values(rows * output)
        func run(threads: Int) -> [[UInt32]] {
            Compute.threads = threads
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape)
            let y = matrix(xs)
            y.backward(dy)
            return [y.values.bits, xs.gradient?.value?.values.bits ?? []]
        }
        let one = run(threads: 1)
        #expect(one.allSatisfy { !$0.isEmpty })
        for threads in [2, 3] { #expect(run(threads: threads) == one, "\(threads) threads") }
    }

    /// A NaN spoils its own row, and is not lost by rounding; what stands behind the last row is not looked at.
    @Test(arguments: [4, 40]) func noNumberStaysInItsRow(rows: Int) {
        let (input, output) = (70, 21)
        let matrix = Self.matrix([Float](repeating: 0.5, count: input * output), input, output)
        let storage = Tensor([Float](repeating: .nan, count: (rows + 20) * input), shape: [rows + 20, input])
        for i in 0..<rows * input { storage.floats[i] = 1 }
        storage.floats[input + 69] = .nan
        let y = Tensor(shape: [rows, output])
        matrix.apply(storage[rows: 0..<rows], into: y.allRows)
        for (i, value) in y.values.enumerated() {
            if i / output == 1 { #expect(value.isNaN) } else { #expect(value == 35) }
        }
    }

    @Test func noRows() {
        let matrix = Self.matrix([Float](repeating: 1, count: 240), 40, 6)
        let tape = Tape(), x = Tensor([], shape: [0, 40], tape: tape), y = matrix(x)
        #expect(y.shape == [0, 6])
        y.backward([])
        #expect(x.gradient?.value?.shape == [0, 40])
    }

    @Test func isTheSameHoweverItIsGiven() throws {
        var random = SeededGenerator(54)
        let (input, output) = (1100, 1500), values = random.values(input * output)
        let byOutput = Self.matrix(values, input, output)
        let turned = (0..<input).flatMap { i in (0..<output).map { values[$0 * input + i] } }
        let byInput = Self.matrix(turned, input, output, orientation: .inputByOutput)
        let read = try CompressedMatrix(
            input: input, output: output,
            roundingToBFloat16: { rows, destination in
                _ = destination.update(fromContentsOf: values[rows.lowerBound * input..<rows.upperBound * input])
            })
        #expect(byOutput.byteCount == 2 * input * output)
        let expected = byOutput.decompressed()
        #expect(byInput.decompressed() == expected && read.decompressed() == expected)
        // One memory for a table and the head over it.
        let head = byOutput.withBias(Tensor([Float](repeating: 1, count: output), shape: [output]))
        let x = Tensor(random.values(input), shape: [1, input])
        expectClose(head(x).values, byOutput(x).values.map { Double($0 + 1) }, tolerance: 1e-6, "y")
        let rows = byOutput.rows(at: [1499, 0]).values
        #expect(rows == Array(expected.suffix(input) + expected.prefix(input)))
    }
}
