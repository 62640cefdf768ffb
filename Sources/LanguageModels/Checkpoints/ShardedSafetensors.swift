import Foundation

/// A checkpoint split over several safetensors files, as `model.safetensors.index.json` lists them.
public struct ShardedSafetensors: TensorSource {
    private let index: String
    private let fileOfName: [String: SafetensorsFile]

    /// The keys of all tensors, sorted.
    public let names: [String]

    private struct Index: Decodable {
        var weight_map: [String: String]
    }

    /// Opens every file of an index; they lie in its folder.
    ///
    /// - Throws: ``CheckpointError`` where the index or a file is missing or damaged, or where they contradict each
    ///   other.
    public init(index url: URL) throws {
        let map: [String: String]
        do {
            map = try JSONDecoder().decode(Index.self, from: Data(contentsOf: url)).weight_map
        } catch let error as DecodingError {
            throw CheckpointError(error, file: url.path)
        } catch {
            throw CheckpointError.unreadable(file: url.path, reason: "it cannot be opened as a file")
        }

        let folder = url.deletingLastPathComponent()
        var files: [String: SafetensorsFile] = [:]
        for name in Set(map.values) {
            // An index from elsewhere must not reach outside its folder.
            guard !name.isEmpty, name != "..", !name.contains("/") else {
                throw CheckpointError.invalidConfiguration(
                    file: url.path, path: "weight_map", reason: "\"\(name)\" is not the name of a file in this folder")
            }
            files[name] = try SafetensorsFile(folder.appendingPathComponent(name))
        }
        index = url.path
        names = map.keys.sorted()
        fileOfName = map.compactMapValues { files[$0] }
        for (key, file) in fileOfName where file.shape(of: key) == nil {
            throw CheckpointError.missingTensor(file: file.path, key: key, similar: [])
        }
        let listed = Set(map.keys)
        for file in files.values {
            let unlisted = file.names.filter { !listed.contains($0) }
            if !unlisted.isEmpty { throw CheckpointError.unexpectedTensors(file: file.path, keys: unlisted) }
        }
    }

    /// The file that holds `name`, or the index where none does.
    public func file(of name: String) -> String { fileOfName[name]?.path ?? index }

    /// The shape of a tensor, or nil where there is no such tensor.
    public func shape(of name: String) -> [Int]? { fileOfName[name]?.shape(of: name) }

    /// How a tensor is stored, or nil where there is no such tensor.
    public func storedType(of name: String) -> StoredType? { fileOfName[name]?.storedType(of: name) }

    /// Copies a tensor, converted to float32; see ``TensorSource``.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let file = fileOfName[name] else {
            throw CheckpointError.missingTensor(file: index, key: name, similar: [])
        }
        try file.copy(name, into: destination, checkingFinite: checkingFinite)
    }

    /// Copies the elements of a tensor as they are stored; see ``TensorSource``.
    public func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        guard let file = fileOfName[name] else {
            throw CheckpointError.missingTensor(file: index, key: name, similar: [])
        }
        try file.copyBytes(name, into: destination)
    }

    /// Gives the memory behind a tensor's file pages back.
    public func releasePages(of name: String) { fileOfName[name]?.releasePages(of: name) }
}

extension CheckpointReader {
    /// A reader over the weights in a model folder: `model.safetensors`, or the files of
    /// `model.safetensors.index.json`.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    public init(folder: URL) throws {
        let single = folder.appendingPathComponent("model.safetensors")
        let index = folder.appendingPathComponent("model.safetensors.index.json")
        func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

        if exists(single) {
            self.init(try SafetensorsFile(single))
        } else if exists(index) {
            self.init(try ShardedSafetensors(index: index))
        } else if !exists(folder) {
            throw CheckpointError.unreadable(file: folder.path, reason: "there is no such folder")
        } else if exists(folder.appendingPathComponent("pytorch_model.bin")) {
            throw CheckpointError.unreadable(
                file: folder.path,
                reason: "its weights are in pytorch_model.bin; convert them to model.safetensors with "
                    + "save_pretrained of transformers")
        } else {
            throw CheckpointError.unreadable(
                file: folder.path, reason: "it holds neither model.safetensors nor model.safetensors.index.json")
        }
    }
}
