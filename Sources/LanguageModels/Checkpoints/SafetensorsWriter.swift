import Foundation
import Tensors

/// Writes a safetensors file that every other library reads.
///
/// Tensors are converted and written one after the other, so that the peak memory is one tensor's. The file appears
/// complete or not at all (see ``AtomicFile``).
///
/// ```swift
/// var writer = SafetensorsWriter()
/// try writer.add("prompt_embeddings", shape: [10, 18432], values: values)
/// try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
/// ```
public struct SafetensorsWriter {
    /// The number formats that can be written.
    public enum Format: Sendable {
        /// 32-bit floats.
        case float32
        /// 16-bit floats, rounded to nearest; values from 65,520 on are refused.
        case float16
        /// The upper halves of 32-bit floats, rounded to nearest; values from 3.3961775·10³⁸ on are refused.
        case bfloat16

        var type: StoredType {
            switch self {
            case .float32: .float32
            case .float16: .float16
            case .bfloat16: .bfloat16
            }
        }
    }

    private struct Entry {
        enum Contents {
            case floats(Format, (UnsafeMutableBufferPointer<Float>) throws -> Void)
            case integers([Int32])
        }

        var key: String
        var shape: [Int]
        var contents: Contents

        var type: StoredType {
            switch contents {
            case .floats(let format, _): format.type
            case .integers: .int32
            }
        }
        var count: Int { shape.reduce(1, *) }
        var size: Int { count * type.size }
    }

    private var entries: [Entry] = []
    private let metadata: [String: String]
    private let isSealed: Bool

    /// The name of the tensor that seals a file: eight bytes at its end, the digest of all before them.
    static let seal = "prefixtune.seal"

    /// A writer without tensors.
    ///
    /// - Parameters:
    ///   - metadata: free-form strings; `"format": "pt"` is what `transformers` insists on.
    ///   - sealed: Whether the file ends with a digest of itself, for ``SafetensorsFile/checkSeal()``.
    public init(metadata: [String: String] = ["format": "pt"], sealed: Bool = false) {
        self.metadata = metadata
        isSealed = sealed
    }

    /// Adds a tensor whose values are at hand (the array is shared, not copied).
    public mutating func add(_ key: String, shape: [Int], values: [Float], as format: Format = .float32) {
        precondition(values.count == shape.reduce(1, *), "as many values as the shape has elements")
        add(key, shape: shape, as: format) { buffer in
            values.withUnsafeBufferPointer { _ = buffer.update(from: $0) }
        }
    }

    /// Adds a tensor whose values are fetched when the file is written.
    ///
    /// - Parameter values: fills as many floats as `shape` has elements, row-major.
    public mutating func add(
        _ key: String, shape: [Int], as format: Format = .float32,
        values: @escaping (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) {
        append(Entry(key: key, shape: shape, contents: .floats(format, values)))
    }

    /// Adds integers of 32 bits, such as a count that programs keep beside tensors; a scalar has no dimensions.
    public mutating func add(_ key: String, shape: [Int] = [], integers: [Int32]) {
        precondition(integers.count == shape.reduce(1, *), "as many values as the shape has elements")
        append(Entry(key: key, shape: shape, contents: .integers(integers)))
    }

    private mutating func append(_ entry: Entry) {
        precondition(
            !entries.contains { $0.key == entry.key } && entry.key != "__metadata__", "every key may occur once")
        entries.append(entry)
    }

    /// Writes the file.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``, ``CheckpointError/exceedsHalfPrecision(key:index:value:)``,
    ///   ``CheckpointError/exceedsBFloat16(key:index:value:)``, and what a tensor's own closure throws; the file that stood there
    ///   before is then unchanged.
    public func write(to url: URL) throws {
        // Wide elements first: then every tensor is aligned, because the header's length is a multiple of 8.
        let ordered = entries.sorted { ($1.type.size, $0.key) < ($0.type.size, $1.key) }
        let header = try header(of: ordered)
        try AtomicFile.write(to: url) { file in
            if isSealed { file.beginDigest() }
            try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write($0) }
            try file.write(header)
            for entry in ordered { try Self.write(entry, to: &file) }
            if let digest = file.digest {
                try withUnsafeBytes(of: digest.value.littleEndian) { try file.write($0) }
            }
        }
    }

    private func header(of ordered: [Entry]) throws -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = try metadata.sorted { $0.key < $1.key }.map { "\(try quoted($0.key)):\(try quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var start = 0
        for entry in ordered {
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                try quoted(entry.key) + ":{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(start),\(start + entry.size)]}")
            start += entry.size
        }
        if isSealed {
            members.append(
                try quoted(Self.seal) + ":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[\(start),\(start + 8)]}")
        }
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        header += Array(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
        return header
    }

    private func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    private static func write(_ entry: Entry, to file: inout AtomicFile.Output) throws {
        guard entry.count > 0 else { return }
        guard case .floats(let format, let fill) = entry.contents else {
            if case .integers(let values) = entry.contents { try values.withUnsafeBytes { try file.write($0) } }
            return
        }
        let values = try [Float](unsafeUninitializedCapacity: entry.count) { buffer, initialized in
            buffer.initialize(repeating: 0)
            try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<entry.count]))
            initialized = entry.count
        }
        switch format {
        case .float32: try values.withUnsafeBytes { try file.write($0) }
        case .float16:
            if let index = FloatFormat.firstBeyondHalf(values) {
                throw CheckpointError.exceedsHalfPrecision(key: entry.key, index: index, value: values[index])
            }
            try FloatFormat.halves(values).withUnsafeBytes { try file.write($0) }
        case .bfloat16:
            if let index = FloatFormat.firstBeyondUpperHalf(values) {
                throw CheckpointError.exceedsBFloat16(key: entry.key, index: index, value: values[index])
            }
            try FloatFormat.upperHalves(values).withUnsafeBytes { try file.write($0) }
        }
    }
}
