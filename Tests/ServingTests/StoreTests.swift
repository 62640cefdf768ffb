import Foundation
import LanguageModels
import PrefixTuning
import Testing

@testable import Serving

extension ServedTests {
    /// The store's folder, whatever happened to it.
    @Suite struct StoreTests {
        private func folder() throws -> URL {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "store-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            return folder
        }

        @Test func aProcessThatWasKilledBetweenTwoRenamesLosesNothing() async throws {
            let folder = try folder()
            let model = try await TestServer.model.value
            defer { try? FileManager.default.removeItem(at: folder) }
            let prefix = try await TestServer.prefix(of: "area : here", model)
            // The old one is aside, the new one has not arrived.
            try prefix.write(to: folder.appendingPathComponent(".replaced/alice+menus=1"))
            // The new one has arrived, the old one has not been removed.
            try prefix.write(to: folder.appendingPathComponent("bob/menus"))
            try prefix.write(to: folder.appendingPathComponent(".replaced/bob+menus=2"))
            // Half written.
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent(".incoming/3"), withIntermediateDirectories: true)
            let index = folder.appendingPathComponent("..index.json.12-ab.tmp")
            try Data("[".utf8).write(to: index)
            let library = try PrefixLibrary(folder, for: model, budget: 1 << 20)
            #expect(!FileManager.default.fileExists(atPath: index.path))
            let ids = await library.visible(to: .local).map(\.id)
            #expect(ids == ["alice/menus", "bob/menus"])
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(!left.contains(".incoming"))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path + "/.replaced").isEmpty)
        }

        @Test func theIndexIsBelievedOnlyWhereFilesAreAsTheyWere() async throws {
            let folder = try folder()
            let model = try await TestServer.model.value
            defer { try? FileManager.default.removeItem(at: folder) }
            try await TestServer.prefix(of: "area : here", model).write(
                to: folder.appendingPathComponent("house"))
            let index = try PrefixIndex(folder), first = index.entries["house"]
            #expect(index.isStale)
            index.save()
            #expect(try !PrefixIndex(folder).isStale)
            #expect(first?.length ?? 0 > 0 && first?.textPosition == "after-prefix")
            #expect(try PrefixIndex(folder).entries["house"] == first)
            try await TestServer.prefix(of: "area : here and there and everywhere", model).write(
                to: folder.appendingPathComponent("house"))
            let second = try PrefixIndex(folder).entries["house"]
            #expect(second?.length ?? 0 > first?.length ?? 0)
            // A damaged index is no index.
            try Data("{".utf8).write(to: folder.appendingPathComponent(".index.json"))
            #expect(try PrefixIndex(folder).entries["house"] == second)
        }

        @Test func aFileIsNoStore() throws {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")
            try Data().write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            let error = try #require(throws: CheckpointError.self) { try PrefixIndex(file) }
            #expect("\(error)".contains(file.path) && !"\(error)".contains("Domain"), "\(error)")
        }

        @Test func aDamagedPrefixIsToldToWhoAsksForIt() async throws {
            try await TestServer.with(prefixes: [("house", "area : riverside"), ("cut", "area : here")]) {
                server in
                let file = server.store.appendingPathComponent("cut/adapter_model.safetensors")
                let values = try Data(contentsOf: file)
                try values.prefix(values.count / 2).write(to: file)
                try await server.live { ask in
                    let damaged = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: "cut")
                    #expect(
                        damaged.status == 400 && damaged["error.code"] == .string("invalid_prefix"),
                        "\(damaged.text)")
                    #expect(!damaged.text.contains(server.store.path))
                    #expect(
                        try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: "house").status
                            == 200)
                }
            }
        }
    }
}
