import Testing

@testable import Tensors

/// Integers with scales and offsets that a file has. Serialized: the choice of kernels is one for the process.
@Compute @Suite(.serialized) struct QuantizedGroupsTests {
    /// A format of files: its layout, its integers, and how scales and offsets come about.
    struct Format: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let layout: QuantizedMatrix.Layout
        let integers: ClosedRange<Int>
        /// Steps of a scale and an offset, times a binary16 number: 1 for that number alone.
        var scaleSteps = 1...1, offsetSteps = 1...1
        /// Groups that share such a number.
        var shared = 1
        /// Offsets are −step · scale, as AWQ has them.
        var hasZeros = false
    }

    nonisolated static let formats = [
        Format(testDescription: "Q4_0", layout: .init(.int4, group: 32), integers: -8...7),
        Format(testDescription: "Q4_1", layout: .init(.int4, group: 32, offsets: .half), integers: 0...15),
        Format(testDescription: "Q5_0", layout: .init(.int8, group: 32), integers: -16...15),
        Format(testDescription: "Q5_1", layout: .init(.int8, group: 32, offsets: .half), integers: 0...31),
        Format(testDescription: "Q8_0", layout: .init(.int8, group: 32), integers: -128...127),
        Format(
            testDescription: "Q4_K", layout: .init(.int4, group: 32, scales: .nested, offsets: .nested),
            integers: 0...15, scaleSteps: 0...63, offsetSteps: 0...63, shared: 8),
        Format(
            testDescription: "Q5_K", layout: .init(.int8, group: 32, scales: .nested, offsets: .nested),
            integers: 0...31, scaleSteps: 0...63, offsetSteps: 0...63, shared: 8),
        Format(
            testDescription: "AWQ 128", layout: .init(.int4, group: 128, offsets: .float), integers: 0...15,
            offsetSteps: 0...15, hasZeros: true),
        Format(
            testDescription: "AWQ 64", layout: .init(.int4, group: 64, offsets: .float), integers: 0...15,
            offsetSteps: 0...15, hasZeros: true),
        Format(
            testDescription: "AWQ, whole rows", layout: .init(.int4, group: nil, offsets: .float), integers: 0...15,
            offsetSteps: 0...15, hasZeros: true),
    ]
    nonisolated static let shapes = [[1, 1], [33, 65], [160, 64], [300, 70], [2_100, 5], [5, 2_100]]

    /// What a file holds.
    struct Contents {
        var q: [Int8] = []
        var scales: [Float] = []
        var offsets: [Float] = []
        /// The values, by the formula: q · scale, then + offset.
        var values: [Float] = []

        @Compute init(_ format: Format, input: Int, output: Int, seed: UInt64) {
            var random = SeededGenerator(seed)
            let groups = format.layout.groups(of: input), size = format.layout.group ?? input
            func integer(_ range: ClosedRange<Int>) -> Int {
                range.lowerBound + Int(random.next() % UInt64(range.count))
            }
            func half() -> Float { Float(Float16(Float(1 + integer(0...2_000)) * 1.7e-5)) }
            q = (0..<input * output).map { _ in Int8(integer(format.integers)) }
            for _ in 0..<output {
                var scale: Float = 0, offset: Float = 0
                for g in 0..<groups {
                    if g % format.shared == 0 { (scale, offset) = (half(), half()) }
                    scales.append(scale * Float(integer(format.scaleSteps)))
                    let steps = Float(integer(format.offsetSteps))
                    offsets.append(-steps * (format.hasZeros ? scales[scales.count - 1] : offset))
                }
            }
            if format.layout.offsets == nil { offsets = [] }
            for n in 0..<output {
                for i in 0..<input {
                    let g = n * groups + i / size, product = Float(q[n * input + i]) * scales[g]
                    values.append(offsets.isEmpty ? product : product + offsets[g])
                }
            }
        }

        @Compute func matrix(
            _ layout: QuantizedMatrix.Layout, input: Int, output: Int, backward: QuantizedMatrix.Backward = .int8
        ) throws -> QuantizedMatrix {
            let groups = layout.groups(of: input)
            return try QuantizedMatrix(input: input, output: output, layout: layout, backward: backward) {
                rows, q, scales, offsets in
                _ = q.update(fromContentsOf: self.q[rows.lowerBound * input..<rows.upperBound * input])
                let range = rows.lowerBound * groups..<rows.upperBound * groups
                _ = scales.update(fromContentsOf: self.scales[range])
                if !offsets.isEmpty { _ = offsets.update(fromContentsOf: self.offsets[range]) }
            }
        }
    }

    @Test(arguments: formats, shapes) func nothingIsLost(format: Format, shape: [Int]) throws {
        let contents = Contents(format, input: shape[0], output: shape[1], seed: 1)
        let matrix = try contents.matrix(format.layout, input: shape[0], output: shape[1])
        #expect(QuantizedMatrixTests.all(matrix) == contents.values)
        // And the format asked for holds it.
        #expect(matrix.layout == format.layout)
    }

    /// x as the products round it: blocks of 128, their greatest magnitude 127 steps, but for the two greatest of a row.
    private static func rounded(_ x: [Float], width: Int) -> [Double] {
        var result: [Double] = []
        for row in stride(from: 0, to: x.count, by: width) {
            let order = (row..<row + width).sorted { (abs(x[$0]), $1) > (abs(x[$1]), $0) }
            let outliers = Set(order.prefix(2))
            for start in stride(from: 0, to: width, by: 128) {
                let places = row + start..<row + min(start + 128, width)
                let greatest = places.map { outliers.contains($0) ? 0 : abs(x[$0]) }.max() ?? 0
                let inverse = greatest > 0 ? 127 / greatest : 0
                result += places.map {
                    if outliers.contains($0) { return Double(x[$0]) }
                    return Double((x[$0] * inverse).rounded(.toNearestOrEven)) * Double(greatest / 127)
                }
            }
        }
        return result
    }

    /// All that products round is x.
    @Test(arguments: formats, shapes) func productsRoundNothingButTheirInputs(format: Format, shape: [Int]) throws {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (shape[0], shape[1])
        let contents = Contents(format, input: input, output: output, seed: 2)
        let matrix = try contents.matrix(format.layout, input: input, output: output)
        for rows in [1, 8, 13, 20] where rows * input * output < 3_000_000 {
            let x = QuantizedMatrixTests.heavyTailed(rows * input, UInt64(rows))
            let rounded = Self.rounded(x, width: input)
            let w = contents.values
            // Terms of integers and of offsets are added up apart: their magnitudes bound what floats lose.
            var expected: [(sum: Double, magnitude: Double)] = []
            for row in 0..<rows {
                for n in 0..<output {
                    var sum = 0.0, magnitude = 0.0
                    for i in 0..<input {
                        let value = rounded[row * input + i], weight = Double(w[n * input + i])
                        sum += value * weight
                        magnitude += abs(value) * (abs(weight) + 0.5)
                    }
                    expected.append((sum, magnitude))
                }
            }
            for level in QuantizedMatrixTests.levels {
                useQuantizedKernels(upTo: level)
                let y = matrix(Tensor(x, shape: [rows, input])).values
                let wrong = zip(y, expected).filter { !(abs(Double($0) - $1.sum) <= 1e-6 * $1.magnitude + 1e-12) }.count
                #expect(y.count == expected.count && wrong == 0, "level \(level): \(wrong) of \(rows) × \(output)")
            }
        }
    }

    /// Two elements a thousand times as large as the others cost no precision, wherever they are.
    @Test(arguments: formats) func outliersCostNothing(format: Format) throws {
        let (input, output) = (300, 70)
        let contents = Contents(format, input: input, output: output, seed: 9)
        let matrix = try contents.matrix(format.layout, input: input, output: output)
        var random = SeededGenerator(10)
        let x = random.values(input), plain = matrix(Tensor(x, shape: [1, input])).values
        for places in [[3, 7], [7, 290], [298, 299]] {
            var other = x
            for place in places { other[place] = 1_000 * Float(1 + place) }
            let y = matrix(Tensor(other, shape: [1, input])).values
            for n in 0..<output {
                let added = places.reduce(0.0) {
                    $0 + (Double(other[$1]) - Double(x[$1])) * Double(contents.values[n * input + $1])
                }
                // What is left is the rounding of the others, both times.
                let weights = (0..<input).reduce(0.0) { $0 + abs(Double(contents.values[n * input + $1])) }
                #expect(abs(Double(y[n]) - Double(plain[n]) - added) <= weights * 0.03 + 1e-6 * abs(added))
            }
        }
    }

    /// The bits of a row are the same alone and among others, forward and back.
    @Test(arguments: formats) func rowsDoNotDependOnOthers(format: Format) throws {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output, rows) = (300, 150, 103)
        let matrix = try Contents(format, input: input, output: output, seed: 3).matrix(
            format.layout, input: input, output: output)
        let x = QuantizedMatrixTests.heavyTailed(rows * input, 4),
            dy = QuantizedMatrixTests.heavyTailed(rows * output, 5)
        func both(_ range: Range<Int>) -> (y: [UInt32], dx: [UInt32]) {
            let tape = Tape()
            let part = Tensor(
                Array(x[range.lowerBound * input..<range.upperBound * input]), shape: [range.count, input], tape: tape)
            let y = matrix(part)
            y.backward(Array(dy[range.lowerBound * output..<range.upperBound * output]))
            return (y.values.map(\.bitPattern), part.gradient?.value?.values.map(\.bitPattern) ?? [])
        }
        for level in QuantizedMatrixTests.levels {
            useQuantizedKernels(upTo: level)
            let all = both(0..<rows)
            for range in [0..<1, 5..<6, 7..<14, 50..<63, 97..<103] {
                let some = both(range)
                #expect(some.y[...] == all.y[range.lowerBound * output..<range.upperBound * output], "level \(level)")
                #expect(some.dx[...] == all.dx[range.lowerBound * input..<range.upperBound * input], "level \(level)")
            }
        }
    }

    /// A gradient of a single output brings back that output's weights, to half a step of 8 bits; floats, all of them.
    @Test(arguments: formats, shapes) func gradients(format: Format, shape: [Int]) throws {
        defer { useQuantizedKernels(upTo: 2) }
        let (input, output) = (shape[0], shape[1])
        let contents = Contents(format, input: input, output: output, seed: 6)
        let outputs = Array(stride(from: 0, to: output, by: (output + 39) / 40))
        var dy = [Float](repeating: 0, count: outputs.count * output)
        for (row, n) in outputs.enumerated() { dy[row * output + n] = 1 }
        let expected = outputs.flatMap { contents.values[$0 * input..<($0 + 1) * input] }
        let matrix = try contents.matrix(format.layout, input: input, output: output)
        let steps = outputs.map { matrix.weights.backScales.floats[$0] }
        for (row, n) in outputs.enumerated() {
            let least = (contents.values[n * input..<(n + 1) * input].map(abs).max() ?? 0) / 127
            // A group of few weights may need a larger step for what turns it.
            #expect(steps[row] >= least * 0.99999 && (input % 32 != 0 || steps[row] <= 1.2 * least))
        }
        func gradient(_ matrix: QuantizedMatrix) -> [Float] {
            let tape = Tape(), x = Tensor.zeros([outputs.count, input], tape: tape)
            matrix(x).backward(dy)
            return x.gradient?.value?.values ?? []
        }
        var found: [[Float]] = []
        for level in QuantizedMatrixTests.levels {
            useQuantizedKernels(upTo: level)
            found.append(gradient(matrix))
            let wrong = expected.indices.filter { !(abs(found[level][$0] - expected[$0]) <= 0.68 * steps[$0 / input]) }
            #expect(wrong.isEmpty, "level \(level): \(wrong.count) of \(expected.count)")
        }
        #expect(found[0] == found[1] && found[1] == found[2])
        let floats = try contents.matrix(format.layout, input: input, output: output, backward: .float32)
        expectClose(gradient(floats), expected.doubles, tolerance: 1e-6, "in floats")
    }

    /// What a format does not hold is held in 32 bits, and read again for that.
    @Test func formatsThatDoNotHoldTheirNumbersGiveWay() throws {
        let format = Self.formats[5]
        var contents = Contents(format, input: 96, output: 5, seed: 7)
        contents.scales[4] = 0.1
        contents.values.replaceSubrange(
            128..<160, with: (128..<160).map { Float(contents.q[$0]) * 0.1 + contents.offsets[4] })
        let matrix = try contents.matrix(format.layout, input: 96, output: 5)
        #expect(QuantizedMatrixTests.all(matrix) == contents.values)
        #expect(matrix.layout == format.layout.inFloats)
        struct Unreadable: Error {}
        #expect(throws: Unreadable.self) {
            try QuantizedMatrix(input: 3, output: 2, layout: .int4, backward: .none) { _, _, _, _ in throw Unreadable()
            }
        }
    }

    /// Bytes of a weight: 4.5, 5, 8.5, and 4.625 of Q4_K, as in the files, beside four bytes of each output for the way back.
    @Test(arguments: [(0, 4.5), (1, 5), (4, 8.5), (5, 4.625)]) func memory(index: Int, bits: Double) throws {
        let format = Self.formats[index]
        let matrix = try Contents(format, input: 512, output: 128, seed: 8).matrix(
            format.layout, input: 512, output: 128)
        #expect(matrix.byteCount == Int(bits * 512 * 128 / 8) + 128 * 4)
    }
}
