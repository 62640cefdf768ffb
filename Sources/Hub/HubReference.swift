import Foundation

/// A repository of the hub at a revision: `org/name`, `name`, `org/name@revision`; or one of its GGUF files, by name or by what its name
/// ends in: `org/name:model-Q8_0.gguf`, `org/name:Q4_K_M`.
public struct HubReference: Sendable, Hashable, CustomStringConvertible {
    /// `org/name`, or `name` for the oldest models (`gpt2`).
    public let repository: String
    /// A branch, a tag or a commit hash; `main` unless given.
    public let revision: String

    /// A GGUF file of the repository, by its name or by its quantisation (`Q4_K_M`); nil for the files of a model's folder.
    public let file: String?

    /// The branch that is meant where none is named.
    public static let defaultRevision = "main"

    /// Reads `org/name[@revision][:file]`.
    ///
    /// The rules for names are those of the Python client (`validate_repo_id`): 1 to 96 ASCII letters, digits, `-`, `_`
    /// and `.` on each side of at most one `/`, no `--` and no `..` (the cache's folder names need them), no `.git` at
    /// the end.
    ///
    /// - Throws: ``HubError/invalidName(_:reason:)``.
    public init(_ text: String) throws {
        let (name, file) = Self.parts(text, at: ":"), (repository, revision) = Self.parts(name, at: "@")
        try self.init(repository: repository, revision: revision ?? Self.defaultRevision, file: file)
    }

    private static func parts(_ text: String, at separator: Character) -> (String, String?) {
        guard let index = text.firstIndex(of: separator) else { return (text, nil) }
        return (String(text[..<index]), String(text[text.index(after: index)...]))
    }

    /// A repository and a revision, or one of its GGUF files.
    ///
    /// - Throws: ``HubError/invalidName(_:reason:)``.
    public init(repository: String, revision: String = defaultRevision, file: String? = nil) throws {
        self.repository = repository
        self.revision = revision
        self.file = file
        if let reason = Self.problem(repository: repository) ?? Self.problem(revision: revision)
            ?? file.flatMap(Self.problem(file:))
        {
            throw HubError.invalidName(description, reason: reason)
        }
    }

    private static func problem(file: String) -> String? {
        file.isEmpty || !TreeEntry.isSafe(file)
            ? "behind the colon belongs a GGUF file of the repository, such as Q4_K_M or model-Q8_0.gguf" : nil
    }

    /// Whether the revision is a full commit hash, which cannot change.
    public var isCommit: Bool { Self.isCommit(revision) }

    /// As it is written on the command line.
    public var description: String {
        (revision == Self.defaultRevision ? repository : "\(repository)@\(revision)") + (file.map { ":\($0)" } ?? "")
    }

    /// Whether an argument names a folder or file rather than a repository: it says so (`/…`, `./…`, `../…`, `~…`), or
    /// there is one of that name.
    public static func isLocal(_ text: String) -> Bool {
        if text.isEmpty || text == "." || text == ".." { return true }
        if ["/", "./", "../", "~"].contains(where: text.hasPrefix) { return true }
        return FileManager.default.fileExists(atPath: text)
    }

    static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40
            && text.utf8.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    private static func problem(repository: String) -> String? {
        let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return "it has more than one \"/\"" }
        for part in parts {
            guard (1...96).contains(part.utf8.count) else { return "each part needs 1 to 96 characters" }
            guard part.utf8.allSatisfy({ isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }) else {
                return "only letters, digits, \"-\", \"_\" and \".\" are allowed"
            }
            guard let first = part.utf8.first, let last = part.utf8.last, isWord(first), isWord(last) else {
                return "a part cannot begin or end with \"-\" or \".\""
            }
        }
        if repository.contains("--") || repository.contains("..") { return "\"--\" and \"..\" are not allowed" }
        return repository.hasSuffix(".git") ? "it cannot end in \".git\"" : nil
    }

    /// A revision becomes a path below `refs`: it must stay there.
    private static func problem(revision: String) -> String? {
        guard !revision.isEmpty, revision.utf8.count <= 255 else { return "the revision needs 1 to 255 characters" }
        let parts = revision.split(separator: "/", omittingEmptySubsequences: false)
        let isSafe =
            parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
            && revision.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 && $0 != "\\" }
        return isSafe ? nil : "the revision is no name of a branch, a tag or a commit"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
    }
}
