import ChatTemplates
import Foundation
import Hub
import LanguageModels
import Logging
import PrefixTuning
import Synchronization
import Tensors

/// The prefixes that a server has: a folder of adapter folders, and those of them that lie ready in memory.
///
/// A prefix is written into a folder of its own first, read as a request would read it, and only then renamed to its name: what
/// is listed can be used. Requests that run keep the prefix that they began with, whatever happens to its folder.
package actor PrefixLibrary {
    private let model: LanguageModel
    private let memory: PrefixStore
    private let metrics: ServingMetrics
    private var index: PrefixIndex
    private var pinned: [String: ResidentPrefix] = [:]
    /// What was read and not unloaded: gone where the memory was needed for others.
    private var resident: [String: Resident] = [:]
    /// Bytes that pinned prefixes may take together: the rest is for those that come and go.
    private let pinLimit: Int
    private var writing: Set<String> = []
    private var templates: [String: (stamp: String, template: ChatTemplate?)] = [:]
    private var isSaving = false

    private struct Resident {
        weak var prefix: ResidentPrefix?
    }

    /// The prefixes of a folder.
    ///
    /// - Parameters:
    ///   - folder: Made where there is none.
    ///   - budget: Bytes that prefixes may take in memory that no request holds; half of them pinned ones.
    /// - Throws: Where the folder cannot be read.
    package init(_ folder: URL, for model: LanguageModel, budget: Int, metrics: ServingMetrics = ServingMetrics())
        throws
    {
        self.model = model
        self.metrics = metrics
        memory = PrefixStore(model, budget: budget)
        pinLimit = budget / 2
        try StoreFolder.recover(folder)
        index = try PrefixIndex(folder)
        if index.isStale { Task { await saveSoon() } }
    }

    /// How many prefixes there are.
    package var count: Int { index.entries.count }

    /// The prefixes that somebody may use, by id.
    package func visible(to identity: Identity) -> [PrefixEntry] {
        index.entries.values.filter { identity.mayUse(owner: $0.owner, name: $0.name) }.sorted { $0.id < $1.id }
    }

    /// A prefix by its id, or by its name alone where it is one's own.
    ///
    /// - Throws: ``ServingError/modelNotFound(_:)``, also where somebody else's is meant.
    package func find(_ name: String, for identity: Identity) throws(ServingError) -> PrefixEntry {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ PrefixName.isValid($0) }) else {
            throw .modelNotFound(String(name.prefix(160)))
        }
        let own = identity.owner.map { "\($0)/\(name)" }
        for id in parts.count == 1 ? [own, name].compactMap(\.self) : [name] {
            if let entry = known(id), identity.mayUse(owner: entry.owner, name: entry.name) { return entry }
        }
        throw .modelNotFound(name)
    }

    /// An entry whose files are as they were; found anew where they have changed.
    private func known(_ id: String) -> PrefixEntry? {
        let parts = id.split(separator: "/").map(String.init), place = index.place(of: id)
        let before = index.entries[id]
        guard let name = parts.last, FileManager.default.fileExists(atPath: place.path),
            let entry = PrefixEntry(at: place, owner: parts.count == 2 ? parts[0] : nil, name: name, known: before),
            before != nil || entry.length != nil
        else {
            if before != nil { remove(id) }
            return nil
        }
        if entry != before { insert(entry) }
        return entry
    }

    /// The values of a prefix, read where they are not in memory.
    ///
    /// - Throws: ``ServingError/invalidPrefix(name:reason:)``.
    package func values(of entry: PrefixEntry) async throws(ServingError) -> ResidentPrefix {
        let start = ProcessInfo.processInfo.systemUptime, reads = await memory.counts.reads
        let prefix: ResidentPrefix
        do {
            prefix = try await memory.prefix(at: index.place(of: entry.id))
        } catch {
            throw .invalidPrefix(name: entry.id, reason: Self.reason(error, folder: index.folder))
        }
        let counts = await memory.counts
        if counts.reads > reads { metrics.loaded(seconds: ProcessInfo.processInfo.systemUptime - start) }
        resident[entry.id] = Resident(prefix: prefix)
        metrics.resident(counts.prefixes, bytes: counts.bytes, evictions: counts.evictions)
        return prefix
    }

    /// The chat template that a prefix was trained with, where that was not the model's own.
    ///
    /// - Throws: ``ServingError/invalidPrefix(name:reason:)`` where its record or the template cannot be understood.
    package func template(of entry: PrefixEntry) throws(ServingError) -> ChatTemplate? {
        if let known = templates[entry.id], known.stamp == entry.stamp { return known.template }
        let template: ChatTemplate?
        do {
            template = try TaskRecord.read(from: [index.place(of: entry.id)])?.ownTemplate
        } catch {
            throw .invalidPrefix(name: entry.id, reason: Self.reason(error, folder: index.folder))
        }
        // Templates are no part of the memory that prefixes may take; a thousand of them are some megabytes.
        if templates.count >= 1000 { templates = [:] }
        templates[entry.id] = (entry.stamp, template)
        return template
    }

    /// A sentence without the server's folders.
    private static func reason(_ error: any Error, folder: URL) -> String {
        "\(error)".replacing(folder.path + "/", with: "")
    }

    /// Keeps a prefix in memory until it is unloaded.
    ///
    /// - Throws: ``ServingError/pinsFull(needed:limit:)`` where pinned ones would take too much.
    package func pin(_ entry: PrefixEntry) async throws(ServingError) {
        let values = try await values(of: entry)
        // It may have been deleted meanwhile.
        guard index.entries[entry.id] != nil else { throw .modelNotFound(entry.id) }
        let others = pinned.reduce(0) { $0 + ($1.key == entry.id ? 0 : $1.value.byteCount) }
        guard others + values.byteCount <= pinLimit else {
            throw .pinsFull(needed: values.byteCount, limit: pinLimit)
        }
        pinned[entry.id] = values
    }

    /// The prefixes in memory, and the bytes that each takes.
    package var residents: [(id: String, bytes: Int)] {
        resident = resident.filter { $0.value.prefix != nil }
        return resident.compactMap { id, value in value.prefix.map { (id, $0.byteCount) } }
    }

    /// Lets a prefix go from memory; running requests keep it.
    package func unload(_ entry: PrefixEntry) async {
        pinned[entry.id] = nil
        resident[entry.id] = nil
        await memory.forget(index.place(of: entry.id))
    }

    /// What is told of a prefix.
    package func object(_ entry: PrefixEntry, base: String) -> ModelObject {
        ModelObject(
            id: entry.id, created: entry.created, ownedBy: entry.owner ?? "prefixtune", root: base, parent: base,
            prefix: .init(
                length: entry.length, bytes: entry.bytes, resident: resident[entry.id]?.prefix != nil,
                pinned: pinned[entry.id] != nil, sha256: entry.sha256, textPosition: entry.textPosition))
    }

    /// The folder of all prefixes.
    package var folder: URL { index.folder }

    /// Where the files of a prefix lie.
    package func place(of entry: PrefixEntry) -> URL { index.place(of: entry.id) }

    /// A new folder within the store's for what is being written: on the same disk, and cleared up at the next start where the
    /// process ends before the caller removes it.
    package func incoming() throws(ServingError) -> URL {
        do {
            return try StoreFolder.incoming(in: index.folder)
        } catch {
            throw .storing(error, in: index.folder)
        }
    }

    /// Stores a prefix.
    ///
    /// - Parameters:
    ///   - owner: Whose it is to be; nil for the server's own.
    ///   - replaces: Whether one of that name may be there.
    ///   - limit: Bytes that all prefixes of the owner may take; nil for any.
    ///   - write: Writes its files into a folder.
    /// - Throws: ``ServingError``; the store is then as it was.
    package func store(
        _ name: String, owner: String?, replaces: Bool, limit: Int? = nil,
        write: @Sendable (URL) async throws -> Void
    ) async throws -> PrefixEntry {
        guard PrefixName.isValid(name) else {
            throw ServingError.outOfRange(
                field: "name", value: "\"\(name.prefix(80))\"", range: PrefixName.requirement)
        }
        let id = owner.map { "\($0)/\(name)" } ?? name
        guard writing.insert(id).inserted else { throw ServingError.inUse(name: id) }
        defer { writing.remove(id) }
        if !replaces, known(id) != nil || FileManager.default.fileExists(atPath: index.place(of: id).path) {
            throw ServingError.nameTaken(id)
        }
        try checkNamespaces(name, owner: owner)
        let incoming = try incoming()
        defer { try? FileManager.default.removeItem(at: incoming) }
        do {
            try await write(incoming)
        } catch let error as ServingError {
            throw error
        } catch {
            throw ServingError.storing(error, in: incoming)
        }
        do {
            _ = try await ResidentPrefix.read(incoming, for: model)
            _ = try TaskRecord.read(from: [incoming])?.ownTemplate
        } catch {
            throw ServingError.invalidPrefix(name: id, reason: Self.reason(error, folder: incoming))
        }
        // Looked at now: others may have been stored meanwhile.
        try checkNamespaces(name, owner: owner)
        let used = index.entries.values.filter { $0.owner == owner && $0.id != id }.reduce(0) { $0 + $1.bytes }
        if let limit, used + StoreFolder.bytes(in: incoming) > limit {
            throw ServingError.rateLimited(limit: "\(limit) bytes of prefixes", retryAfter: 60)
        }
        do {
            try StoreFolder.move(incoming, to: index.place(of: id), in: index.folder, id: id)
        } catch {
            throw ServingError.storing(error, in: index.folder)
        }
        pinned[id] = nil
        resident[id] = nil
        guard var entry = PrefixEntry(at: index.place(of: id), owner: owner, name: name) else {
            throw ServingError.modelNotFound(id)
        }
        entry.sha256 = StoreFolder.digest(of: index.place(of: id))
        insert(entry)
        return entry
    }

    /// The server's own prefixes and the folders of owners lie side by side: neither may have the other's name.
    private func checkNamespaces(_ name: String, owner: String?) throws(ServingError) {
        if let owner {
            if index.entries[owner] != nil { throw .nameTaken(owner) }
        } else if index.entries.values.contains(where: { $0.owner == name }) {
            throw .nameTaken(name)
        }
    }

    /// Removes a prefix for good; running requests keep its values.
    package func delete(_ entry: PrefixEntry) async throws(ServingError) {
        guard !writing.contains(entry.id) else { throw .inUse(name: entry.id) }
        await unload(entry)
        do {
            try StoreFolder.remove(index.place(of: entry.id), in: index.folder)
        } catch {
            throw .storing(error, in: index.folder)
        }
        remove(entry.id)
    }

    private func insert(_ entry: PrefixEntry) {
        index.insert(entry)
        saveSoon()
    }

    private func remove(_ id: String) {
        index.remove(id)
        saveSoon()
    }

    /// Writes the index once for all that changes within a second: with thousands of prefixes it takes as long as an answer.
    private func saveSoon() {
        if isSaving { return }
        isSaving = true
        Task {
            try? await Task.sleep(for: .seconds(1))
            isSaving = false
            index.save()
        }
    }
}
