import Foundation

/// The folder that this package and the Python client (`huggingface_hub`) keep downloaded files in, in its layout:
///
/// ```
/// models--org--name/
///   blobs/<etag>                     contents, once
///   snapshots/<commit>/<path>        relative links to blobs
///   refs/<revision>                  the commit of a branch or tag, as text
///   trees/<commit>.json              what files the commit has
///   .no_exist/<commit>/<path>        empty: the commit has no such file
/// .locks/models--org--name/<etag>.lock
/// ```
///
/// A blob may itself be a link into a store that the Python client shares between repositories; links are followed.
public struct HubCache: Sendable {
    /// The cache's folder: the value of `HF_HUB_CACHE`, or what stands for it.
    public let folder: URL

    /// The cache in a folder, which need not exist.
    public init(folder: URL) { self.folder = folder }

    /// Where a repository is kept.
    func repositoryFolder(_ repository: String) -> URL {
        folder.appendingPathComponent(Self.folderName(repository))
    }

    /// Where the lock of a blob is.
    func lockFile(_ repository: String, etag: String) -> URL {
        folder.appendingPathComponent(".locks/\(Self.folderName(repository))/\(etag).lock")
    }

    /// `org/name` → `models--org--name`.
    static func folderName(_ repository: String) -> String {
        (["models"] + repository.split(separator: "/").map(String.init)).joined(separator: "--")
    }

    /// Where the files of a commit are.
    public func snapshotFolder(_ repository: String, commit: String) -> URL {
        repositoryFolder(repository).appendingPathComponent("snapshots/\(commit)")
    }

    /// The repository whose snapshot a folder is, or nil: `…/models--org--name/snapshots/<commit>` → `org/name`.
    public static func repository(ofSnapshot folder: URL) -> String? {
        let parts = folder.standardizedFileURL.pathComponents
        guard parts.count >= 3, HubReference.isCommit(parts[parts.count - 1]), parts[parts.count - 2] == "snapshots"
        else { return nil }
        let names = parts[parts.count - 3].components(separatedBy: "--")
        guard names.first == "models", names.count == 2 || names.count == 3 else { return nil }
        let repository = names.dropFirst().joined(separator: "/")
        return (try? HubReference(repository: repository)) == nil ? nil : repository
    }

    /// The commit that a revision was when it was last asked for, or nil.
    func commit(of reference: HubReference) -> String? {
        if reference.isCommit { return reference.revision }
        let file = repositoryFolder(reference.repository).appendingPathComponent("refs/\(reference.revision)")
        guard let data = FileManager.default.contents(atPath: file.path), data.count <= 100 else { return nil }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return HubReference.isCommit(text) ? text : nil
    }

    /// What files a commit has, or nil where that is not recorded.
    func tree(_ repository: String, commit: String) -> [TreeEntry]? {
        let file = repositoryFolder(repository).appendingPathComponent("trees/\(commit).json")
        guard let data = FileManager.default.contents(atPath: file.path),
            let tree = try? JSONDecoder().decode(TreeFile.self, from: data), tree.format_version == 1
        else { return nil }
        let entries = tree.entries
        return entries.allSatisfy { TreeEntry.isSafe($0.path) && $0.hasPossibleSize } ? entries : nil
    }

    /// The files that lie in a snapshot's folder; links to blobs that are gone do not count.
    func files(_ repository: String, commit: String) -> [String] {
        let folder = snapshotFolder(repository, commit: commit)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { contains(repository, commit: commit, file: $0) }.sorted()
    }

    /// Whether a file of a commit is there.
    func contains(_ repository: String, commit: String, file: String) -> Bool {
        var isFolder: ObjCBool = false
        let path = snapshotFolder(repository, commit: commit).appendingPathComponent(file).path
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }
}
