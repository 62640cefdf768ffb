import Foundation
import LanguageModels

/// Lines that are written as they come, so that a run that ends early can go on: they lie in `OUTPUT.partial`, which becomes
/// the output by renaming when all are there. `OUTPUT.partial.json` says what was asked for.
struct PartialOutput {
    /// How many lines an earlier run left.
    private(set) var count = 0
    /// Where the lines are until all are there.
    let file: URL
    private let output: URL
    private let sidecar: URL
    private let descriptor: Int32

    /// Opens the lines of an output, and keeps other processes from it.
    ///
    /// - Parameters:
    ///   - output: What is to be written; a symbolic link is followed.
    ///   - settings: What the lines depend on, as text by name.
    ///   - isResumed: Whether to go on after the lines of an earlier run, where there are any.
    ///   - isWhole: Whether the bytes are the complete line of this number; the lines before the first that is not are kept.
    /// - Throws: ``PartialOutputError``, `CheckpointError`.
    init(
        _ output: URL, settings: [String: String], isResumed: Bool, isWhole: (_ line: Int, Data) throws -> Bool
    ) throws {
        self.output = output.resolvingSymlinksInPath()
        file = self.output.appendingPathExtension("partial")
        sidecar = file.appendingPathExtension("json")
        // Noticed now, not when all is done.
        if FileIdentity(self.output)?.isFolder == true { throw AtomicFile.failure(EISDIR, writing: output.path) }
        let file = file, descriptor = SystemCall.retried { open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
        self.descriptor = descriptor
        guard descriptor >= 0 else { throw AtomicFile.failure(errno, writing: output.path) }
        do {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw PartialOutputError.inUse(path: file.path) }
            let contents = try Data(contentsOf: file)
            if contents.contains(UInt8(ascii: "\n")) {
                guard isResumed else { throw PartialOutputError.exists(path: file.path) }
                try compare(settings)
            }
            let kept = try keep(contents, isWhole)
            guard SystemCall.retried({ ftruncate(descriptor, off_t(kept)) }) == 0,
                lseek(descriptor, off_t(kept), SEEK_SET) >= 0
            else {
                throw AtomicFile.failure(errno, writing: file.path)
            }
            if count == 0 { try AtomicFile.write(try JSONText.document(Self.inSnakeCase(settings)).utf8, to: sidecar) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Refuses lines that were made with other settings.
    private func compare(_ settings: [String: String]) throws {
        guard let data = try? Data(contentsOf: sidecar),
            let recorded = try? JSONDecoder().decode([String: String].self, from: data)
        else { throw PartialOutputError.unknownSettings(path: file.path, sidecar: sidecar.path) }
        let before = Self.inSnakeCase(recorded)
        let now = Self.inSnakeCase(settings)
        for name in Set(before.keys).union(now.keys).sorted() where before[name] != now[name] {
            throw PartialOutputError.otherSettings(
                path: file.path, name: name, before: before[name] ?? "not given", now: now[name] ?? "not given")
        }
    }

    /// Settings by names as JSON of ours has them: `topK` → `top_k`. Earlier versions recorded `topK`, `fingerprint of the model`
    /// and `version of prefixtune`.
    private static func inSnakeCase(_ settings: [String: String]) -> [String: String] {
        let pairs = settings.map { name, value in
            let words = name.reduce(into: "") {
                $0 += $1.isUppercase ? "_" + $1.lowercased() : $1 == " " ? "_" : String($1)
            }
            return (words == "version_of_prefixtune" ? "version" : words, value)
        }
        return Dictionary(pairs) { $1 }
    }

    /// Counts the whole lines at the beginning.
    ///
    /// - Returns: Their bytes.
    private mutating func keep(_ contents: Data, _ isWhole: (Int, Data) throws -> Bool) rethrows -> Int {
        var start = contents.startIndex
        while let end = contents[start...].firstIndex(of: UInt8(ascii: "\n")),
            try isWhole(count, contents[start..<end])
        {
            count += 1
            start = end + 1
        }
        return start - contents.startIndex
    }

    /// Writes a line, its end included.
    mutating func append(_ line: String) throws {
        let code = Array(line.utf8).withUnsafeBytes { SystemCall.writeAll(descriptor, $0) }
        guard code == 0 else { throw AtomicFile.failure(code, writing: output.path) }
        count += 1
    }

    /// Makes the lines the output.
    func finish() throws {
        defer { close(descriptor) }
        guard SystemCall.retried({ fsync(descriptor) }) == 0,
            SystemCall.retried({ rename(file.path, output.path) }) == 0
        else {
            throw AtomicFile.failure(errno, writing: output.path)
        }
        guard SystemCall.retried({ unlink(sidecar.path) }) != 0, errno != ENOENT else { return }
        // The answers are there, so that nothing has failed.
        let reason = String(cString: strerror(errno))
        StandardError.write(
            "Warning: \(sidecar.path), which was needed until all answers were there, cannot be removed: \(reason); remove it by hand\n"
        )
    }

    /// Leaves the lines for another run; nothing where there are none.
    func abandon() {
        if count == 0 {
            for path in [file.path, sidecar.path] { _ = SystemCall.retried { unlink(path) } }
        }
        close(descriptor)
    }
}

/// Why lines of an earlier run cannot be gone on with.
enum PartialOutputError: Error, Equatable {
    /// An earlier run ended early, and nobody said to go on with it.
    case exists(path: String)
    /// Another process writes the lines.
    case inUse(path: String)
    /// What the lines were made with is not recorded.
    case unknownSettings(path: String, sidecar: String)
    /// The lines were made with other settings.
    case otherSettings(path: String, name: String, before: String, now: String)
    /// A line is about another prompt.
    case otherPrompt(line: Int, found: String, expected: String)
}

extension PartialOutputError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    var description: String {
        switch self {
        case .exists(let path):
            "\(path) has answers of a run that ended early; go on with --resume, or remove the file to begin anew"
        case .inUse(let path):
            "another process is writing \(path); wait for it, or choose another --output"
        case .unknownSettings(let path, let sidecar):
            "\(path) cannot be gone on with, because \(sidecar), which says what it was made with, is not there or damaged; "
                + "remove the file to begin anew"
        case .otherSettings(let path, let name, let before, let now):
            "\(path) belongs to another run: its \(name) was \(before), not \(now); repeat the run's settings, or remove the "
                + "file to begin anew"
        case .otherPrompt(let line, let found, let expected):
            "answer \(line) of the run that ended early is about \"\(found)\", but the input has \"\(expected)\" there; give the same "
                + "--input, or remove the .partial file to begin anew"
        }
    }
}
