import Foundation
import LanguageModels

/// Where results go: standard output, or a file that appears complete or not at all.
enum ResultOutput {
    /// Runs `body` with a place to write to, which is opened first: a folder that is not writable is noticed before the
    /// work is done.
    ///
    /// - Parameter file: nil for standard output.
    static func write(to file: URL?, _ body: ((String) throws -> Void) throws -> Void) throws {
        guard let file else { return try body { try print($0) } }
        try AtomicFile.write(to: prepared(file)) { output in
            try withoutActuallyEscaping(body) { body in try body { try output.write($0.utf8) } }
        }
    }

    /// The same file, with a folder made for it where there is none.
    static func prepared(_ file: URL) throws -> URL {
        let folder = file.deletingLastPathComponent()
        guard access(folder.path, F_OK) != 0, errno == ENOENT else { return file }
        do {
            try ModelFolder.makeFolder(folder)
        } catch CheckpointError.cannotWrite(_, let reason) {
            throw CheckpointError.cannotWrite(file: file.path, reason: reason)
        }
        return file
    }

    /// Refuses an output that is one of the inputs: the same file, by whatever name or link, or a file of a folder that is
    /// read.
    ///
    /// - Parameters:
    ///   - outputs: Files or folders to be written, by the option that names them; those without value are left out.
    ///   - inputs: What is read, likewise.
    /// - Throws: ``CommandError/outputIsInput(option:path:input:)``.
    static func check(_ outputs: KeyValuePairs<String, URL?>, against inputs: KeyValuePairs<String, [URL?]>) throws {
        var taken: [FileIdentity: String] = [:]
        for (option, urls) in inputs {
            for url in urls.compactMap(\.self) {
                for identity in [FileIdentity(url)] + FileIdentity.files(in: url) {
                    if let identity { taken[identity] = option }
                }
            }
        }
        for (option, url) in outputs {
            guard let url, let identity = FileIdentity(url) else { continue }
            if let input = taken[identity] {
                throw CommandError.outputIsInput(option: option, path: url.path, input: input)
            }
            taken[identity] = option
        }
    }

    private static func print(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw CommandError.cannotPrint(
                to: "standard output", reason: "the disk may be full or the other end closed")
        }
    }
}

/// What a file or folder is, whatever it is called: equal for all links to it.
struct FileIdentity: Hashable {
    private let device: UInt64
    private let number: UInt64
    let isFolder: Bool

    /// Nil where there is nothing of that name, or a device or pipe, which writing does not destroy.
    init?(_ url: URL) {
        var status = stat()
        guard stat(url.path, &status) == 0, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return nil }
        (device, number) = (UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino))
        isFolder = status.st_mode & S_IFMT == S_IFDIR
    }

    /// The files directly in a folder.
    static func files(in folder: URL) -> [FileIdentity?] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.map { FileIdentity(folder.appendingPathComponent($0)) }.filter { $0?.isFolder == false }
    }
}
