import CKernels
import Foundation

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
    public init(_ url: URL) throws {
        mapping = try MappedFile(url)
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
        guard let entry = entries[name] else {
            throw CheckpointError.missingTensor(file: path, key: name, similar: [])
        }
        return try withExtendedLifetime(mapping) {
            try body(UnsafeRawBufferPointer(rebasing: mapping.bytes[entry.range]))
        }
    }

    /// Copies a tensor, converted to float32, in row-major order; see ``TensorSource``.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let entry = entries[name] else {
            throw CheckpointError.missingTensor(file: path, key: name, similar: [])
        }
        precondition(destination.count == entry.count, "the destination must have the tensor's size")
        guard entry.type.isConvertible else {
            throw CheckpointError.unsupportedType(file: path, key: name, type: entry.type.rawValue)
        }
        guard let target = destination.baseAddress, entry.count > 0 else { return }

        try withBytes(of: name) { bytes in
            switch entry.type {
            case .float64: ptk_f64_to_f32(bytes.baseAddress, target, entry.count)
            case .float16: ptk_f16_to_f32(bytes.baseAddress, target, entry.count)
            case .bfloat16: ptk_bf16_to_f32(bytes.baseAddress, target, entry.count)
            default: ptk_f32_to_f32(bytes.baseAddress, target, entry.count)
            }
        }
        guard checkingFinite else { return }
        let index = ptk_first_not_finite(target, entry.count)
        if index < entry.count {
            throw CheckpointError.notFinite(file: path, key: name, index: index, value: destination[index])
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
