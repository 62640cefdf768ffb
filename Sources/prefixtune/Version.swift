import CVersion
import Hub
import Tensors
import TextMetrics
import Tokenizers

/// What this program is, and what it runs on.
enum Version {
    /// Of the program.
    static let number = "0.2.0"
    /// As Package.swift asks for: the package itself says no version at run time.
    static let argumentParser = "1.8.2"
    /// The same, of the packages of the server.
    static let serving = [
        ("hummingbird", "2.28.1"), ("swift-service-lifecycle", "2.13.0"), ("swift-log", "1.16.2"),
        ("swift-nio", "2.101.2"), ("swift-nio-ssl", "2.37.6"), ("swift-http-types", "1.8.0"),
    ]

    /// The version with the commit that the program was built from: "0.2.0 (4789c2a)", "0.2.0 (4789c2a-dirty)" where files differed
    /// from the commit, "0.2.0" where the build was not told, as by a plain `swift build`.
    static var build: String { build(of: String(cString: ptv_commit())) }

    static func build(of commit: String) -> String { commit.isEmpty ? number : "\(number) (\(commit))" }

    /// The program's version and commit on the first line, then each library that was found when the program was started.
    static var text: String {
        var libraries = [("swift-argument-parser", argumentParser)]
        #if Serving
            libraries += serving
        #endif
        libraries += [("oneDNN", Compute.libraryVersion)]
        libraries += [("zlib", Compression.libraryVersion)] + Tokenizer.libraryVersions
        if let version = Hub.libraryVersion { libraries.append(("OpenSSL", version)) }
        return ([build] + libraries.map { "\($0) \($1)" }).joined(separator: "\n")
    }
}
