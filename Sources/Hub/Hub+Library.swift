#if !canImport(CryptoKit)
    import COpenSSL
#endif

extension Hub {
    /// The version of OpenSSL that was found; nil where the system's own CryptoKit is used.
    package static var libraryVersion: String? {
        #if canImport(CryptoKit)
            nil
        #else
            // "OpenSSL 3.0.15 3 Sep 2024"
            String(String(cString: OpenSSL_version(OPENSSL_VERSION)).trimmingPrefix("OpenSSL "))
        #endif
    }
}
