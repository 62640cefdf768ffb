import Foundation
import Tensors

/// Matrices and tables of 16-bit floats that stay so in memory.
extension CheckpointReader {
    /// A tensor of binary16 or bfloat16 as a matrix; nil where it is stored otherwise, and nothing is taken then.
    ///
    /// - Parameters:
    ///   - name: The whole name of the tensor.
    ///   - orientation: How the checkpoint stores it.
    ///   - bias: b [output], or nil.
    /// - Throws: ``CheckpointError`` where it is missing, has another shape or holds NaN or infinity.
    @Compute func storedMatrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, bias: Tensor?
    ) throws -> CompressedMatrix? {
        guard let type = storedType(of: name), type == .float16 || type == .bfloat16 else { return nil }
        let values: CompressedBytes
        switch orientation {
        case .outputByInput:
            values = try bytes(name, shape: [output, input], type: type)
            try values.withBytes { try checkFinite($0, type: type, name) }
        case .inputByOutput:
            let stored = try readBytes(name, shape: [input, output], type: type)
            try stored.withUnsafeBytes { try checkFinite($0, type: type, name) }
            values = .transposed(stored, rows: input, columns: output)
        }
        return CompressedMatrix(
            type == .float16 ? .float16(values) : .bfloat16(values), input: input, output: output, bias: bias)
    }

    /// Looks for NaN and infinity among 16-bit floats. (Not left out where ``checksValues`` is off: the kernels rely on it.)
    func checkFinite(_ bytes: UnsafeRawBufferPointer, type: StoredType, _ name: String) throws {
        let exponent: UInt16 = type == .float16 ? 0x7c00 : 0x7f80
        let values = bytes.bindMemory(to: UInt16.self)
        // First without a branch, which is vectorised; hardly any file goes further.
        guard values.reduce(0, { max($0, $1 & exponent) }) == exponent,
            let index = values.firstIndex(where: { $0 & exponent == exponent })
        else { return }
        let fraction = values[index] & ~exponent & 0x7fff
        let value: Float = fraction != 0 ? .nan : values[index] >> 15 == 0 ? .infinity : -.infinity
        let place = place(of: name)
        throw CheckpointError.notFinite(file: place.file, key: place.key, index: index, value: value)
    }
}
