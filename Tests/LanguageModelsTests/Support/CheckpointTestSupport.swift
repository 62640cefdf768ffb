import Foundation
import LanguageModels

/// A folder that exists while a test runs.
func withCheckpointFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoint-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// The values of the golden tensors: multiples of 1/8, exact in every float format.
func checkpointPattern(_ count: Int) -> [Float] {
    (0..<count).map { Float($0 * 37 % 257 - 128) / 8 }
}

/// A safetensors file put together by hand, right or wrong.
func safetensorsBytes(header: String, data: Int, length: UInt64? = nil) -> Data {
    var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
    bytes += Data(header.utf8)
    bytes += Data(repeating: 0, count: data)
    return bytes
}

/// What opening these bytes as a safetensors file throws.
func safetensorsFailure(_ bytes: Data) throws -> CheckpointError? {
    try withCheckpointFolder { folder in
        let url = folder.appendingPathComponent("model.safetensors")
        try bytes.write(to: url)
        do {
            _ = try SafetensorsFile(url)
            return nil
        } catch let error as CheckpointError {
            return error
        }
    }
}

extension SafetensorsFile {
    /// All values of a tensor.
    func floats(_ name: String, checkingFinite: Bool = true) throws -> [Float] {
        let count = (shape(of: name) ?? []).reduce(1, *)
        return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            try copy(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]), checkingFinite: checkingFinite)
            initialized = count
        }
    }
}

extension TensorSource {
    /// All values of a tensor, copied a row at a time, then two.
    func floatsByRows(of name: String) throws -> [[Float]] {
        let shape = shape(of: name) ?? [], width = shape.dropFirst().reduce(1, *), count = shape.first ?? 0
        return try [1, 2].map { step in
            var all = [Float](repeating: .nan, count: count * width)
            try all.withUnsafeMutableBufferPointer { all in
                for first in stride(from: 0, to: count, by: step) {
                    let rows = first..<min(first + step, count)
                    let part = UnsafeMutableBufferPointer(
                        rebasing: all[rows.lowerBound * width..<rows.upperBound * width])
                    try copy(name, rows: rows, into: part, checkingFinite: true)
                }
            }
            return all
        }
    }
}

/// SplitMix64: the same mutations on every machine.
struct CheckpointRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
