import Foundation
import TestSupport
import Testing

/// The article "Serving many prefixes" does what it says, block by block, in one shell.
@Suite struct ServingArticleTests {
    private static let article = Fixtures.goldens
        .appendingPathComponent("../../Sources/PrefixTuning/PrefixTuning.docc/ServingManyPrefixes.md")
        .standardizedFileURL

    /// The shell blocks of a text, in order.
    private func blocks(_ text: String) -> [String] {
        text.components(separatedBy: "```sh\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
    }

    @Test func itsCommandsDoWhatItSays() async throws {
        let workspace = try Workspace()
        let tools = try await Tool.shell("curl --version && \"$tool\" help serve", in: workspace)
        guard tools.code == 0, let version = tools.output.firstMatch(of: /curl ([0-9]+)\.([0-9]+)/),
            let major = Int(version.1), let minor = Int(version.2), (major, minor) >= (7, 82)
        else {
            print("skipped: there is no curl of 7.82 or later here, or the program was built without the server")
            return
        }
        let all = blocks(try String(contentsOf: Self.article, encoding: .utf8))
        #expect(all.count == 5)
        // A port that nobody has.
        let port = Int.random(in: 20_000..<60_000)
        let script = all.joined(separator: "\n").replacing(":8080", with: ":\(port)")
            .replacing("--keys keys &", with: "--keys keys --port \(port) &")
        let result = try await Tool.shell(
            """
            set -e
            trap 'kill -9 $! 2>/dev/null' EXIT
            PATH="$(dirname "$tool"):$PATH"
            \(script)
            trap - EXIT
            echo "ended: $?"
            """, in: workspace)
        #expect(result.code == 0, "\(result.output)\n\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.first?.contains("\"ready\":true") == true)
        for id in ["alice/menus", "alice/centre", "alice/both"] {
            #expect(lines.contains { $0.contains("\"object\":\"list\"") && $0.contains("\"id\":\"\(id)\"") }, "\(id)")
        }
        #expect(lines.contains { $0.contains("\"object\":\"text_completion\"") && $0.contains("\"prefix_tokens\"") })
        #expect(lines.contains("data: [DONE]"))
        #expect(lines.contains { $0.hasPrefix("prefixtune_generation_tokens_total{prefix=\"alice/both\"} ") })
        #expect(lines.last == "ended: 0")
    }
}
