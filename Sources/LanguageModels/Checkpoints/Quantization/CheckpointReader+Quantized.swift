import Foundation
import Tensors

/// Matrices that a checkpoint stores quantised. What stands beside a weight tells which format it is:
///
/// | keys beside `name` | format |
/// | --- | --- |
/// | `weight.quant_state.bitsandbytes__nf4` or `__fp4` | bitsandbytes, 4 bits |
/// | `SCB` | bitsandbytes, LLM.int8() |
/// | `qweight` | AutoAWQ, "GEMM" layout |
extension CheckpointReader {
    /// Whether a key belongs to a quantised matrix only.
    static func isMarkOfQuantization(_ key: String) -> Bool {
        [".SCB", ".qweight", ".absmax", ".bitsandbytes__nf4", ".bitsandbytes__fp4"].contains { key.hasSuffix($0) }
    }

    /// Whether the matrix `name` is stored quantised.
    func isQuantized(_ name: String) -> Bool {
        fourBitState(name) != nil || contains("\(name).weight.absmax") || isEightBit(name)
            || contains("\(name).qweight")
    }

    /// A quantised matrix, as it is stored; nil where `name`.weight is an ordinary tensor. Takes all keys that belong to
    /// it, but not the bias.
    ///
    /// bitsandbytes and AutoAWQ quantise a GPT-2 as [output × input], whatever its ordinary checkpoints look like.
    ///
    /// - Parameters:
    ///   - bias: b [output], or nil.
    ///   - inputScales: The name of a vector [input] that x is divided by first; not looked for where nil, and applied
    ///     where it is there.
    /// - Throws: ``CheckpointError`` where a part is missing, contradicts another, or is of a layout that cannot be read.
    @Compute func quantizedMatrix(
        _ name: String, input: Int, output: Int, bias: Tensor?, inputScales: String?
    ) throws -> CompressedMatrix? {
        guard isQuantized(name) else { return nil }
        let weights: CompressedWeights =
            if contains("\(name).qweight") {
                try groupedWeights(name, input: input, output: output)
            } else if isEightBit(name) {
                try eightBitWeights(name, input: input, output: output)
            } else {
                try fourBitWeights(name, input: input, output: output)
            }
        return CompressedMatrix(
            weights, input: input, output: output, inputScales: try divisors(inputScales, count: input), bias: bias)
    }

    /// How a quantised matrix lies as integers in groups; nil where it is stored otherwise: as an ordinary tensor, or by codes
    /// that no scale and offset make integers of.
    func quantizedLayout(_ name: String, input: Int, output: Int) throws -> QuantizedMatrix.Layout? {
        if contains("\(name).qweight") { return try groupedLayout(name, input: input, output: output) }
        return isEightBit(name) ? QuantizedMatrix.Layout(.int8, group: nil, scales: .float) : nil
    }

    /// A quantised matrix of which ``quantizedLayout(_:input:output:)`` tells how it lies, for products of integers: the same
    /// keys are taken as by ``quantizedMatrix(_:input:output:bias:inputScales:)``, and the same values stand for them.
    @Compute func quantizedIntegers(
        _ name: String, input: Int, output: Int, bias: Tensor?, inputScales: String?,
        backward: QuantizedMatrix.Backward
    ) throws -> QuantizedMatrix {
        let divisors = try divisors(inputScales, count: input)
        guard isEightBit(name) else {
            return try groupedIntegers(
                name, input: input, output: output, inputScales: divisors, bias: bias, backward: backward)
        }
        let (weights, factors) = try eightBitParts(name, input: input, output: output)
        return try QuantizedMatrix(
            input: input, output: output, inputScales: divisors, bias: bias,
            layout: QuantizedMatrix.Layout(.int8, group: nil, scales: .float), backward: backward
        ) { rows, q, scales, _ in
            weights.withBytes { bytes in
                let part = bytes[rows.lowerBound * input..<rows.upperBound * input]
                UnsafeMutableRawBufferPointer(q).copyBytes(from: part)
            }
            for (index, row) in rows.enumerated() { scales[index] = factors[row] }
        }
    }

    /// What x is divided by, where the checkpoint says so.
    private func divisors(_ name: String?, count: Int) throws -> [Float]? {
        guard let name, let values = try readIfPresent(name, shape: [count]) else { return nil }
        if let index = values.firstIndex(where: { !(1 / $0).isFinite }) {
            throw damaged(name, "element \(index) is \(values[index]), and inputs are divided by it")
        }
        return values
    }

    /// An error about one part of a matrix.
    func damaged(_ name: String, _ problem: String) -> CheckpointError {
        let place = place(of: name)
        return .malformedTensor(file: place.file, key: place.key, problem: problem)
    }
}

extension CheckpointReader {
    private func isEightBit(_ name: String) -> Bool {
        contains("\(name).SCB") || storedType(of: "\(name).weight") == .int8
    }

    /// LLM.int8(): w = q · SCB / 127, a scale per output.
    private func eightBitWeights(_ name: String, input: Int, output: Int) throws -> CompressedWeights {
        let (weights, scales) = try eightBitParts(name, input: input, output: output)
        return .int8(weights, scales: CompressedBytes(floats: scales))
    }

    /// Integers and the scale of each output.
    private func eightBitParts(
        _ name: String, input: Int, output: Int
    ) throws -> (weights: CompressedBytes, scales: [Float]) {
        let layout = try eightBitLayout("\(name).weight_format")
        guard layout == "row" else {
            let place = place(of: "\(name).weight")
            throw CheckpointError.unsupportedType(
                file: place.file, key: place.key, type: "8-bit integers in the layout \(layout) of a GPU")
        }
        let scales = try read("\(name).SCB", shape: [output])
        let weights = try bytes("\(name).weight", shape: [output, input], type: .int8)
        return (weights, scales.map { $0 / 127 })
    }

    /// How an 8-bit matrix is laid out: said by a number, in pickles also by its name, or by nothing.
    private func eightBitLayout(_ name: String) throws -> String {
        if let text = format(of: name) { return text }
        guard let shape = shape(of: name) else { return "row" }
        guard shape.reduce(1, *) == 1 else { throw damaged(name, "it is no single number but has shape \(shape)") }
        let code = Int(try readBytes(name, shape: shape, type: .uint8)[0])
        let names = ["row", "col32", "col_turing", "col_ampere"]
        return names.indices.contains(code) ? names[code] : "\(code)"
    }

    /// The elements of a tensor as they are stored.
    func bytes(_ name: String, shape: [Int], type: StoredType) throws -> CompressedBytes {
        // Before memory is asked for: the shape is the configuration's, and nobody has compared it with the file yet.
        guard self.shape(of: name) == shape else {
            return CompressedBytes(try readBytes(name, shape: shape, type: type))
        }
        return try CompressedBytes(count: shape.reduce(type.size, *)) {
            try readBytes(name, shape: shape, type: type, into: $0)
        }
    }
}
