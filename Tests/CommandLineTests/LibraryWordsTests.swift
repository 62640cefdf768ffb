import Foundation
import TestSupport
import Testing

/// The library is used by servers and apps, too, which have no options.
@Suite struct LibraryWordsTests {
    @Test func noSentenceOfTheLibraryNamesAnOption() throws {
        let sources = Fixtures.goldens.appendingPathComponent("../../Sources").standardizedFileURL
        // The server is the command's: who runs it gives it these options, and who asks it is told what to have changed.
        let programs = ["prefixtune", "Serving", "CKernels", "COneDNN"]
        // A card on the hub shows the command that uses the adapter.
        // Options of llama.cpp and mlx-lm are what their users must change.
        let exceptions = [
            "ModelCard.swift", "Deployment+HowTo.swift", "DeploymentReport.swift", "MLXCache.swift",
            "PrefixTarget+Adapters.swift",
        ]
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path).filter { path in
            path.hasSuffix(".swift") && !programs.contains { path.hasPrefix("\($0)/") }
                && !exceptions.contains { path.hasSuffix($0) }
        }
        #expect(files.count > 200)
        let option = try Regex("\"[^\"]*--[a-z]")
        for file in files {
            let text = try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8)
            for line in text.split(separator: "\n") where line.contains(option) {
                Issue.record("\(file): \(line.trimmingCharacters(in: .whitespaces))")
            }
        }
    }
}
