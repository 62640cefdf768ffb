import Foundation

/// A file of tensors in any of the formats that can be read, told apart by its first bytes and not by its name.
public enum TensorFile {
    /// What a file of tensors may be.
    public enum Format: Sendable {
        /// A header of JSON and the bytes that it describes; see ``SafetensorsFile``.
        case safetensors
        /// What `torch.save` writes; see ``PyTorchFile``.
        case pytorch
    }

    /// The format of a file; nil where it begins as none does, or cannot be read.
    public static func format(of file: URL) -> Format? {
        guard let mapping = try? MappedFile(file) else { return nil }
        return withExtendedLifetime(mapping) { format(mapping.bytes) }
    }

    /// Opens a file.
    ///
    /// - Throws: ``CheckpointError`` where it cannot be read or is damaged. One that begins as none of the formats does is
    ///   called a damaged file of the format that its name tells of.
    public static func open(_ file: URL) throws -> any TensorSource {
        let mapping = try MappedFile(file)
        return switch format(mapping.bytes) ?? nameTells(of: file) {
        case .safetensors: try SafetensorsFile(mapping)
        case .pytorch: try PyTorchFile(mapping)
        }
    }

    private static func format(_ bytes: UnsafeRawBufferPointer) -> Format? {
        // A safetensors file starts with the length of its header, in 8 bytes, and the header with a brace.
        if bytes.count > 8, bytes[8] == UInt8(ascii: "{"), bytes[4..<8].allSatisfy({ $0 == 0 }) { return .safetensors }
        // A zip archive or a pickle.
        return bytes.starts(with: [0x50, 0x4b]) || bytes.first == 0x80 ? .pytorch : nil
    }

    private static func nameTells(of file: URL) -> Format {
        ["bin", "pt", "pth", "ckpt"].contains(file.pathExtension) ? .pytorch : .safetensors
    }
}
