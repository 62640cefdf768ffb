import Foundation
import TestSupport
import Testing

@testable import LanguageModels
@testable import Tensors

/// Matrices of bitsandbytes and AutoAWQ against what their authors' code makes of them (see Goldens/quantized).
@Compute @Suite struct QuantizationTests {
    private nonisolated static let quantized = [
        "nf4", "nf4.straddling", "nf4.odd", "nf4.nested", "nf4.half", "nf4.in_bfloat16", "nf4.in_float32",
        "nf4.wide_blocks", "fp4", "fp4.nested", "fp4.narrow_blocks", "int8", "int8.wide", "awq", "awq.wide",
        "awq.one_group",
    ]

    private struct Golden {
        let reader: CheckpointReader
        let expected: [Float]
        let input: Int
        let output: Int

        init(_ name: String) throws {
            reader = CheckpointReader(try EditedSource.golden())
            let file = try SafetensorsFile(
                Fixtures.goldens.appendingPathComponent("quantized/expected.safetensors"))
            let shape = try #require(file.shape(of: name))
            expected = try file.floats(name)
            (output, input) = (shape[0], shape[1])
        }
    }

    /// All elements of W, then y and dx for a row, a few, and many: 1e-6 and 1e-5 of the greatest element.
    private func check(_ matrix: CompressedMatrix, _ golden: Golden, bias: [Float]?, _ name: String) {
        let (input, output) = (golden.input, golden.output)
        #expect(matrix.inputWidth == input && matrix.outputWidth == output)
        #expect(relativeError(matrix.decompressed(), golden.expected) < 1e-6, "\(name): W")
        for rows in [1, 3, 40] {
            let x = pattern(rows * input), dy = pattern(rows * output + 5).suffix(rows * output)
            let tape = Tape(), xs = Tensor(x, shape: [rows, input], tape: tape)
            let y = matrix(xs)
            var expectedY = [Float](), expectedDx = [Float]()
            for row in 0..<rows {
                for n in 0..<output {
                    expectedY.append(
                        Float(
                            (0..<input).reduce(Double(bias?[n] ?? 0)) {
                                $0 + Double(x[row * input + $1]) * Double(golden.expected[n * input + $1])
                            }))
                }
                for k in 0..<input {
                    expectedDx.append(
                        Float(
                            (0..<output).reduce(0.0) {
                                $0 + Double(dy[dy.startIndex + row * output + $1])
                                    * Double(golden.expected[$1 * input + k])
                            }))
                }
            }
            #expect(relativeError(y.values, expectedY) < 1e-5, "\(name): y of \(rows) rows")
            y.gradient?.add(Tensor(Array(dy), shape: [rows, output]))
            tape.backward(from: y, gradient: Tensor.zeros([rows, output]))
            #expect(relativeError(xs.gradient?.value?.values ?? [], expectedDx) < 1e-5, "\(name): dx of \(rows) rows")
        }
    }

    private func pattern(_ count: Int) -> [Float] { (0..<count).map { Float($0 * 37 % 257 - 128) / 128 } }

    @Test(arguments: quantized)
    func equalsTheOriginal(name: String) throws {
        let golden = try Golden(name), reader = golden.reader
        #expect(reader.isQuantized(name) && reader.holdsQuantizedMatrices)
        let bias = try reader.readIfPresent("\(name).bias", shape: [golden.output])
        let matrix = try #require(
            try reader.quantizedMatrix(
                name, input: golden.input, output: golden.output,
                bias: bias.map { Tensor($0, shape: [golden.output]) },
                inputScales: name == "awq.wide" ? "awq.act.scales" : "absent"))
        check(matrix, golden, bias: bias, name)
        // Every key that belongs to the matrix was taken.
        let keys = try EditedSource.golden().names
        let others = Self.quantized.filter { $0 != name && !name.hasPrefix($0 + ".") }
        let rest = keys.filter { key in
            !key.hasPrefix(name + ".") || others.contains { $0.hasPrefix(name) && key.hasPrefix($0 + ".") }
                || (name == "awq" && key == "awq.act.scales")
        }
        try reader.finish(ignoring: rest)
    }

    /// Those that are integers with scales and offsets: the gradients of one-hot rows are W, exactly where 32-bit floats come
    /// back; forward, and back by integers, what rounding x and dy to 8 bits costs.
    @Test(arguments: ["int8", "int8.wide", "awq", "awq.wide", "awq.one_group"])
    func multipliesIntegersAsStored(name: String) throws {
        let golden = try Golden(name), (input, output) = (golden.input, golden.output)
        let scales = name == "awq.wide" ? "awq.act.scales" : nil
        #expect(try golden.reader.quantizedLayout(name, input: input, output: output) != nil)
        let exact = try golden.reader.quantizedIntegers(
            name, input: input, output: output, bias: nil, inputScales: scales, backward: .float32)
        let oneHot = (0..<output * output).map { Float($0 / output == $0 % output ? 1 : 0) }
        #expect(relativeError(dx(exact, oneHot, rows: output), golden.expected) < 1e-6, "W")
        let matrix = try Golden(name).reader.quantizedIntegers(
            name, input: input, output: output, bias: nil, inputScales: scales, backward: .int8)
        let stored = try #require(
            try Golden(name).reader.quantizedMatrix(
                name, input: input, output: output, bias: nil, inputScales: scales))
        for rows in [1, 3, 40] {
            let x = pattern(rows * input), dy = pattern(rows * output)
            let expected = stored(Tensor(x, shape: [rows, input])).values
            #expect(relativeError(matrix(Tensor(x, shape: [rows, input])).values, expected) < 0.02, "y of \(rows)")
            #expect(relativeError(dx(matrix, dy, rows: rows), dx(stored, dy, rows: rows)) < 0.02, "dx of \(rows)")
        }
    }

    private func dx(_ matrix: any LinearMap, _ dy: [Float], rows: Int) -> [Float] {
        let tape = Tape(), x = Tensor(shape: [rows, matrix.inputWidth], tape: tape)
        tape.backward(from: matrix(x), gradient: Tensor(dy, shape: [rows, matrix.outputWidth]))
        return x.gradient?.value?.values ?? []
    }

    @Test(arguments: ["nf4", "fp4"]) func leavesCodesToFloats(name: String) throws {
        let golden = try Golden(name)
        #expect(try golden.reader.quantizedLayout(name, input: golden.input, output: golden.output) == nil)
    }

    @Test(arguments: ["float16", "bfloat16"], ["linear", "conv1d"])
    func keepsSixteenBitsAsStored(type: String, orientation: String) throws {
        let name = "\(type).\(orientation)", golden = try Golden(name)
        #expect(!golden.reader.isQuantized(name))
        let matrix = try #require(
            try golden.reader.storedMatrix(
                "\(name).weight", input: golden.input, output: golden.output,
                orientation: orientation == "linear" ? .outputByInput : .inputByOutput, bias: nil))
        #expect(matrix.decompressed() == golden.expected)
        #expect(matrix.byteCount == golden.expected.count * 2)
        check(matrix, golden, bias: nil, name)
        #expect(throws: CheckpointError.self) { try golden.reader.read("\(name).weight", shape: [1]) }
    }

    @Test func leavesOrdinaryTensorsAlone() throws {
        let reader = CheckpointReader(
            TensorsInMemory(["a.weight": (shape: [2, 2], values: [1, 2, 3, 4])]))
        #expect(!reader.holdsQuantizedMatrices && !reader.isQuantized("a"))
        #expect(try reader.quantizedMatrix("a", input: 2, output: 2, bias: nil, inputScales: nil) == nil)
        #expect(
            try reader.storedMatrix("a.weight", input: 2, output: 2, orientation: .outputByInput, bias: nil) == nil)
        #expect(try reader.read("a.weight", shape: [2, 2]) == [1, 2, 3, 4])
    }

    /// No more than 1.15 times what the file holds for it (of matrices that are not tiny: a codebook has a fixed size, and
    /// rows of 4-bit codes are filled up to 32).
    @Test(arguments: ["nf4", "nf4.half", "int8.wide", "awq", "awq.wide"])
    func holdsNoMoreThanTheFile(name: String) throws {
        let golden = try Golden(name), source = try EditedSource.golden()
        let matrix = try #require(
            try golden.reader.quantizedMatrix(
                name, input: golden.input, output: golden.output, bias: nil, inputScales: nil))
        let longer = Self.quantized.filter { $0.hasPrefix(name + ".") }
        let size = source.names.filter { key in
            key.hasPrefix(name + ".") && !longer.contains { key.hasPrefix($0 + ".") } && !key.hasSuffix(".bias")
                && !key.contains(".act.")
        }.reduce(0) { $0 + (source.shape(of: $1) ?? []).reduce(source.storedType(of: $1)?.size ?? 0, *) }
        #expect(Double(matrix.byteCount) <= 1.15 * Double(size), "\(matrix.byteCount) bytes for \(size)")
    }
}
