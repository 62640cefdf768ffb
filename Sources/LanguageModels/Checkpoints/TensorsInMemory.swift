/// Tensors that are not in a file yet: the initial weights of a model to be trained from scratch.
public struct TensorsInMemory: TensorSource {
    private let tensors: [String: (shape: [Int], values: [Float])]

    /// A source of the given tensors; each must have as many values as its shape says.
    public init(_ tensors: [String: (shape: [Int], values: [Float])]) { self.tensors = tensors }

    /// The keys of all tensors, sorted.
    public var names: [String] { tensors.keys.sorted() }
    /// What messages call this source.
    public func file(of name: String) -> String { "the initial weights" }
    /// The shape of a tensor, or nil where there is no such tensor.
    public func shape(of name: String) -> [Int]? { tensors[name]?.shape }
    /// Always 32-bit floats.
    public func storedType(of name: String) -> StoredType? { tensors[name].map { _ in .float32 } }
    /// Nothing: there is no file.
    public func releasePages(of name: String) {}

    /// Copies a tensor.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let tensor = tensors[name] else {
            throw CheckpointError.missingTensor(file: file(of: name), key: name, similar: [])
        }
        if checkingFinite, let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw CheckpointError.notFinite(
                file: file(of: name), key: name, index: index, value: tensor.values[index])
        }
        _ = destination.update(from: tensor.values)
    }

    /// Copies the 32-bit floats of a tensor.
    public func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        guard let tensor = tensors[name] else {
            throw CheckpointError.missingTensor(file: file(of: name), key: name, similar: [])
        }
        tensor.values.withUnsafeBytes { bytes in
            precondition(destination.count == bytes.count, "the destination must have the tensor's size")
            destination.copyMemory(from: bytes)
        }
    }
}
