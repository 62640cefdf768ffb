import Foundation

extension Hub {
    /// What the cache holds of a revision.
    struct CachedCopy: Sendable {
        let folder: URL
        /// Wanted files that are not there.
        let missing: [String]
        /// Whether the cache knows what files the commit has.
        let isCertain: Bool
        /// The folder, where nothing is missing.
        var complete: URL? { missing.isEmpty ? folder : nil }
    }

    /// Looks for a revision in the cache; nil where there is nothing of it.
    ///
    /// Where the cache does not say what files the commit has (older versions of the Python client did not record it),
    /// the weights that are there must be complete.
    func cachedCopy(of reference: HubReference, _ files: HubFiles) -> CachedCopy? {
        guard let commit = cache.commit(of: reference) else { return nil }
        let folder = cache.snapshotFolder(reference.repository, commit: commit)
        let present = cache.files(reference.repository, commit: commit)
        let tree = cache.tree(reference.repository, commit: commit)
        var wanted = files.choose(from: tree?.map(\.path) ?? present)
        guard !wanted.isEmpty, tree != nil || !present.isEmpty else { return nil }
        for index in wanted where tree == nil && index.hasSuffix(".index.json") {
            wanted += Self.shards(folder.appendingPathComponent(index))
        }
        return CachedCopy(
            folder: folder,
            missing: wanted.filter { !cache.contains(reference.repository, commit: commit, file: $0) },
            isCertain: tree != nil)
    }

    private static func shards(_ index: URL) -> [String] {
        struct Index: Decodable { var weight_map: [String: String] }
        guard let map = try? JSONDecoder().decode(Index.self, from: Data(contentsOf: index)) else { return [] }
        return Set(map.weight_map.values).filter(TreeEntry.isSafe).sorted()
    }
}
