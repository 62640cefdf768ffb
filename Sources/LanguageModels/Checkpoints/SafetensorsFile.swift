import Foundation
import Tensors

/// A safetensors file, mapped into memory.
///
/// Opening reads and checks the header only; a tensor's data is touched when it is copied. Damaged or hostile files
/// are refused with a ``CheckpointError`` that says what is wrong. Tensors may lie at any byte address: early files
/// of the hub are not aligned.
///
/// ```swift
/// let file = try SafetensorsFile(url)
/// for name in file.names { print(name, file.shape(of: name) ?? []) }
/// ```
public final class SafetensorsFile: TensorSource {
    private let mapping: MappedFile
    private let entries: [String: SafetensorsHeader.Entry]

    /// The keys of all tensors, sorted.
    public let names: [String]

    /// The free-form strings of the header, such as `["format": "pt"]`.
    public let metadata: [String: String]

    /// Where the file lies.
    public var path: String { mapping.path }

    /// Maps the file and checks its header.
    ///
    /// - Throws: ``CheckpointError`` where the file cannot be read or is damaged.
    public convenience init(_ url: URL) throws { try self.init(MappedFile(url)) }

    init(_ mapping: MappedFile) throws {
        self.mapping = mapping
        let header = try SafetensorsHeader(file: mapping.path, bytes: mapping.bytes)
        entries = header.entries
        metadata = header.metadata
        names = header.entries.keys.sorted()
    }

    /// The path of the file, whichever tensor is asked about.
    public func file(of name: String) -> String { path }

    /// The shape of a tensor, or nil where there is no such tensor.
    public func shape(of name: String) -> [Int]? { entries[name]?.shape }

    /// How a tensor is stored, or nil where there is no such tensor.
    public func storedType(of name: String) -> StoredType? { entries[name]?.type }

    /// The bytes of a tensor as they stand in the file, valid inside `body` only.
    ///
    /// - Throws: ``CheckpointError/missingTensor(file:key:similar:)``, and what `body` throws.
    public func withBytes<Result>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let entry = try entry(of: name)
        return try withExtendedLifetime(mapping) {
            try body(UnsafeRawBufferPointer(rebasing: mapping.bytes[entry.range]))
        }
    }

    /// Compares a sealed file with the digest at its end; see ``SafetensorsWriter/init(metadata:sealed:)``.
    ///
    /// - Throws: ``CheckpointError/malformed(file:problem:)`` where the file is not sealed, or where a bit of it is another
    ///   than when it was written.
    public func checkSeal() throws {
        let bytes = mapping.bytes, end = bytes.count
        guard let seal = entries[SafetensorsWriter.seal], seal.type == .uint8, seal.count == 8,
            seal.range.upperBound == end
        else { throw CheckpointError.malformed(file: path, problem: "it does not end with its checksum") }
        var digester = Digester()
        digester.add(UnsafeRawBufferPointer(rebasing: bytes[..<(end - 8)]))
        let stated = bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self)
        guard UInt64(littleEndian: stated) == digester.digest.value else {
            throw CheckpointError.malformed(
                file: path,
                problem: "its contents and its checksum do not agree, so it was damaged after it was written")
        }
        withExtendedLifetime(mapping) {}
    }

    /// What ``CheckpointReader/finish(ignoring:)`` is to pass over in a sealed file.
    public static var sealPattern: String { SafetensorsWriter.seal }

    /// Copies a tensor, converted to float32, in row-major order; see ``TensorSource``.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let entry = try entry(of: name)
        try copy(name, entry, elements: 0..<entry.count, into: destination, checkingFinite: checkingFinite)
    }

    /// Copies some of a tensor's rows; see ``TensorSource``.
    public func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let entry = try entry(of: name)
        let width = entry.shape.dropFirst().reduce(1, *)
        precondition(rows.upperBound * width <= entry.count, "rows \(rows) of a tensor \(entry.shape)")
        try copy(
            name, entry, elements: rows.lowerBound * width..<rows.upperBound * width, into: destination,
            checkingFinite: checkingFinite)
    }

    private func entry(of name: String) throws -> SafetensorsHeader.Entry {
        guard let entry = entries[name] else {
            throw CheckpointError.missingTensor(file: path, key: name, similar: [])
        }
        return entry
    }

    private func copy(
        _ name: String, _ entry: SafetensorsHeader.Entry, elements: Range<Int>,
        into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        precondition(destination.count == elements.count, "the destination must have the size of what is copied")
        guard entry.type.isConvertible else {
            throw CheckpointError.unsupportedType(file: path, key: name, type: entry.type.rawValue)
        }
        guard let target = destination.baseAddress, !elements.isEmpty else { return }

        try withBytes(of: name) { bytes in
            guard let first = bytes.baseAddress.map({ $0 + elements.lowerBound * entry.type.size }) else { return }
            (entry.type.floatFormat ?? .float32).widen(first, count: elements.count, into: target)
        }
        guard checkingFinite else { return }
        if let index = FloatFormat.firstNotFinite(target, count: elements.count) {
            throw CheckpointError.notFinite(
                file: path, key: name, index: elements.lowerBound + index, value: destination[index])
        }
    }

    /// Copies the elements of a tensor as they are stored, in row-major order; see ``TensorSource``.
    public func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        try withBytes(of: name) { bytes in
            precondition(destination.count == bytes.count, "the destination must have the tensor's size")
            destination.copyMemory(from: bytes)
        }
    }

    /// Gives the memory behind a tensor's file pages back, to keep the peak low while a model is loaded.
    public func releasePages(of name: String) {
        guard let entry = entries[name] else { return }
        mapping.releasePages(of: entry.range)
    }
}
