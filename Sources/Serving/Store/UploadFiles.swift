import Foundation
import LanguageModels
import Synchronization

/// What the parts of an uploaded prefix become: files in a folder, written as they come.
struct UploadFiles {
    /// What was uploaded.
    struct Form: Sendable {
        /// The prefix's name.
        let name: String
        /// Whether one of that name may be there.
        let replaces: Bool
        /// The files, by their names in the folder.
        let files: [String]
    }

    /// An open file; letting it go closes it.
    private final class OpenFile {
        let descriptor: Int32

        init?(_ file: URL) {
            descriptor = SystemCall.retried { open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
            if descriptor < 0 { return nil }
        }

        deinit { close(descriptor) }
    }

    private enum Part {
        case file(OpenFile)
        case field(String, [UInt8])
    }

    /// Bytes of a field that is no file.
    private static let fieldLimit = 256

    private let folder: URL
    private let limit: Int?
    private let checkName: (String) throws -> Void
    private var part: Part?
    private var fields: [String: [UInt8]] = [:]
    private var files: [String] = []
    private var byteCount = 0

    /// Nothing yet.
    ///
    /// - Parameters:
    ///   - folder: Where files are written; empty.
    ///   - limit: Bytes that all prefixes of the owner may take, and so these; nil for any.
    ///   - checkName: Throws where nobody may store a prefix of that name, so that the rest need not be sent.
    init(in folder: URL, limit: Int?, checkName: @escaping (String) throws -> Void = { _ in }) {
        self.folder = folder
        self.limit = limit
        self.checkName = checkName
    }

    /// Takes what has come of the body.
    ///
    /// - Throws: ``ServingError``.
    mutating func take(_ event: MultipartReader.Event) throws {
        switch event {
        case .begin(let name, let fileName?) where !fileName.isEmpty: part = .file(try file(fileName, of: name))
        case .begin(let name, _): part = .field(name, [])
        case .bytes(let bytes):
            switch part {
            case .file(let file): try write(bytes, to: file)
            case .field(let name, let begun): part = .field(name, begun + bytes.prefix(Self.fieldLimit - begun.count))
            case nil: break
            }
        case .end:
            if case .field(let name, let value) = part {
                fields[name] = value
                if name == "name" { try checkName(String(decoding: value, as: UTF8.self)) }
            }
            part = nil
        }
    }

    private mutating func file(_ fileName: String, of field: String) throws -> OpenFile {
        guard StoreFolder.mayStore(fileName) else {
            throw ServingError.outOfRange(
                field: field, value: "a file \"\(fileName.prefix(80))\"",
                range: "adapter_config.json or a file of tensors (.safetensors, .bin, .pt, .pth, .ckpt)")
        }
        guard !files.contains(fileName) else {
            throw ServingError.outOfRange(
                field: field, value: "a second file \"\(fileName)\"", range: "one file of each name")
        }
        files.append(fileName)
        let url = folder.appendingPathComponent(fileName)
        guard let file = OpenFile(url) else {
            throw ServingError.storing(AtomicFile.failure(errno, writing: fileName), in: folder)
        }
        return file
    }

    private mutating func write(_ bytes: ArraySlice<UInt8>, to file: OpenFile) throws {
        byteCount += bytes.count
        if let limit, byteCount > limit {
            throw ServingError.rateLimited(limit: "\(limit) bytes of prefixes", retryAfter: 60)
        }
        let code = bytes.withUnsafeBytes { SystemCall.writeAll(file.descriptor, $0) }
        guard code == 0 else { throw ServingError.storing(AtomicFile.failure(code, writing: "the file"), in: folder) }
    }

    /// What was uploaded, when all has come.
    ///
    /// - Throws: ``ServingError`` where the name or the files are missing.
    func form() throws(ServingError) -> Form {
        guard let name = fields["name"] else { throw .missing(field: "name") }
        guard !files.isEmpty else { throw .missing(field: "file") }
        return Form(
            name: String(decoding: name, as: UTF8.self), replaces: fields["replace"] == Array("true".utf8), files: files
        )
    }
}

/// Bounds how many uploads come at once.
final class UploadGate: Sendable {
    /// A place; letting it go leaves it to others.
    final class Pass: Sendable {
        private let gate: UploadGate

        fileprivate init(_ gate: UploadGate) { self.gate = gate }

        deinit { gate.leave() }
    }

    private let limit: Int
    private let count = Mutex(0)

    init(limit: Int) { self.limit = limit }

    /// Takes a place.
    ///
    /// - Throws: ``ServingError/uploadsFull(limit:)``.
    func enter() throws(ServingError) -> Pass {
        let isIn = count.withLock { count in
            if count >= limit { return false }
            count += 1
            return true
        }
        guard isIn else { throw .uploadsFull(limit: limit) }
        return Pass(self)
    }

    private func leave() { count.withLock { $0 -= 1 } }

    /// How many there are, for tests.
    var uploads: Int { count.withLock { $0 } }
}
