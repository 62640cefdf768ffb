import Foundation

extension HubCache {
    /// Records what a branch or tag is. Writes only where it changes, so that a full cache may be read-only.
    func record(commit: String, of reference: HubReference) throws {
        guard reference.revision != commit, self.commit(of: reference) != commit else { return }
        let file = repositoryFolder(reference.repository).appendingPathComponent("refs/\(reference.revision)")
        try replace(file, with: Data(commit.utf8))
    }

    /// Records what files a commit has, in the Python client's form.
    func record(tree: [TreeEntry], of repository: String, commit: String) throws {
        guard let tree = TreeFile(tree) else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try replace(
            repositoryFolder(repository).appendingPathComponent("trees/\(commit).json"), with: encoder.encode(tree))
    }

    /// Records that a commit has no such file.
    func recordAbsence(_ repository: String, commit: String, file: String) throws {
        let marker = repositoryFolder(repository).appendingPathComponent(".no_exist/\(commit)/\(file)")
        guard !FileManager.default.fileExists(atPath: marker.path) else { return }
        try replace(marker, with: Data())
    }

    /// Puts a link to a blob into a snapshot.
    ///
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    func link(_ repository: String, commit: String, file: String, to etag: String) throws {
        let pointer = snapshotFolder(repository, commit: commit).appendingPathComponent(file)
        guard !contains(repository, commit: commit, file: file) else { return }
        try Self.makeFolder(pointer.deletingLastPathComponent())
        let depth = 2 + file.split(separator: "/").count - 1
        let target = String(repeating: "../", count: depth) + "blobs/\(etag)"
        let temporary = Self.beside(pointer, "tmp")
        guard SystemCall.retried({ symlink(target, temporary.path) }) == 0 else {
            throw HubError.writing(temporary.path)
        }
        guard SystemCall.retried({ rename(temporary.path, pointer.path) }) == 0 else {
            let code = errno
            unlink(temporary.path)
            throw HubError.writing(pointer.path, code: code)
        }
    }

    /// Marks the cache for programs that make backups (https://bford.info/cachedir).
    func tag() {
        let file = folder.appendingPathComponent("CACHEDIR.TAG")
        guard !FileManager.default.fileExists(atPath: file.path) else { return }
        try? replace(
            file,
            with: Data(
                """
                Signature: 8a477f597d28d172789f06886806bc55
                # Models and adapters that can be downloaded again. See https://bford.info/cachedir

                """.utf8))
    }

    /// Makes a folder, with those above it.
    ///
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    static func makeFolder(_ folder: URL) throws {
        if SystemCall.retried({ mkdir(folder.path, 0o777) }) == 0 { return }
        let code = errno
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue { return }
        guard code == ENOENT, folder.path != "/" else { throw HubError.writing(folder.path, code: code) }
        try makeFolder(folder.deletingLastPathComponent())
        if SystemCall.retried({ mkdir(folder.path, 0o777) }) != 0, errno != EEXIST {
            throw HubError.writing(folder.path)
        }
    }

    /// A name that no other process uses, in the same folder.
    private static func beside(_ file: URL, _ ending: String) -> URL {
        let random = String(format: "%08x", UInt32.random(in: .min ... .max))
        return file.deletingLastPathComponent().appendingPathComponent("\(file.lastPathComponent).\(random).\(ending)")
    }

    /// Writes a small file whole or not at all.
    private func replace(_ file: URL, with data: Data) throws {
        try Self.makeFolder(file.deletingLastPathComponent())
        let temporary = Self.beside(file, "tmp")
        let descriptor = SystemCall.retried { open(temporary.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else { throw HubError.writing(temporary.path) }
        var code: Int32 = 0
        data.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty, code == 0 {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let written = SystemCall.retried { write(descriptor, part.baseAddress, part.count) }
                if written > 0 { rest = rest.dropFirst(written) } else { code = written == 0 ? ENOSPC : errno }
            }
        }
        // A close that a signal cut short has closed (on Linux), or leaves no more than an open file behind.
        if close(descriptor) != 0, code == 0, errno != EINTR { code = errno }
        if code == 0, SystemCall.retried({ rename(temporary.path, file.path) }) != 0 { code = errno }
        guard code == 0 else {
            unlink(temporary.path)
            throw HubError.writing(file.path, code: code)
        }
    }
}
