import Tensors

extension CheckpointReader {
    /// Refuses weights that plainly exceed the memory that there is, before the system ends the process in the middle of loading.
    ///
    /// What is counted is what the weights take when they are loaded, and nothing that comes with their use: a model that
    /// passes may still need more. Quantised checkpoints stay as they are and are not looked at.
    ///
    /// - Parameter available: Bytes of memory.
    /// - Throws: ``CheckpointError/exceedsMemory(file:count:needed:available:)``.
    func checkMemory(_ precision: WeightPrecision, available: Int = ProcessMemory.limit) throws {
        guard !holdsQuantizedMatrices else { return }
        var count = 0.0, bytes = 0.0
        for (_, shape, type) in headers {
            let size = shape.reduce(1.0) { $0 * Double($1) }
            count += size
            // What is no matrix is small, and held in 32 bits.
            bytes += size * (shape.count < 2 ? 4 : precision.bytes(storedAs: type))
        }
        guard bytes > Double(available), let file = headers.first?.file else { return }
        throw CheckpointError.exceedsMemory(
            file: file, count: Int(count), needed: Int(bytes), available: available)
    }
}

extension WeightPrecision {
    /// The least bytes of one weight.
    fileprivate func bytes(storedAs type: StoredType) -> Double {
        switch self {
        case .float32: 4
        case .stored: min(4, Double(type.size) / Double(type.elementsTogether))
        case .bfloat16: 2
        case .int8, .int8Float32Gradients: 1
        case .int4, .int4Float32Gradients: 0.5
        }
    }
}
