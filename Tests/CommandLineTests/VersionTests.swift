import Foundation
import Testing

/// What `--version` says: what was built can be built again.
@Suite struct VersionTests {
    @Test func theProgramAndItsLibraries() async throws {
        let result = try await Tool.run(["--version"], in: Workspace())
        #expect(result.code == 0 && result.errors == "")
        let lines = result.output.split(separator: "\n").map(String.init)
        // For programs that read it.
        #expect(lines.first?.wholeMatch(of: /\d+\.\d+\.\d+/) != nil, "\(result.output)")
        var names = ["swift-argument-parser", "oneDNN", "zlib", "Oniguruma", "sentencepiece"]
        #if os(Linux)
            names.append("OpenSSL")
        #endif
        #expect(lines.dropFirst().map { $0.prefix { $0 != " " } } == names.map { $0[...] })
        for line in lines.dropFirst() where !line.hasPrefix("sentencepiece ") {
            #expect(line.contains(#/ \d+\.\d+/#), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("sentencepiece /") && $0.contains("libsentencepiece") })
    }

    @Test func theDependencyIsTheOneThatIsNamed() async throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Package.swift").standardizedFileURL
        let manifest = try String(contentsOf: package, encoding: .utf8)
        let output = try await Tool.run(["--version"], in: Workspace()).output
        let exact = manifest.matches(of: /\/([a-z-]+)", exact: "([0-9.]+)"/)
        #expect(exact.count == manifest.matches(of: /\.package\(/).count)
        for match in exact { #expect(output.contains("\(match.1) \(match.2)\n")) }
    }
}
