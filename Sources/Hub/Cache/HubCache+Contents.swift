import Foundation

extension HubCache {
    /// A repository in the cache.
    public struct Entry: Sendable, Equatable {
        /// What a repository holds, by its files.
        public enum Kind: String, Sendable {
            case model, adapter, other
        }

        /// `org/name`.
        public let repository: String
        /// What it holds.
        public let kind: Kind
        /// Bytes that it takes on the disk; files that several commits share count once.
        public let bytes: Int
        /// Branches and tags that were asked for, then commits that have none.
        public let revisions: [String]
    }

    /// What the cache holds, by name.
    public func entries() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().compactMap { name in
            let parts = name.components(separatedBy: "--")
            guard parts.first == "models", parts.count == 2 || parts.count == 3 else { return nil }
            return entry(parts.dropFirst().joined(separator: "/"))
        }
    }

    /// A repository; nil where the cache has none of that name.
    public func entry(_ repository: String) -> Entry? {
        let place = repositoryFolder(repository), files = FileManager.default
        guard (try? HubReference(repository: repository)) != nil, files.fileExists(atPath: place.path) else {
            return nil
        }
        let commits = (try? files.contentsOfDirectory(atPath: place.appendingPathComponent("snapshots").path)) ?? []
        let references = place.appendingPathComponent("refs")
        let branches = (files.subpaths(atPath: references.path) ?? []).sorted().compactMap {
            path -> (String, String)? in
            guard let reference = try? HubReference(repository: repository, revision: path),
                let commit = commit(of: reference)
            else { return nil }
            return (path, commit)
        }
        let names = Set(commits.flatMap { self.files(repository, commit: $0) })
        let kind: Entry.Kind =
            names.contains("adapter_config.json")
            ? .adapter
            : names.contains("config.json") || names.contains { $0.hasSuffix(".gguf") } ? .model : .other
        let named = Set(branches.map(\.1))
        return Entry(
            repository: repository, kind: kind, bytes: Self.bytes(in: place),
            revisions: branches.map(\.0) + commits.filter { !named.contains($0) }.sorted())
    }

    /// Removes a repository with all its commits; what other programs have open of it stays readable to them.
    ///
    /// - Returns: What was removed; nil where there was none.
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    public func remove(_ repository: String) throws -> Entry? {
        guard let entry = entry(repository) else { return nil }
        for place in [repositoryFolder(repository), lockFile(repository, etag: "").deletingLastPathComponent()]
        where FileManager.default.fileExists(atPath: place.path) {
            do {
                try FileManager.default.removeItem(at: place)
            } catch {
                throw HubError.cannotWrite(file: place.path, reason: "it cannot be removed")
            }
        }
        return entry
    }

    /// The sizes of all files below a folder; links are not followed.
    private static func bytes(in folder: URL) -> Int {
        (FileManager.default.subpaths(atPath: folder.path) ?? []).reduce(0) { sum, path in
            var status = stat()
            let isFile =
                lstat(folder.appendingPathComponent(path).path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            return isFile ? sum + Int(status.st_size) : sum
        }
    }
}
