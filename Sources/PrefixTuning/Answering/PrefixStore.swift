import Foundation
import LanguageModels

/// Prefixes of one resident model that lie ready in memory, for programs that answer many users, each after a prefix of his
/// own.
///
/// A prefix is read once, however many ask for it at the same time, off the compute thread; all get the same object, and so
/// share its keys and values. A file that changes is read again by the next request, while those before it keep what they
/// have. Where the memory that was allowed is full, what was asked for longest ago is let go, but never what someone holds:
/// that would free nothing. So holding a ``ResidentPrefix`` is what keeps it.
///
/// ```swift
/// let store = PrefixStore(model, budget: 1 << 30)
/// let prefix = try await store.prefix(at: folder)
/// let adapted = await AdaptedModel(model, after: prefix)
/// ```
public actor PrefixStore {
    /// What a store holds, and what it did.
    public struct Counts: Equatable, Sendable {
        /// Prefixes in memory.
        public var prefixes = 0
        /// Memory that they take.
        public var bytes = 0
        /// How many times a prefix was read.
        public var reads = 0
        /// How many prefixes were let go to make room.
        public var evictions = 0
    }

    private final class Entry {
        var prefix: ResidentPrefix
        let version: FileVersion
        /// When it was asked for: for the first time, and last.
        let begin: Int
        var lastUse: Int

        init(_ prefix: ResidentPrefix, _ version: FileVersion, begin: Int, lastUse: Int) {
            self.prefix = prefix
            self.version = version
            self.begin = begin
            self.lastUse = lastUse
        }

        /// Whether nobody else holds the prefix.
        var isUnused: Bool { isKnownUniquelyReferenced(&prefix) }
    }

    private struct Request: Hashable {
        let path: String
        let version: FileVersion
    }

    /// The model that the prefixes are for.
    public nonisolated let model: LanguageModel
    /// How many bytes prefixes may take that nobody holds.
    public nonisolated let budget: Int
    /// What it holds and did.
    public private(set) var counts = Counts()

    private var entries: [String: Entry] = [:]
    private var readings: [Request: Task<ResidentPrefix, any Error>] = [:]
    /// Counts requests.
    private var clock = 0

    /// An empty store.
    ///
    /// - Parameters:
    ///   - model: What the prefixes are used with.
    ///   - budget: Bytes that they may take in memory; see ``ResidentPrefix/byteCount``.
    public init(_ model: LanguageModel, budget: Int) {
        self.model = model
        self.budget = budget
    }

    /// A prefix, soft prompt or infix: the object that is in memory, where the files have not changed since it was read.
    ///
    /// - Parameter url: The folder or file. Links to it, and files in an adapter's folder, name the same prefix.
    /// - Throws: ``AnsweringError/badPrefix(file:reason:)``; the store is then as it was.
    public func prefix(at url: URL) async throws -> ResidentPrefix {
        let version = FileVersion(PrefixPlace(url).files), request = Request(path: Self.path(of: url), version: version)
        clock += 1
        let begin = clock
        if let entry = entries[request.path], entry.version == version {
            entry.lastUse = begin
            return entry.prefix
        }
        if let reading = readings[request] { return try await Self.value(of: reading, url) }
        let reading = Task { [model] in try await ResidentPrefix.read(url, for: model) }
        readings[request] = reading
        defer { readings[request] = nil }
        let prefix = try await Self.value(of: reading, url)
        counts.reads += 1
        keep(prefix, request, begin: begin)
        return prefix
    }

    /// Whether a prefix is in memory, and someone holds it.
    public func isHeld(_ url: URL) -> Bool { entries[Self.path(of: url)].map { !$0.isUnused } ?? false }

    /// Lets a prefix go, whether its file is still there or not; who holds it keeps it.
    public func forget(_ url: URL) {
        let path = Self.path(of: url)
        if let entry = entries[path] { remove(entry, path) }
    }

    /// Lets prefixes go that nobody holds, until the others are within the budget: what is asked for does so by itself.
    public func trim() {
        guard counts.bytes > budget else { return }
        for (path, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse })
        where counts.bytes > budget && entry.isUnused {
            remove(entry, path)
            counts.evictions += 1
        }
    }

    private static func path(of url: URL) -> String {
        PrefixPlace(url).url.standardizedFileURL.resolvingSymlinksInPath().path
    }

    private static func value(
        of reading: Task<ResidentPrefix, any Error>, _ url: URL
    ) async throws -> ResidentPrefix {
        do {
            return try await reading.value
        } catch {
            throw AnsweringError.badPrefix(file: url.path, reason: "\(error)")
        }
    }

    private func keep(_ prefix: ResidentPrefix, _ request: Request, begin: Int) {
        if let other = entries[request.path] {
            // What was asked for later was read from a newer file.
            if other.begin > begin { return }
            remove(other, request.path)
        }
        entries[request.path] = Entry(prefix, request.version, begin: begin, lastUse: clock)
        counts.prefixes += 1
        counts.bytes += prefix.byteCount
        trim()
    }

    private func remove(_ entry: Entry, _ path: String) {
        entries[path] = nil
        counts.prefixes -= 1
        counts.bytes -= entry.prefix.byteCount
    }
}
