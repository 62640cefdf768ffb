/// Something that holds named tensors: one safetensors file, several, or another format.
///
/// A ``CheckpointReader`` reads from any of them.
public protocol TensorSource: Sendable {
    /// The keys of all tensors, sorted.
    var names: [String] { get }

    /// The file that holds `name`, or the source as a whole where it holds no such tensor: for messages.
    func file(of name: String) -> String

    /// The shape of a tensor, or nil where there is no such tensor.
    func shape(of name: String) -> [Int]?

    /// How a tensor is stored, or nil where there is no such tensor.
    func storedType(of name: String) -> StoredType?

    /// A text that is kept beside the tensors to say how one of them is laid out (`…weight_format` of bitsandbytes), or nil
    /// where there is none of this name.
    func format(of name: String) -> String?

    /// Copies a tensor, converted to float32, in row-major order.
    ///
    /// - Parameters:
    ///   - name: the tensor's key.
    ///   - destination: as many floats as the tensor has elements.
    ///   - checkingFinite: whether NaN or infinity is an error.
    /// - Throws: ``CheckpointError`` where the tensor is missing, cannot be converted or fails the check.
    func copy(_ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool) throws

    /// Copies some of a tensor's rows, those of its first dimension, as ``copy(_:into:checkingFinite:)`` copies all of them.
    ///
    /// - Parameter destination: as many floats as these rows have elements.
    func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws

    /// Copies the elements of a tensor as they are stored, in row-major order.
    ///
    /// - Parameters:
    ///   - name: the tensor's key.
    ///   - destination: as many bytes as the tensor has elements, times the size of its type.
    /// - Throws: ``CheckpointError/missingTensor(file:key:similar:)``.
    func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws

    /// Copies some rows of a matrix that is stored in blocks as the integers that it has there; see ``StoredType/integerLayout``.
    ///
    /// - Parameters:
    ///   - rows: Of the matrix [output × input], whichever way ``shape(of:)`` turns it.
    ///   - integers: [rows × input].
    ///   - scales: [rows × input / 32].
    ///   - offsets: Likewise; empty where there are none.
    /// - Throws: ``CheckpointError``, also where a scale is not finite or the tensor is stored otherwise.
    func copyIntegers(
        _ name: String, rows: Range<Int>, into integers: UnsafeMutableBufferPointer<Int8>,
        scales: UnsafeMutableBufferPointer<Float>, offsets: UnsafeMutableBufferPointer<Float>) throws

    /// Gives the memory behind a tensor's file pages back. Its values can still be read (from the file again).
    func releasePages(of name: String)
}

extension TensorSource {
    /// None: most formats hold tensors only.
    public func format(of name: String) -> String? { nil }

    /// An error: most formats have no blocks.
    public func copyIntegers(
        _ name: String, rows: Range<Int>, into integers: UnsafeMutableBufferPointer<Int8>,
        scales: UnsafeMutableBufferPointer<Float>, offsets: UnsafeMutableBufferPointer<Float>
    ) throws {
        throw CheckpointError.unsupportedType(
            file: file(of: name), key: name, type: storedType(of: name)?.rawValue ?? "nothing")
    }

    /// By way of the whole tensor: for sources that lie in memory.
    public func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let shape = shape(of: name) ?? [], width = shape.dropFirst().reduce(1, *)
        precondition(destination.count == rows.count * width, "the destination must have the size of what is copied")
        let all = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.reduce(1, *))
        defer { all.deallocate() }
        try copy(name, into: all, checkingFinite: checkingFinite)
        _ = destination.update(fromContentsOf: all[rows.lowerBound * width..<rows.upperBound * width])
    }
}
