import Foundation

extension Tokenizer {
    /// What ``write(to:)`` writes, for those with a way of writing files of their own.
    package var files: [(name: String, contents: [UInt8])] { codec.files() }

    /// Writes the tokenizer's files, such as `tokenizer.json` and `tokenizer_config.json`, which Hugging Face's
    /// `tokenizers` and `transformers` load and which encode as this tokenizer does.
    ///
    /// Each file is written beside, synchronised and renamed: a failure leaves what was there.
    ///
    /// - Parameter folder: made where it does not exist.
    /// - Throws: ``TokenizerError/unwritable(file:reason:)``.
    public func write(to folder: URL) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw TokenizerError.unwritable(file: folder.path, reason: error.localizedDescription)
        }
        for (name, contents) in codec.files() {
            try Self.write(contents, to: folder.appendingPathComponent(name))
        }
    }

    private static func write(_ contents: [UInt8], to file: URL) throws {
        let beside = file.deletingLastPathComponent()
            .appendingPathComponent(".\(file.lastPathComponent).\(UUID().uuidString)")
        do {
            try Data(contents).write(to: beside)
            let handle = try FileHandle(forWritingTo: beside)
            try handle.synchronize()
            try handle.close()
            guard rename(beside.path, file.path) == 0 else {
                throw TokenizerError.unwritable(file: file.path, reason: String(cString: strerror(errno)))
            }
        } catch {
            try? FileManager.default.removeItem(at: beside)
            if let error = error as? TokenizerError { throw error }
            throw TokenizerError.unwritable(file: file.path, reason: error.localizedDescription)
        }
    }
}
