import Tensors

/// A table of embeddings: row i belongs to token or position i.
@Compute public enum TokenTable {
    /// In 32 bits, frozen or trained.
    case plain(Tensor)
    /// Frozen, as the checkpoint stores it.
    case compressed(CompressedMatrix)
    /// Frozen, rounded when it was loaded.
    case quantized(QuantizedMatrix)

    /// Entries of the table.
    public var count: Int {
        switch self {
        case .plain(let table): table.rows
        case .compressed(let matrix): matrix.outputWidth
        case .quantized(let matrix): matrix.outputWidth
        }
    }

    /// Width of an entry.
    public var width: Int {
        switch self {
        case .plain(let table): table.width
        case .compressed(let matrix): matrix.inputWidth
        case .quantized(let matrix): matrix.inputWidth
        }
    }

    /// The entries of some indices.
    ///
    /// - Parameter indices: In 0..<count.
    /// - Returns: [indices × width].
    public func rows(at indices: [Int32]) -> Tensor {
        switch self {
        case .plain(let table): table.rows(at: indices)
        case .compressed(let matrix): matrix.rows(at: indices)
        case .quantized(let matrix): matrix.rows(at: indices)
        }
    }
}
