import Foundation
@testable import LanguageModels
import TestSupport

/// The folder of the files that PyTorch wrote.
let pyTorchGoldens = Fixtures.goldens.appendingPathComponent("pytorch")

extension TensorSource {
    /// All elements of a tensor as float32.
    func floats(of name: String, checkingFinite: Bool = true) throws -> [Float] {
        let count = (shape(of: name) ?? []).reduce(1, *)
        return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            try copy(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]), checkingFinite: checkingFinite)
            initialized = count
        }
    }
}

extension PyTorchFile {
    /// The elements of a tensor as they are stored.
    func bytes(of name: String) throws -> [UInt8] {
        let count = (shape(of: name) ?? []).reduce(1, *) * (storedType(of: name)?.size ?? 0)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try copyBytes(
                name, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
            initialized = count
        }
    }
}

/// What reading these bytes as a file of PyTorch throws; nil where they are accepted, and then all tensors are copied.
///
/// In memory: thousands of files would take a minute.
func pyTorchFailure(_ bytes: Data) -> CheckpointError? {
    bytes.withUnsafeBytes { bytes in
        do throws(CheckpointError) {
            for layout in try PyTorchContents(file: "weights.pt", bytes: bytes).layouts().tensors.values {
                let target = UnsafeMutableRawPointer.allocate(byteCount: max(1, layout.count * 8), alignment: 16)
                defer { target.deallocate() }
                layout.copyBytes(from: bytes, to: target)
                if layout.type.isConvertible {
                    layout.copyFloats(from: bytes, to: target.bindMemory(to: Float.self, capacity: layout.count))
                }
            }
            return nil
        } catch {
            return error
        }
    }
}
