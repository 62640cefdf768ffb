import Testing

@testable import Tensors

/// Serialized: the choice of kernels is one for the process.
@Compute @Suite(.serialized) struct QuantizedMatrixTests {
    nonisolated static let shapes = [
        (1, 1), (5, 7), (31, 9), (32, 64), (33, 65), (128, 130), (129, 64), (200, 37), (257, 63), (700, 300),
        // Beyond what panels meet at a time, forward and back.
        (2_100, 20), (20, 2_100),
    ].map { [$0.0, $0.1] }
    /// What weights are rounded to by default; and other layouts.
    nonisolated static let defaults: [QuantizedMatrix.Layout] = [.int8, .int4]
    nonisolated static let layouts: [QuantizedMatrix.Layout] = [
        .int8, .int4, .init(.int8, group: 32), .init(.int8, group: nil, scales: .float),
        .init(.int8, group: 256), .init(.int4, group: 64, scales: .float, offsets: .float),
    ]
    nonisolated static let levels = [0, 1, 2]

    static func matrix(
        _ values: [Float], _ input: Int, _ output: Int, _ layout: QuantizedMatrix.Layout, bias: [Float]? = nil,
        backward: QuantizedMatrix.Backward = .int8, orientation: MatrixOrientation = .outputByInput
    ) -> QuantizedMatrix {
        values.withUnsafeBufferPointer {
            QuantizedMatrix(
                $0, input: input, output: output, orientation: orientation,
                bias: bias.map { Tensor($0, shape: [output]) }, layout: layout, backward: backward)
        }
    }

    static func all(_ matrix: QuantizedMatrix) -> [Float] {
        matrix.rows(at: (0..<Int32(matrix.outputWidth)).map(\.self)).values
    }

    /// Numbers as networks have them: mostly small, a few large.
    static func heavyTailed(_ count: Int, _ seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed)
        return zip(random.values(count), random.values(count)).map { $0 * $1 * $1 }
    }

    /// How far a product may be off because its left side is rounded: half a step of each block, times |w|.
    private static func bound(
        _ x: [Float], _ w: [Float], rows: Int, input: Int, output: Int
    ) -> [Double] {
        var bounds: [Double] = []
        for row in 0..<rows {
            for n in 0..<output {
                var sum = 1e-5
                for start in stride(from: 0, to: input, by: 128) {
                    let block = start..<min(start + 128, input)
                    let greatest = block.map { abs(x[row * input + $0]) }.max() ?? 0
                    let weights = block.reduce(0.0) { $0 + Double(abs(w[n * input + $1])) }
                    sum += Double(greatest) / 254 * weights * 1.00001
                }
                bounds.append(sum)
            }
        }
        return bounds
    }

    private static func expectWithin(
        _ bounds: [Double], _ found: [Float]?, _ expected: [Double], _ name: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard let found, found.count == expected.count else {
            Issue.record("\(name): nothing of \(expected.count) elements", sourceLocation: sourceLocation)
            return
        }
        let wrong = found.indices.filter { !(abs(Double(found[$0]) - expected[$0]) <= bounds[$0]) }
        #expect(wrong.isEmpty, "\(name): \(wrong.count) of \(found.count)", sourceLocation: sourceLocation)
    }

    @Test(arguments: shapes, defaults)
    func productsAreWithinTheRoundingOfTheirInputs(shape: [Int], layout: QuantizedMatrix.Layout) {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (shape[0], shape[1])
        for rows in [1, 2, 5, 6, 7, 13, 40, 100] where rows * input * output < 10_000_000 {
            let values = Self.heavyTailed(input * output, 1), x = Self.heavyTailed(rows * input, UInt64(2 + rows))
            let bias = rows % 2 == 0 ? Self.heavyTailed(output, 3) : nil
            let matrix = Self.matrix(values, input, output, layout, bias: bias)
            let w = Self.all(matrix)
            let expected =
                ReferenceMatrix(x.doubles, rows: rows, columns: input)
                * ReferenceMatrix(w.doubles, rows: output, columns: input).transposed
            let all = expected.adding(bias?.doubles ?? [Double](repeating: 0, count: output)).values
            let bounds = Self.bound(x, w, rows: rows, input: input, output: output)
            for level in Self.levels {
                useQuantizedKernels(upTo: level)
                let y = matrix(Tensor(x, shape: [rows, input]))
                Self.expectWithin(bounds, y.values, all, "level \(level), \(rows) rows")
            }
        }
    }

    /// Integers that need no rounding: the sums must be exact, by every kernel.
    @Test(arguments: layouts) func integersAreExact(layout: QuantizedMatrix.Layout) {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output, rows) = (300, 70, 9), most = layout.width == .int8 ? 127 : 7
        var random = SeededGenerator(4)
        var w = (0..<input * output).map { _ in Float(Int(random.next() % UInt64(2 * most + 1)) - most) }
        var x = (0..<input * rows).map { _ in Float(Int(random.next() % 255) - 127) }
        // The greatest integer of every group and block fixes its scale at 1.
        for i in stride(from: 0, to: w.count, by: input) {
            for j in stride(from: 0, to: input, by: 32) {
                w[i + j] = layout.width == .int8 ? -127 : -8
                w[i + j + 1] = Float(most)
            }
        }
        for i in stride(from: 0, to: x.count, by: input) {
            for j in stride(from: 0, to: input, by: 32) { x[i + j] = 127 }
        }
        let matrix = Self.matrix(w, input, output, layout)
        #expect(Self.all(matrix) == w)
        let expected =
            ReferenceMatrix(x.doubles, rows: rows, columns: input)
            * ReferenceMatrix(w.doubles, rows: output, columns: input).transposed
        for level in Self.levels {
            useQuantizedKernels(upTo: level)
            expectClose(
                matrix(Tensor(x, shape: [rows, input])).values, expected.values, tolerance: 1e-6, "level \(level)")
        }
    }

    @Test(arguments: shapes) func eightBitWeightsAreOffByHalfAStep(shape: [Int]) {
        let (input, output) = (shape[0], shape[1]), values = Self.heavyTailed(input * output, 5)
        let rounded = Self.all(Self.matrix(values, input, output, .int8Row))
        for n in 0..<output {
            let row = n * input..<(n + 1) * input, step = (row.map { abs(values[$0]) }.max() ?? 0) / 127
            for i in row where !(abs(rounded[i] - values[i]) <= step * 0.5001) {
                Issue.record("weight \(i - row.lowerBound) of output \(n): \(rounded[i]) for \(values[i])")
                return
            }
        }
        // Both orientations hold the same numbers.
        var byInput = values
        for n in 0..<output { for i in 0..<input { byInput[i * output + n] = values[n * input + i] } }
        #expect(Self.all(Self.matrix(byInput, input, output, .int8Row, orientation: .inputByOutput)) == rounded)
    }

    /// The chosen scales and offsets are clearly better than those that reach from the least weight to the greatest.
    @Test func fourBitScalesAreSearched() {
        let (input, output) = (320, 40), values = Self.heavyTailed(input * output, 6)
        let rounded = Self.all(Self.matrix(values, input, output, .int4))
        var found = 0.0, plain = 0.0
        for start in stride(from: 0, to: values.count, by: 32) {
            let group = start..<start + 32
            let low = group.map { values[$0] }.min() ?? 0, high = group.map { values[$0] }.max() ?? 0
            func error(_ value: (Int) -> Float) -> Double {
                group.reduce(0) { $0 + Double((value($1) - values[$1]) * (value($1) - values[$1])) }
            }
            found += error { rounded[$0] }
            plain += error { low + ((values[$0] - low) * 15 / (high - low)).rounded() * (high - low) / 15 }
        }
        #expect(found < 0.95 * plain)
    }

    /// A value a thousand times as large as the others costs its own block of 128 precision, no other.
    @Test func outliersStayInTheirBlocks() {
        let (input, output) = (512, 64), w = Self.heavyTailed(input * output, 7)
        var x = [Float](repeating: 0, count: input)
        for i in 128..<512 { x[i] = Float(i % 7) - 3 }
        let matrix = Self.matrix(w, input, output, .int8)
        let without = matrix(Tensor(x, shape: [1, input])).values
        x[5] = 3_000
        let with = matrix(Tensor(x, shape: [1, input])).values, held = Self.all(matrix)
        let expected = (0..<output).map { Double(without[$0]) + 3_000 * Double(held[$0 * input + 5]) }
        expectClose(with, expected, tolerance: 1e-6, "y")
    }

    @Test(arguments: shapes, defaults) func gradientsThroughIntegers(shape: [Int], layout: QuantizedMatrix.Layout) {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (shape[0], shape[1])
        let matrix = Self.matrix(Self.heavyTailed(input * output, 8), input, output, layout)
        let w = Self.all(matrix), scales = matrix.weights.backScales.floats
        // The integers of the way back: of groups within half a step of the weights, and what 16 bits lose.
        var integers = [Float](repeating: 0, count: input * output)
        for n in 0..<output { for i in 0..<input { integers[i * output + n] = w[n * input + i] / scales[n] } }
        #expect(integers.allSatisfy { abs($0) < 127.01 })
        let half: Float = layout.isPlain ? 0 : 0.68
        for rows in [1, 7, 40, 100] where rows * input * output < 5_000_000 {
            let dy = Self.heavyTailed(rows * output, 9)
            let expected =
                ReferenceMatrix(dy.doubles.map { 2 * $0 }, rows: rows, columns: output)
                * ReferenceMatrix(w.doubles, rows: output, columns: input)
            // dy is rounded after each element was multiplied by the scale of its output.
            let scaled = dy.indices.map { dy[$0] * scales[$0 % output] }
            let halfSteps = (0..<rows).map { row in
                (0..<output).reduce(0) { $0 + Double(half * abs(scaled[row * output + $1])) }
            }
            let bounds = Self.bound(
                scaled, integers.map { abs($0) + half }, rows: rows, input: output, output: input
            ).enumerated().map { 2 * ($1 + halfSteps[$0 / input]) }
            for level in Self.levels {
                useQuantizedKernels(upTo: level)
                let tape = Tape(), x = Tensor.zeros([rows, input], tape: tape)
                (matrix(x) + matrix(x)).backward(dy)
                Self.expectWithin(
                    bounds, x.gradient?.value?.values, expected.values, "level \(level), dx of \(rows) rows")
            }
        }
    }

    /// A gradient of a single output needs no rounding and brings back that output's weights, each from its place.
    @Test(arguments: shapes, defaults) func gradientsOfSingleOutputsAreTheirWeights(
        shape: [Int], layout: QuantizedMatrix.Layout
    ) {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (shape[0], shape[1])
        let matrix = Self.matrix(Self.heavyTailed(input * output, 23), input, output, layout), w = Self.all(matrix)
        // A hundred of them where there are many.
        let outputs = Array(stride(from: 0, to: output, by: (output + 99) / 100))
        var dy = [Float](repeating: 0, count: outputs.count * output)
        for (row, n) in outputs.enumerated() { dy[row * output + n] = 1 }
        let expected = outputs.flatMap { w[$0 * input..<($0 + 1) * input] }
        let scales = matrix.weights.backScales.floats
        // Of groups half a step of 8 bits is lost, and what is rounded in 16 bits.
        let bounds = expected.indices.map { i in
            1e-6 * Double(abs(expected[i])) + (layout.isPlain ? 0 : 0.68 * Double(scales[outputs[i / input]]))
        }
        for level in Self.levels {
            useQuantizedKernels(upTo: level)
            let tape = Tape(), x = Tensor.zeros([outputs.count, input], tape: tape)
            matrix(x).backward(dy)
            Self.expectWithin(bounds, x.gradient?.value?.values, expected.doubles, "level \(level)")
        }
    }

    @Test(arguments: shapes, defaults) func gradientsInFloats(shape: [Int], layout: QuantizedMatrix.Layout) {
        let (input, output) = (shape[0], shape[1])
        for rows in [1, 7, 40] {
            let matrix = Self.matrix(
                Self.heavyTailed(input * output, 10), input, output, layout, backward: .float32)
            let w = Self.all(matrix), dy = Self.heavyTailed(rows * output, 11)
            let tape = Tape(), x = Tensor.zeros([rows, input], tape: tape)
            (matrix(x) + matrix(x)).backward(dy)
            let expected =
                ReferenceMatrix(dy.doubles.map { 2 * $0 }, rows: rows, columns: output)
                * ReferenceMatrix(w.doubles, rows: output, columns: input)
            expectClose(x.gradient?.value?.values, expected.values, tolerance: 2e-6, "dx of \(rows) rows")
        }
    }

    @Test(arguments: [[300, 700], [2_100, 70], [70, 2_100]], defaults)
    func threadsChangeNothing(shape: [Int], layout: QuantizedMatrix.Layout) {
        let before = Compute.threads
        defer { Compute.threads = before }
        let (input, output, rows) = (shape[0], shape[1], 110)
        let x = Self.heavyTailed(rows * input, 12), w = Self.heavyTailed(input * output, 13)
        let dy = Self.heavyTailed(rows * output, 14)
        let results = [1, 2, 3].map { threads -> [UInt32] in
            Compute.threads = threads
            let matrix = Self.matrix(w, input, output, layout)
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape), y = matrix(xs)
            y.backward(dy)
            return (y.values + (xs.gradient?.value?.values ?? [])).map(\.bitPattern)
        }
        #expect(results[0] == results[1] && results[0] == results[2])
        #expect(results[0].count == rows * (input + output))
    }

    @Test(arguments: layouts, [Float.nan, .infinity, -.infinity])
    func badNumbersSpoilTheirOwnRowOnly(layout: QuantizedMatrix.Layout, bad: Float) {
        let (input, output) = (200, 70),
            matrix = Self.matrix(Self.heavyTailed(input * output, 15), input, output, layout)
        func gradient(_ dy: [Float]) -> [Float] {
            let tape = Tape(), x = Tensor.zeros([3, input], tape: tape)
            matrix(x).backward(dy)
            return x.gradient?.value?.values ?? []
        }
        for (columns, product) in [
            (input, { matrix(Tensor($0, shape: [3, input])).values }), (output, { gradient($0) }),
        ] as [(Int, ([Float]) -> [Float])] {
            var x = Self.heavyTailed(3 * columns, 16)
            let good = product(x), width = good.count / 3
            x[columns + 50] = bad
            let y = product(x)
            #expect(width > 0 && y[width..<2 * width].allSatisfy { !$0.isFinite })
            #expect(y[..<width] == good[..<width] && y[(2 * width)...] == good[(2 * width)...])
        }
    }

    @Test(arguments: layouts) func zeros(layout: QuantizedMatrix.Layout) {
        let matrix = Self.matrix([Float](repeating: 0, count: 50 * 3), 50, 3, layout, bias: [1, 2, 3])
        #expect(matrix(Tensor(Self.heavyTailed(100, 17), shape: [2, 50])).values == [1, 2, 3, 1, 2, 3])
        let other = Self.matrix(Self.heavyTailed(150, 18), 50, 3, layout)
        #expect(other(Tensor.zeros([1, 50])).values == [0, 0, 0])
        #expect(other(Tensor(shape: [0, 50])).shape == [0, 3])
    }

    /// An output without weights, and one without some of them, beside others.
    @Test(arguments: layouts) func gradientsOfZeros(layout: QuantizedMatrix.Layout) {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (96, 8)
        var values = Self.heavyTailed(input * output, 25)
        for i in 3 * input..<4 * input { values[i] = 0 }
        for i in 5 * input + 32..<5 * input + 64 { values[i] = 0 }
        let matrix = Self.matrix(values, input, output, layout), w = Self.all(matrix)
        var dy = [Float](repeating: 0, count: output * output)
        for n in 0..<output { dy[n * output + n] = -2 }
        let scales = matrix.weights.backScales.floats
        for level in Self.levels {
            useQuantizedKernels(upTo: level)
            let tape = Tape(), x = Tensor.zeros([output, input], tape: tape)
            matrix(x).backward(dy)
            let bounds = w.indices.map { i in
                2e-6 * Double(abs(w[i])) + (layout.isPlain ? 0 : 1.36 * Double(scales[i / input]))
            }
            Self.expectWithin(bounds, x.gradient?.value?.values, w.doubles.map { -2 * $0 }, "level \(level)")
            #expect(x.gradient?.value?.values[3 * input..<4 * input].allSatisfy { $0 == 0 } == true)
        }
    }

    /// A matrix too large for one part is the same as one rounded at once.
    @Test(arguments: layouts) func rowsMayBeReadInParts(layout: QuantizedMatrix.Layout) throws {
        let (input, output) = (9_000, 150), values = Self.heavyTailed(input * output, 24)
        let whole = Self.matrix(values, input, output, layout)
        var parts: [Range<Int>] = []
        let read = try QuantizedMatrix(input: input, output: output, layout: layout, backward: .none) { rows, part in
            parts.append(rows)
            _ = part.update(fromContentsOf: values[rows.lowerBound * input..<rows.upperBound * input])
        }
        #expect(parts == [0..<64, 64..<128, 128..<150])
        #expect(Self.all(read) == Self.all(whole))
        #expect((0..<output).allSatisfy { read.weights.backScales.floats[$0] == whole.weights.backScales.floats[$0] })
        struct Unreadable: Error {}
        #expect(throws: Unreadable.self) {
            try QuantizedMatrix(input: 3, output: 2, layout: layout, backward: .none) { _, _ in throw Unreadable() }
        }
    }

    /// Weights whose only bytes are those of the format, gradients or not.
    @Test func memory() {
        let values = Self.heavyTailed(768 * 640, 19)
        #expect(Self.matrix(values, 768, 640, .int8).byteCount == 768 * 640 + 768 / 128 * 640 * 2 + 640 * 4)
        #expect(Self.matrix(values, 768, 640, .int4).byteCount == 768 * 640 / 2 + 768 / 32 * 640 * 4 + 640 * 4)
    }

    @Test(arguments: layouts) func aHeadSharesItsTable(layout: QuantizedMatrix.Layout) {
        let table = Self.matrix(Self.heavyTailed(40 * 90, 20), 40, 90, layout), bias = Self.heavyTailed(90, 21)
        let head = table.withBias(Tensor(bias, shape: [90])), x = Tensor(Self.heavyTailed(80, 22), shape: [2, 40])
        #expect(head.weights.integers === table.weights.integers && head.byteCount == table.byteCount)
        let expected = zip(table(x).values, bias + bias).map { Double($0) + Double($1) }
        expectClose(head(x).values, expected, tolerance: 1e-6, "logits")
        let some = table.rows(at: [3, 0, 3]).values, all = Self.all(table)
        #expect(some == Array(all[120..<160] + all[0..<40] + all[120..<160]))
    }
}

extension QuantizedMatrix.Layout {
    /// One scale per output.
    fileprivate static let int8Row = Self(.int8, group: nil, scales: .float)
}
