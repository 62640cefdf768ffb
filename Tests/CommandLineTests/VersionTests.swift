import Foundation
import Testing

@testable import prefixtune

/// What `--version` says: what was built can be built again.
@Suite struct VersionTests {
    private let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardizedFileURL

    @Test func theProgramAndItsLibraries() async throws {
        let result = try await Tool.run(["--version"], in: Workspace())
        #expect(result.code == 0 && result.errors == "")
        let lines = result.output.split(separator: "\n").map(String.init)
        // For programs that read it.
        #expect(lines.first?.wholeMatch(of: /\d+\.\d+\.\d+( \([0-9a-f]{7,40}(-dirty)?\))?/) != nil, "\(result.output)")
        var names = [
            "swift-argument-parser", "hummingbird", "swift-service-lifecycle", "swift-log", "swift-nio",
            "swift-nio-ssl",
            "swift-http-types", "oneDNN", "zlib", "Oniguruma", "sentencepiece",
        ]
        #if os(Linux)
            names.append("OpenSSL")
        #endif
        #expect(lines.dropFirst().map { $0.prefix { $0 != " " } } == names.map { $0[...] })
        for line in lines.dropFirst() where !line.hasPrefix("sentencepiece ") {
            #expect(line.contains(#/ \d+\.\d+/#), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("sentencepiece /") && $0.contains("libsentencepiece") })
    }

    @Test func theCommitStandsBesideTheVersionWhereTheBuildWasTold() {
        #expect(Version.number == "0.2.0")
        #expect(Version.build(of: "4789c2a") == "0.2.0 (4789c2a)")
        #expect(Version.build(of: "4789c2a-dirty") == "0.2.0 (4789c2a-dirty)")
        #expect(Version.build(of: "") == "0.2.0")
    }

    /// Whatever commit is named, this repository has it.
    @Test func theCommitIsOneOfThisRepository() async throws {
        let workspace = try Workspace()
        let line = try await Tool.run(["--version"], in: workspace).output.prefix { $0 != "\n" }
        guard let commit = line.firstMatch(of: /\(([0-9a-f]+)/)?.1 else { return }
        let script = "[ ! -e .git ] || git cat-file -e \(commit)^{commit}"
        let result = try await Tool.shell("cd '\(package.path)' && \(script)", in: workspace)
        #expect(result.code == 0, "\(line): \(result.errors)")
    }

    @Test func theDependencyIsTheOneThatIsNamed() async throws {
        let manifest = try String(contentsOf: package.appendingPathComponent("Package.swift"), encoding: .utf8)
        let output = try await Tool.run(["--version"], in: Workspace()).output
        let exact = manifest.matches(of: /\/([a-z-]+)", exact: "([0-9.]+)"/)
        #expect(exact.count == manifest.matches(of: /\.package\(/).count)
        for match in exact { #expect(output.contains("\(match.1) \(match.2)\n")) }
    }
}
