import Foundation
import Tensors

/// AutoAWQ's "GEMM" layout (Lin et al. 2024): 4-bit codes in 32-bit words, with a zero and a scale for each output and
/// group of inputs.
extension CheckpointReader {
    func groupedWeights(_ name: String, input: Int, output: Int) throws -> CompressedWeights {
        let groups = try groups(of: name, input: input, output: output), words = output / 8
        let scales = CompressedBytes.transposed(
            try halves("\(name).scales", shape: [groups, output]), rows: groups, columns: output)
        let zeros = try readBytes("\(name).qzeros", shape: [groups, words], type: .int32)
        let codes = try readBytes("\(name).qweight", shape: [input, words], type: .int32)
        return .grouped(
            .packedInterleaved(codes, input: input, output: output), scales: scales,
            zeros: .unpackedZeros(zeros, groups: groups, output: output), group: input / groups)
    }

    /// How such a matrix lies as integers: w = q · scale − zero · scale. The offset has up to 15 bits.
    func groupedLayout(_ name: String, input: Int, output: Int) throws -> QuantizedMatrix.Layout {
        let group = input / (try groups(of: name, input: input, output: output))
        let held = [32, 64].contains(group) || group % 128 == 0 ? group : 32
        return QuantizedMatrix.Layout(.int4, group: held, scales: .half, offsets: .float)
    }

    /// The same matrix for products of integers.
    @Compute func groupedIntegers(
        _ name: String, input: Int, output: Int, inputScales: [Float]?, bias: Tensor?,
        backward: QuantizedMatrix.Backward
    ) throws -> QuantizedMatrix {
        let layout = try groupedLayout(name, input: input, output: output)
        let groups = try groups(of: name, input: input, output: output), words = output / 8
        let stored = try halves("\(name).scales", shape: [groups, output])
        let scales = [Float](unsafeUninitializedCapacity: groups * output) { buffer, initialized in
            stored.withUnsafeBytes { bytes in
                guard let source = bytes.baseAddress, let target = buffer.baseAddress else { return }
                FloatFormat.float16.widen(source, count: groups * output, into: target)
            }
            initialized = groups * output
        }
        let packed = try readBytes("\(name).qzeros", shape: [groups, words], type: .int32)
        let codes = try readBytes("\(name).qweight", shape: [input, words], type: .int32)
        let zeros = CompressedBytes.unpackedZeros(packed, groups: groups, output: output)
        // Groups that the layout does not have are several of its own.
        let held = layout.groups(of: input), repeats = held / groups
        return try QuantizedMatrix(
            input: input, output: output, inputScales: inputScales, bias: bias, layout: layout, backward: backward
        ) { rows, q, heldScales, offsets in
            CompressedBytes.unpackInterleaved(codes, input: input, output: output, rows: rows, into: q)
            zeros.withBytes { zeros in
                for (index, row) in rows.enumerated() {
                    for group in 0..<held {
                        let source = group / repeats, scale = scales[source * output + row]
                        heldScales[index * held + group] = scale
                        offsets[index * held + group] = -Float(zeros[row * groups + source]) * scale
                    }
                }
            }
        }
    }

    /// How many groups the inputs of a matrix have, after a look at its layout.
    private func groups(of name: String, input: Int, output: Int) throws -> Int {
        try checkLayout(name, input: input, output: output)
        let groups = shape(of: "\(name).scales")?.first ?? 1
        guard groups > 0, input % groups == 0, groups == 1 || input / groups % 32 == 0 else {
            throw damaged(
                "\(name).scales", "\(groups) groups for \(input) inputs, where groups of a multiple of 32 belong")
        }
        return groups
    }

    /// Refuses the layouts that have the same keys.
    private func checkLayout(_ name: String, input: Int, output: Int) throws {
        let key = "\(name).qweight", place = place(of: key)
        func refusal(_ layout: String) -> CheckpointError {
            .unsupportedType(file: place.file, key: place.key, type: "\(layout), not AutoAWQ's GEMM layout")
        }
        if contains("\(name).g_idx") { throw refusal("GPTQ") }
        let shape = shape(of: key) ?? []
        guard output % 8 == 0 else { throw damaged(key, "\(output) outputs do not fill words of eight") }
        guard shape != [input, output / 8] else { return }
        if shape == [input / 8, output] { throw refusal("GPTQ") }
        if shape == [output, input / 8] { throw refusal("AutoAWQ's GEMV layout") }
        if storedType(of: key) == .int16 { throw refusal("AutoAWQ's GEMV-fast layout") }
        throw CheckpointError.wrongShape(
            file: place.file, key: place.key, expected: [input, output / 8], found: shape)
    }

    /// Finite numbers of binary16, as they are stored: the products of others with zeros could be infinite.
    private func halves(_ name: String, shape: [Int]) throws -> [UInt8] {
        let values = try readBytes(name, shape: shape, type: .float16)
        try values.withUnsafeBytes { try checkFinite($0, type: .float16, name) }
        return values
    }
}
