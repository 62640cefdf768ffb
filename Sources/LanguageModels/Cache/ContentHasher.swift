import Foundation
import Tensors

#if canImport(CryptoKit)
    import CryptoKit
#else
    import COpenSSL
#endif

/// SHA-256 of contents that come in parts: what a ``Digest`` is not, a name that nobody can give to other contents. CryptoKit's on
/// Apple's systems, OpenSSL's elsewhere.
final class ContentHasher {
    #if canImport(CryptoKit)
        private var hash = SHA256()
    #else
        private let context = EVP_MD_CTX_new()
    #endif

    /// Nothing yet.
    init() {
        #if !canImport(CryptoKit)
            EVP_DigestInit_ex(context, EVP_sha256(), nil)
        #endif
    }

    #if !canImport(CryptoKit)
        deinit { EVP_MD_CTX_free(context) }
    #endif

    /// Adds bytes; where one part ends and the next begins makes no difference.
    func add(_ bytes: UnsafeRawBufferPointer) {
        #if canImport(CryptoKit)
            hash.update(bufferPointer: bytes)
        #else
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        #endif
    }

    /// Adds a number.
    func add(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { add($0) } }

    /// Adds a text after its length.
    func add(_ text: String) {
        add(text.utf8.count)
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Adds token ids.
    func add(_ tokens: ArraySlice<Int32>) { tokens.withUnsafeBytes { add($0) } }

    /// The 32 bytes of the hash of all that was added, as hexadecimal digits; nothing can be added after it.
    func finish() -> String {
        #if canImport(CryptoKit)
            let bytes = Array(hash.finalize())
        #else
            var bytes = [UInt8](repeating: 0, count: 32)
            EVP_DigestFinal_ex(context, &bytes, nil)
        #endif
        return String(
            decoding: bytes.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)
}

extension KeyValues {
    /// Adds all keys and values, and how they are held.
    func add(to hasher: ContentHasher) {
        let rows: [Int] =
            switch self.rows {
            case .range(let range): Array(range)
            case .list(let list): list.map(Int.init)
            }
        for number in [layers.count, rows.count, positions] { hasher.add(number) }
        for (source, keyColumn, valueColumn) in layers {
            let width = valueColumn - keyColumn
            hasher.add(source.type.rawValue)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { buffer in
                guard let start = buffer.baseAddress else { return }
                for row in rows {
                    source.read(row: row, column: keyColumn, count: width, into: start)
                    source.read(row: row, column: valueColumn, count: width, into: start + width)
                    hasher.add(UnsafeRawBufferPointer(buffer))
                }
            }
        }
    }
}
