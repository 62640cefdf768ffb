import Foundation

/// A hub of models, and the cache of what was fetched from it, as the Python client (`huggingface_hub`) keeps it.
///
/// ```swift
/// let hub = try Hub()
/// let folder = try await hub.snapshot(of: HubReference("gpt2"))
/// ```
public struct Hub: Sendable {
    /// Address, token and so on.
    public let environment: HubEnvironment
    /// Where files are kept.
    public let cache: HubCache
    let client: HubClient
    let note: @Sendable (String) -> Void

    /// A hub with the settings of the environment.
    ///
    /// - Parameters:
    ///   - environment: The process's unless given.
    ///   - note: Gets sentences about what the user may want to know, such as that a cached copy is used.
    /// - Throws: ``HubError/invalidSetting(name:value:reason:)``.
    public init(environment: HubEnvironment? = nil, note: @escaping @Sendable (String) -> Void = { _ in }) throws {
        self.init(environment: try environment ?? HubEnvironment(), retry: RetryPolicy(), note: note)
    }

    init(
        environment: HubEnvironment, retry: RetryPolicy, note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.environment = environment
        self.note = note
        cache = HubCache(folder: environment.cacheFolder)
        client = HubClient(environment: environment, retry: retry)
    }

    /// The folder of a repository's files, fetched where they are not in the cache yet.
    ///
    /// A commit whose files are all there is used without asking the hub; a branch or tag is asked for, and where the hub
    /// cannot be reached or does not let us in, the commit that it was last time is used.
    ///
    /// - Parameters:
    ///   - reference: What to fetch.
    ///   - files: Which files.
    ///   - progress: Called as bytes arrive, from any thread.
    /// - Returns: `…/snapshots/<commit>`, with links to the files.
    /// - Throws: ``HubError``; what has arrived is kept, and the next call goes on from there.
    public func snapshot(
        of reference: HubReference, files: HubFiles = .usable,
        progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws -> URL {
        let cached = cachedCopy(of: reference, files)
        if let setting = environment.offlineSetting {
            if let folder = cached?.complete { return folder }
            throw HubError.offline(name: reference.description, setting: setting)
        }
        if reference.isCommit, cached?.isCertain == true, let folder = cached?.complete { return folder }

        if let sentence = environment.withheldTokenNote { note(sentence) }
        let commit: String, tree: [TreeEntry]
        do {
            (commit, tree) = try await client.tree(
                of: reference, cache: cache, policy: cached?.complete == nil ? nil : client.retry.once)
        } catch let error as HubError where error.allowsCachedCopy {
            if let folder = cached?.complete {
                note("\(error); using the cached copy of \(reference)")
                return folder
            }
            if case .unreachable(let host, let reason) = error, let missing = cached?.missing {
                throw HubError.incomplete(
                    name: reference.description, missing: missing, reason: "\(host) cannot be reached: \(reason)")
            }
            throw error
        }
        // A cache that cannot be written may still hold everything: as the Python client, this warns, unless nothing comes of it.
        var unrecorded: [String] = []
        for record in [
            { try cache.record(commit: commit, of: reference) },
            { try cache.record(tree: tree, of: reference.repository, commit: commit) },
        ] {
            do { try record() } catch { unrecorded.append("\(error)") }
        }
        try await fetch(reference, commit: commit, tree: tree, files: files, progress)
        for sentence in unrecorded { note(sentence) }
        return cache.snapshotFolder(reference.repository, commit: commit)
    }

    /// A GGUF file of a repository, fetched where it is not in the cache yet; of a set the first, with all others beside it.
    ///
    /// - Parameters:
    ///   - reference: With a ``HubReference/file``.
    ///   - progress: Called as bytes arrive, from any thread.
    /// - Throws: As ``snapshot(of:files:progress:)``.
    public func file(
        of reference: HubReference, progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws -> URL {
        let files = HubFiles.gguf(reference.file ?? "")
        let folder = try await snapshot(of: reference, files: files, progress: progress)
        let present = FileManager.default.subpaths(atPath: folder.path) ?? []
        guard let first = files.choose(from: present).first else {
            throw HubError.noUsableFiles(name: reference.description, found: present)
        }
        return folder.appendingPathComponent(first)
    }

    private static let parallelDownloads = 4

    private func fetch(
        _ reference: HubReference, commit: String, tree: [TreeEntry], files: HubFiles,
        _ progress: @escaping @Sendable (HubProgress) -> Void
    ) async throws {
        let paths = tree.map(\.path)
        let chosen = files.choose(from: paths)
        guard !chosen.isEmpty else { throw HubError.noUsableFiles(name: reference.description, found: paths) }
        let entries = chosen.filter { !cache.contains(reference.repository, commit: commit, file: $0) }.map { name in
            tree.first { $0.path == name } ?? TreeEntry(path: name)
        }
        let meter = ProgressMeter(entries.map { ($0.path, $0.size ?? 0) }, report: progress)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, entry) in entries.enumerated() {
                if number >= Self.parallelDownloads { try await group.next() }
                let download = FileDownload(
                    client: client, cache: cache, reference: reference, commit: commit, entry: entry, meter: meter,
                    note: note)
                group.addTask { try await download.run() }
            }
            try await group.waitForAll()
        }
    }
}
