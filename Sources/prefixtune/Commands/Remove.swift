import ArgumentParser
import Foundation
import Hub

/// Removes what was fetched from the hub.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove models or adapters from the hub's cache.",
        discussion: """
            All commits of a repository go. It can be fetched again; Python programs that share the cache fetch it again, too. \
            Folders of your own are removed with rm.

            EXAMPLE
              prefixtune remove openai-community/gpt2
            """, aliases: ["rm"])

    @Argument(help: "org/name, as list shows them.") var names: [String]
    @OptionGroup(title: "General") var common: CommonOptions

    func run() async throws {
        let cache = try HubDisplay.hub(quiet: common.quiet).cache
        // All or none: a name that is not there is probably misspelt.
        for name in names where cache.entry(name) == nil {
            let near = Spelling.nearest(to: name, among: cache.entries().map(\.repository))
            throw CommandError.notInCache(name: name, folder: cache.folder.path, nearest: near)
        }
        for name in names {
            guard let entry = try cache.remove(name) else { continue }
            common.note("removed \(entry.repository), \(HubError.size(entry.bytes))")
        }
    }
}
