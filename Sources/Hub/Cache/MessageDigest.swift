import Foundation

#if canImport(CryptoKit)
    import CryptoKit
#else
    import COpenSSL
#endif

/// SHA-256 or SHA-1, computed as bytes come in: CryptoKit's on Apple's systems, OpenSSL's elsewhere.
final class MessageDigest {
    enum Function { case sha256, sha1 }

    #if canImport(CryptoKit)
        private var hash: any HashFunction

        init(_ function: Function) {
            hash =
                switch function {
                case .sha256: SHA256()
                case .sha1: Insecure.SHA1()
                }
        }

        /// Takes the next bytes.
        func update(_ data: some DataProtocol) {
            for region in data.regions { region.withUnsafeBytes { hash.update(bufferPointer: $0) } }
        }

        /// The digest of what has come so far.
        func finalize() -> [UInt8] { Array(hash.finalize()) }
    #else
        private let context: OpaquePointer?

        init(_ function: Function) {
            context = EVP_MD_CTX_new()
            EVP_DigestInit_ex(context, function == .sha256 ? EVP_sha256() : EVP_sha1(), nil)
        }

        deinit { EVP_MD_CTX_free(context) }

        /// Takes the next bytes.
        func update(_ data: some DataProtocol) {
            for region in data.regions {
                region.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
            }
        }

        /// The digest of what has come so far.
        func finalize() -> [UInt8] {
            // OpenSSL ends what it finalizes: more may come here.
            let copy = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(copy) }
            EVP_MD_CTX_copy_ex(copy, context)
            var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE)), count: UInt32 = 0
            EVP_DigestFinal_ex(copy, &digest, &count)
            return Array(digest.prefix(Int(count)))
        }
    #endif
}
