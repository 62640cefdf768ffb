import COneDNN

/// A matrix in oneDNN's own layout.
///
/// oneDNN compiles a kernel per shape, and ragged batches make many shapes: above 16 rows, the rows are rounded up to
/// a multiple of 16. Tensors have room for that; what the extra rows hold is never read.
final class OneDNNMatrix: PackedMatrix {
    /// May be released on any thread.
    private nonisolated(unsafe) let handle: OpaquePointer
    private let k: Int
    private let n: Int

    init(_ matrix: UnsafePointer<Float>, k: Int, n: Int, transposed: Bool) throws(TensorError) {
        var result: OpaquePointer?
        let status = ptd_pack(matrix, Int64(k), Int64(n), transposed, &result)
        guard status == 0, let result else {
            throw .backend(operation: "re-laying a \(k) × \(n) matrix", status: Int(status))
        }
        handle = result
        self.k = k
        self.n = n
    }

    deinit { ptd_release(handle) }

    /// How many compiled kernels are kept for matrices of this shape.
    var kernelCount: Int { Int(ptd_product_count(handle)) }

    var byteCount: Int { ptd_packed_bytes(handle) }

    func multiply(
        _ a: UnsafePointer<Float>, m: Int, bias: UnsafePointer<Float>?, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>
    ) {
        let rows = m <= 16 ? m : (m + 15) / 16 * 16
        let status = ptd_multiply(handle, a, Int64(k), Int64(rows), bias, accumulate, c, Int64(n))
        LastWords.check(status, "a product of \(rows) × \(k) × \(n)")
    }
}
