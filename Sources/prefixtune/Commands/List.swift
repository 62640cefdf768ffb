import ArgumentParser
import Foundation
import Hub
import LanguageModels

/// Lists what was fetched from the hub.
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the models and adapters in the hub's cache.",
        discussion: """
            The cache is that of huggingface_hub ($HF_HUB_CACHE, or $HF_HOME/hub): what Python programs fetched is in it, too. \
            The last line says where it is.

            EXAMPLE
              prefixtune list --json
            """, aliases: ["ls"])

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup(title: "General") var common: CommonOptions

    /// An entry as JSON.
    private struct Facts: Encodable {
        let name: String
        let kind: String
        let bytes: Int
        let revisions: [String]
    }

    func run() async throws {
        let cache = try HubDisplay.hub(quiet: common.quiet).cache, entries = cache.entries()
        if json {
            let facts = entries.map {
                Facts(name: $0.repository, kind: $0.kind.rawValue, bytes: $0.bytes, revisions: $0.revisions)
            }
            return try ResultOutput.write(to: nil) { try $0(try JSONText.document(facts)) }
        }
        let width = entries.reduce(0) { max($0, $1.repository.count) } + 2
        try ResultOutput.write(to: nil) { write in
            for entry in entries {
                let revisions = entry.revisions.map { $0.count == 40 ? String($0.prefix(7)) : $0 }
                try write(
                    TerminalText.padded(entry.repository, to: width) + TerminalText.padded(entry.kind.rawValue, to: 9)
                        + TerminalText.padded(HubError.size(entry.bytes), to: 9, atStart: true) + "  "
                        + revisions.joined(separator: ", ") + "\n")
            }
        }
        common.note(
            "\(entries.isEmpty ? "nothing" : HubError.size(entries.reduce(0) { $0 + $1.bytes })) in \(cache.folder.path)"
        )
    }
}
