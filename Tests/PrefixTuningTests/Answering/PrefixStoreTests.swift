import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import Testing

/// Prefixes of many users over one model: read once, shared, and let go by what was used longest ago.
@Suite("Prefix store") struct PrefixStoreTests {
    /// Folders with prefixes for ``TinyModel/worded(_:)``, that exist while a test runs.
    private final class Place {
        let model: LanguageModel
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")

        init() async throws {
            model = try await TinyModel.worded()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        /// Writes a prefix of one value throughout.
        @discardableResult
        func write(_ name: String, value: Float = 0.5, length: Int = 3) throws -> URL {
            let shape = model.configuration.shape, url = folder.appendingPathComponent(name)
            let values = [Float](repeating: value, count: length * shape.prefixRowWidth)
            try Prefix(length: length, values: values, shape: shape).write(to: url)
            return url
        }

        func store(budget: Int = .max) -> PrefixStore { PrefixStore(model, budget: budget) }
    }

    /// Loads a prefix and waits until only the store holds it.
    private func visit(_ store: PrefixStore, _ url: URL) async throws {
        _ = try await store.prefix(at: url)
        while await store.isHeld(url) { await Task.yield() }
    }

    @Test("requests for one prefix get the same object, by whatever name it is called")
    func sharing() async throws {
        let place = try await Place(), store = place.store(), url = try place.write("a")
        let link = place.folder.appendingPathComponent("link")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: url)
        let first = try await store.prefix(at: url)
        for other in [url, link, url.appendingPathComponent("adapter_model.safetensors")] {
            #expect(try await store.prefix(at: other) === first)
        }
        #expect(await store.counts == .init(prefixes: 1, bytes: first.byteCount, reads: 1, evictions: 0))
        #expect(first.length == 3 && first.positions == 3 && first.source.title == PrefixDialect.peft.title)
        #expect(first.byteCount >= 3 * place.model.configuration.shape.prefixRowWidth * 4)
    }

    @Test("many requests at a time for one prefix read it once")
    func concurrency() async throws {
        let place = try await Place(), store = place.store(), url = try place.write("a", length: 20)
        let found = try await withThrowingTaskGroup(of: ResidentPrefix.self) { group in
            for _ in 0..<50 { group.addTask { try await store.prefix(at: url) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(found.count == 50 && found.allSatisfy { $0 === found[0] })
        #expect(await store.counts.reads == 1)
    }

    @Test("what was used longest ago is let go where the budget is full")
    func eviction() async throws {
        let place = try await Place()
        let (a, b, c) = (try place.write("a"), try place.write("b"), try place.write("c"))
        let size = try await ResidentPrefix.read(a, for: place.model).byteCount
        let store = place.store(budget: 2 * size)
        for url in [a, b, a, c] { try await visit(store, url) }
        #expect(await store.counts == .init(prefixes: 2, bytes: 2 * size, reads: 3, evictions: 1))
        try await visit(store, a)
        #expect(await store.counts.reads == 3)
        try await visit(store, b)
        #expect(await store.counts == .init(prefixes: 2, bytes: 2 * size, reads: 4, evictions: 2))
        try await visit(store, a)
        #expect(await store.counts.reads == 4)
        await store.forget(a)
        #expect(await store.counts == .init(prefixes: 1, bytes: size, reads: 4, evictions: 2))
    }

    @Test("what someone holds is not let go, and is the same object until he is done")
    func holding() async throws {
        let place = try await Place()
        let (a, b, c) = (try place.write("a"), try place.write("b"), try place.write("c"))
        let size = try await ResidentPrefix.read(a, for: place.model).byteCount
        let store = place.store(budget: size)
        var held: ResidentPrefix? = try await store.prefix(at: a)
        for url in [b, c] { try await visit(store, url) }
        #expect(await store.counts == .init(prefixes: 2, bytes: 2 * size, reads: 3, evictions: 1))
        #expect(try await store.prefix(at: a) === held)
        #expect(await store.isHeld(a))
        held = nil
        while await store.isHeld(a) { await Task.yield() }
        await store.trim()
        #expect(await store.counts == .init(prefixes: 1, bytes: size, reads: 3, evictions: 2))
        // `c` was used before `a`.
        try await visit(store, a)
        #expect(await store.counts.reads == 3)
    }

    @Test("a file that changed is read again, and who holds the old prefix keeps it")
    func change() async throws {
        let place = try await Place(), store = place.store(), url = try place.write("a", value: 0.5)
        let old = try await store.prefix(at: url)
        try place.write("a", value: -0.25)
        let new = try await store.prefix(at: url)
        #expect(old !== new)
        #expect(await Self.value(of: old, place.model) != Self.value(of: new, place.model))
        #expect(try await store.prefix(at: url) === new)
        #expect(await store.counts == .init(prefixes: 1, bytes: new.byteCount, reads: 2, evictions: 0))
    }

    @Test("a bad file is named, and leaves the store as it was")
    func badFiles() async throws {
        let place = try await Place(), store = place.store(), good = try place.write("good")
        let kept = try await store.prefix(at: good)
        let before = await store.counts
        let damaged = try place.write("damaged"), missing = place.folder.appendingPathComponent("missing")
        try Data("no tensors".utf8).write(to: damaged.appendingPathComponent("adapter_model.safetensors"))
        var shape = place.model.configuration.shape
        shape.layerCount += 1
        let other = place.folder.appendingPathComponent("other")
        try Prefix(length: 1, values: [Float](repeating: 0, count: shape.prefixRowWidth), shape: shape).write(to: other)
        for url in [damaged, missing, other] {
            for _ in 0..<2 {
                let error = await #expect(throws: AnsweringError.self) { _ = try await store.prefix(at: url) }
                #expect(error?.description.contains(url.path) == true, "\(String(describing: error))")
            }
        }
        #expect(await store.counts == before)
        // A good file that became bad is not answered for by what it was.
        try Data().write(to: good.appendingPathComponent("adapter_model.safetensors"))
        await #expect(throws: AnsweringError.self) { _ = try await store.prefix(at: good) }
        #expect(await store.counts == before)
        try place.write("good")
        #expect(try await store.prefix(at: good) !== kept)
    }

    @Test("files are read while the compute thread is busy")
    func reading() async throws {
        let place = try await Place(), store = place.store(), url = try place.write("a")
        let (begun, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        // Half a minute at most: reading on the compute thread would wait for itself.
        let work = Task { @Compute in
            begun.signal()
            return done.wait(timeout: .now() + 30) == .success
        }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                begun.wait()
                continuation.resume()
            }
        }
        // To find out that there is none needs no compute thread, nor does reading one.
        let missing = place.folder.appendingPathComponent("missing")
        await #expect(throws: AnsweringError.self) { _ = try await store.prefix(at: missing) }
        let content = try PrefixFile(url).stored(for: place.model.configuration.shape).content
        if case .contents(.prefix(let prefix)) = content {
            #expect(prefix.length == 3)
        } else {
            Issue.record("PEFT's file is no prefix")
        }
        done.signal()
        #expect(await work.value, "reading waited for the compute thread")
    }

    /// Something that depends on the prefix's values.
    @Compute private static func value(of prefix: ResidentPrefix, _ model: LanguageModel) -> [Float] {
        model.logits([3, 4], after: prefix.start)
    }
}
