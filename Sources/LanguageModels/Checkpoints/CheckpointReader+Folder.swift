import Foundation

extension CheckpointReader {
    /// A reader over the weights in a model folder; see ``source(folder:)``.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    public init(folder: URL) throws { self.init(try Self.source(folder: folder)) }

    /// The weights in a model folder: the first of `model.safetensors`, `model.safetensors.index.json`,
    /// `pytorch_model.bin` and `pytorch_model.bin.index.json` that is there. An index lists the files of a checkpoint in
    /// several parts.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    public static func source(folder: URL) throws -> any TensorSource {
        func found(_ name: String) -> URL? {
            let url = folder.appendingPathComponent(name)
            return FileManager.default.fileExists(atPath: url.path) ? url : nil
        }
        if let file = found("model.safetensors") {
            return try SafetensorsFile(file)
        } else if let index = found("model.safetensors.index.json") {
            return try ShardedCheckpoint(index: index)
        } else if let file = found("pytorch_model.bin") {
            return try PyTorchFile(file)
        } else if let index = found("pytorch_model.bin.index.json") {
            return try ShardedCheckpoint(index: index)
        } else if !FileManager.default.fileExists(atPath: folder.path) {
            throw CheckpointError.unreadable(file: folder.path, reason: "there is no such folder")
        } else {
            throw CheckpointError.unreadable(
                file: folder.path,
                reason: "it holds neither model.safetensors nor pytorch_model.bin, nor the index.json of either; "
                    + "fetch the model's weights into it")
        }
    }
}
