import Hub
import Tensors
import TextMetrics
import Tokenizers

/// What this program is, and what it runs on.
enum Version {
    /// Of the program.
    static let number = "0.1.0"
    /// As Package.swift asks for: the package itself says no version at run time.
    static let argumentParser = "1.8.2"

    /// The program's version on the first line, then each library that was found when the program was started.
    static var text: String {
        var libraries = [("swift-argument-parser", argumentParser), ("oneDNN", Compute.libraryVersion)]
        libraries += [("zlib", Compression.libraryVersion)] + Tokenizer.libraryVersions
        if let version = Hub.libraryVersion { libraries.append(("OpenSSL", version)) }
        return ([number] + libraries.map { "\($0) \($1)" }).joined(separator: "\n")
    }
}
