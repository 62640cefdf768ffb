import Synchronization
import Tensors

/// The digest of what was taken from a checkpoint, taken while the values are in hand.
///
/// It covers name, shape and values of every tensor that a model took, as 32-bit floats: the same weights have the same
/// digest in safetensors and in PyTorch's files, in one file or in shards, in 16 bits or widened to 32, with a root such
/// as "transformer." in front of all names or without, with GPT-NeoX's head under either name, and however they are held
/// afterwards. Matrices that are stored quantised count by their codes and scales. Buffers that a model leaves out do not
/// count.
extension CheckpointReader {
    /// Of all tensors taken so far, in this scope and others, in whatever order.
    public var digest: Digest { Digest(record.state.withLock { $0.digest }) }

    /// Adds rows of a tensor as 32-bit floats.
    func note(_ key: String, shape: [Int], rows: Range<Int>, values: UnsafeBufferPointer<Float>) {
        let (count, width) = Self.rows(of: shape), seed = Self.seed(key, shape, type: nil)
        let first = count == 1 ? 0 : rows.lowerBound
        add(
            ByteDigest.ofRows(
                values.baseAddress, count: count == 1 ? 1 : rows.count, size: width * MemoryLayout<Float>.size,
                first: first, seed: seed))
    }

    /// Adds a whole tensor as 32-bit floats.
    func note(_ key: String, shape: [Int], values: UnsafeBufferPointer<Float>) {
        note(key, shape: shape, rows: 0..<(shape.first ?? 1), values: values)
    }

    /// Adds a whole tensor as it is stored: 16-bit floats as the 32-bit floats that they stand for, all else as bytes.
    func note(_ key: String, shape: [Int], type: StoredType, bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let (count, width) = Self.rows(of: shape)
        guard type == .float16 || type == .bfloat16, let format = type.floatFormat, width > 0 else {
            let seed = Self.seed(key, shape, type: type == .float32 ? nil : type)
            return add(ByteDigest.ofRows(start, count: count, size: width * type.size, first: 0, seed: seed))
        }
        let most = max(1, (1 << 16) / width)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: min(most, count) * width) { floats in
            guard let target = floats.baseAddress else { return }
            for first in stride(from: 0, to: count, by: most) {
                let part = min(most, count - first)
                format.widen(start + first * width * type.size, count: part * width, into: target)
                note(
                    key, shape: shape, rows: first..<first + part, values: UnsafeBufferPointer(floats))
            }
        }
    }

    private func add(_ digest: UInt64) { record.state.withLock { $0.digest &+= digest } }

    /// A matrix goes row by row; a vector is one row.
    private static func rows(of shape: [Int]) -> (count: Int, width: Int) {
        guard shape.count > 1 else { return (1, shape.first ?? 1) }
        return (shape[0], shape.dropFirst().reduce(1, *))
    }

    private static func seed(_ key: String, _ shape: [Int], type: StoredType?) -> UInt64 {
        var digester = Digester()
        digester.add(ModuleName.canonical(key))
        for size in shape { digester.add(size) }
        digester.add(type?.rawValue ?? "")
        return digester.digest.value
    }
}
