import Foundation

/// A checkpoint split over several files, as `model.safetensors.index.json` or `pytorch_model.bin.index.json` lists them.
public struct ShardedCheckpoint: TensorSource {
    private let index: String
    private let fileOfName: [String: any TensorSource]
    private let files: [any TensorSource]

    /// The keys of all tensors, sorted.
    public let names: [String]

    /// Opens every file of an index; they lie in its folder.
    ///
    /// - Throws: ``CheckpointError`` where the index or a file is missing or damaged, or where they contradict each
    ///   other.
    public init(index url: URL) throws {
        guard let map = try ConfigurationReader(url).object("weight_map")?.texts() else {
            throw CheckpointError.invalidConfiguration(
                file: url.path, path: "weight_map", reason: "the key is missing; it names the file of each tensor")
        }

        let folder = url.deletingLastPathComponent()
        var files: [String: any TensorSource] = [:]
        for name in Set(map.values).sorted() {
            // An index from elsewhere must not reach outside its folder.
            guard !name.isEmpty, name != "..", !name.contains("/") else {
                throw CheckpointError.invalidConfiguration(
                    file: url.path, path: "weight_map", reason: "\"\(name)\" is not the name of a file in this folder")
            }
            let file = folder.appendingPathComponent(name)
            files[name] = try TensorFile.open(file)
        }
        index = url.path
        names = map.keys.sorted()
        fileOfName = map.compactMapValues { files[$0] }
        self.files = files.sorted { $0.key < $1.key }.map(\.value)
        for (key, file) in fileOfName where file.shape(of: key) == nil {
            throw CheckpointError.missingTensor(file: file.file(of: key), key: key, similar: [])
        }
        let listed = Set(map.keys)
        for file in files.values {
            let unlisted = file.names.filter { !listed.contains($0) }
            if let first = unlisted.first {
                throw CheckpointError.unexpectedTensors(file: file.file(of: first), keys: unlisted)
            }
        }
    }

    /// The file that holds `name`, or the index where none does.
    public func file(of name: String) -> String { fileOfName[name]?.file(of: name) ?? index }

    /// The shape of a tensor, or nil where there is no such tensor.
    public func shape(of name: String) -> [Int]? { fileOfName[name]?.shape(of: name) }

    /// How a tensor is stored, or nil where there is no such tensor.
    public func storedType(of name: String) -> StoredType? { fileOfName[name]?.storedType(of: name) }

    /// A text beside the tensors of any of the files, which the index does not list; see ``TensorSource``.
    public func format(of name: String) -> String? { files.lazy.compactMap { $0.format(of: name) }.first }

    /// Copies a tensor, converted to float32; see ``TensorSource``.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let file = fileOfName[name] else {
            throw CheckpointError.missingTensor(file: index, key: name, similar: [])
        }
        try file.copy(name, into: destination, checkingFinite: checkingFinite)
    }

    /// Copies some of a tensor's rows; see ``TensorSource``.
    public func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let file = fileOfName[name] else {
            throw CheckpointError.missingTensor(file: index, key: name, similar: [])
        }
        try file.copy(name, rows: rows, into: destination, checkingFinite: checkingFinite)
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
