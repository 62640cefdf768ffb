import Foundation
import Tensors
import Tokenizers

/// The folder that a model is kept in: `config.json`, `model.safetensors`, `tokenizer.json`.
public enum ModelFolder {
    /// Writes a trained model; `transformers` loads it.
    ///
    /// - Parameters:
    ///   - parameters: Name and value of each; a tied head is not among them.
    ///   - tokenizer: Written beside the weights; nil where it is not at hand.
    ///   - format: 16-bit floats halve the file.
    /// - Throws: ``CheckpointError`` where it cannot be written; files that stood there before are then unchanged.
    @Compute public static func write(
        configuration: any ModelConfiguration, parameters: [(name: String, value: Tensor)], tokenizer: Tokenizer?,
        to folder: URL, format: SafetensorsWriter.Format = .float32
    ) throws {
        try makeFolder(folder)
        var writer = SafetensorsWriter()
        for (name, value) in parameters {
            writer.add(name, shape: value.shape, values: value.values, as: format)
        }
        try writer.write(to: folder.appendingPathComponent(HuggingFaceFolder.weightsName))
        try AtomicFile.write(
            configuration.fileContents, to: folder.appendingPathComponent(HuggingFaceFolder.configurationName))
        for (name, contents) in tokenizer?.files ?? [] {
            try AtomicFile.write(contents, to: folder.appendingPathComponent(name))
        }
    }

    /// Makes a folder, with those above it.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    public static func makeFolder(_ folder: URL) throws {
        let code = make(folder)
        guard code == 0 else { throw AtomicFile.Output.failure(code, file: folder.path) }
    }

    /// The error's number, or 0. Foundation does not say why a folder cannot be made.
    private static func make(_ folder: URL) -> Int32 {
        if SystemCall.retried({ mkdir(folder.path, 0o777) }) == 0 { return 0 }
        let code = errno
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue { return 0 }
        let parent = folder.deletingLastPathComponent()
        guard code == ENOENT, parent.path != folder.path else { return code }
        let above = make(parent)
        guard above == 0 else { return above }
        return SystemCall.retried({ mkdir(folder.path, 0o777) }) == 0 || errno == EEXIST ? 0 : errno
    }
}
