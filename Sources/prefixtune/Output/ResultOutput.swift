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

    private static func print(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw CommandError.cannotPrint(
                to: "standard output", reason: "the disk may be full or the other end closed")
        }
    }
}

/// JSON in the form that all commands write: sorted keys, slashes as they are.
enum JSONText {
    /// A value on one line, with the line's end.
    static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    /// A value for people to read, with the last line's end.
    static func document(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
