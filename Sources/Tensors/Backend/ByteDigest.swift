import CKernels

/// A 64-bit digest in the making, of bytes that come in parts: fast enough for every weight of a model while it is loaded.
///
/// It tells contents apart that differ by accident, and protects against no intent.
package struct ByteDigest: Sendable {
    private var state = ptk_digest()

    /// A digest of nothing.
    package init() { ptk_digest_begin(&state, 0) }

    /// Adds bytes; where one part ends and the next begins makes no difference.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        if let start = bytes.baseAddress { ptk_digest_add(&state, start, bytes.count) }
    }

    /// The digest of all that was added.
    package var value: UInt64 { withUnsafePointer(to: state) { ptk_digest_end($0) } }

    /// The sum of the digests of rows, each of which counts with its number: parts of a matrix can be added up in any order.
    ///
    /// - Parameters:
    ///   - bytes: The rows, one after another; nil where there are none.
    ///   - size: Bytes of a row.
    ///   - first: The number of the first row within the matrix.
    package static func ofRows(_ bytes: UnsafeRawPointer?, count: Int, size: Int, first: Int, seed: UInt64) -> UInt64 {
        ptk_digest_rows(bytes, count, size, first, seed)
    }
}
