import Foundation

/// What can go wrong between the hub, its cache and this machine.
///
/// Cases carry data only; ``description`` writes the sentence.
public enum HubError: Error, Equatable, Sendable {
    /// The text is no `org/name[@revision]`.
    case invalidName(_ text: String, reason: String)
    /// An address of the web that names no repository.
    case webAddress(String)
    /// There is neither such a folder here nor a cached copy, and the hub does not answer.
    case foundNowhere(name: String, host: String, reason: String)
    /// A setting of the environment has no meaning.
    case invalidSetting(name: String, value: String, reason: String)
    /// No such repository, or one that is hidden from who asks.
    case repositoryNotFound(repository: String, hasToken: Bool)
    /// The repository has no such branch, tag or commit.
    case revisionNotFound(repository: String, revision: String)
    /// The repository has no such file.
    case fileNotFound(repository: String, revision: String, file: String)
    /// The repository asks for an agreement first.
    case gated(repository: String, hasToken: Bool)
    /// The hub refuses the token, or asks for one.
    case unauthorized(repository: String, hasToken: Bool)
    /// The token does not allow it.
    case forbidden(repository: String, message: String)
    /// The hub asks to wait for longer than a program should.
    case tooManyRequests(seconds: Int)
    /// The server answered with an error.
    case refused(url: String, status: Int, message: String)
    /// No connection, or one that broke too often.
    case unreachable(host: String, reason: String)
    /// No connection to a server that is no hub.
    case noServer(address: String, reason: String)
    /// A server that is no hub sends more bytes than any reply has.
    case longReply(address: String, limit: Int)
    /// Nothing is fetched in offline mode, and the cache does not have it.
    case offline(name: String, setting: String)
    /// The hub does not answer, and the cached copy lacks files.
    case incomplete(name: String, missing: [String], reason: String)
    /// The repository has nothing that this program reads.
    case noUsableFiles(name: String, found: [String])
    /// Ollama's store does not have the model.
    case ollama(name: String, reason: String)
    /// A file name that would leave its folder.
    case unsafeFileName(repository: String, file: String)
    /// The reply is not what a hub sends.
    case malformedReply(url: String, problem: String)
    /// The bytes are not those that the hub announced; they were removed.
    case wrongChecksum(file: String, expected: String, found: String)
    /// The hub's listing and its reply name different checksums.
    case contradiction(file: String, listing: String, etag: String)
    /// There are fewer or more bytes than the hub announced.
    case wrongSize(file: String, expected: Int, found: Int)
    /// The disk is too full.
    case noSpace(folder: String, needed: Int, available: Int)
    /// The cache, or a file in it, cannot be written.
    case cannotWrite(file: String, reason: String)
    /// Uploading needs a token.
    case noToken
    /// Uploading needs a token, which would go out in clear.
    case unencrypted(endpoint: String)
    /// The folder cannot be uploaded as an adapter.
    case badAdapter(folder: String, reason: String)
}

extension HubError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .invalidName(let text, let reason):
            "\"\(text)\" is neither a folder nor a name on the hub: \(reason); give a folder, or org/name or "
                + "org/name@revision"
        case .invalidSetting(let name, let value, let reason):
            "the environment variable \(name) is \"\(value)\": \(reason)"
        case .repositoryNotFound(let repository, let hasToken):
            "there is no folder \(repository) here, and the hub has no model \(repository)"
                + (hasToken
                    ? " that your token may see; check the name" : "; check the name, or set HF_TOKEN if it is private")
        case .revisionNotFound(let repository, let revision):
            "\(repository) has no revision \"\(revision)\" on the hub; name one of its branches, tags or commits after the @"
        case .fileNotFound(let repository, let revision, let file):
            "\(repository) has no file \(file) at revision \(revision) on the hub; check the revision"
        case .gated(let repository, let hasToken):
            "access to \(repository) is granted on request; ask for it on the model's page on the hub, "
                + (hasToken ? "for the account of your token" : "then set HF_TOKEN to a token of that account")
        case .unauthorized(let repository, let hasToken):
            hasToken
                ? "the hub does not accept your token for \(repository); set HF_TOKEN to a valid one (see the hub's settings, access tokens)"
                : "the hub wants to know who asks for \(repository); set HF_TOKEN to an access token"
        case .forbidden(let repository, let message):
            "the hub does not allow this with \(repository)\(message.isEmpty ? "" : " (\(message))"); use a token with that permission"
        case .tooManyRequests(let seconds):
            "the hub asks to wait for \(seconds) seconds before the next request; try again then, or set HF_TOKEN for a higher limit"
        case .refused(let url, let status, let message):
            "\(url) answered with status \(status)\(message.isEmpty ? "" : " (\(message))"); try again later"
        case .unreachable(let host, let reason):
            "cannot reach \(host): \(reason); check the connection (and HF_ENDPOINT), then try again: what was fetched is kept"
        case .noServer(let address, let reason):
            "cannot reach \(address): \(reason); start the server, or give its address"
        case .longReply(let address, let limit):
            "\(address) sent more than \(Self.size(limit)); give the address of another server"
        case .webAddress(let address):
            "\(address) is an address of the web; give a folder, or the name of a model on the hub as org/name"
        case .foundNowhere(let name, let host, let reason):
            "there is no folder \(name) here, nor a copy in the hub's cache, and \(host) cannot be reached: \(reason); check "
                + "the name, or the connection (and HF_ENDPOINT) if it is a model on the hub"
        case .offline(let name, let setting):
            "\(name) is neither a folder here nor complete in the hub's cache, and \(setting) is set; unset it to fetch the model"
        case .incomplete(let name, let missing, let reason):
            "the cached copy of \(name) lacks \(Self.list(missing)), and \(reason); try again with a connection"
        case .noUsableFiles(let name, let found):
            Self.nothingUsable(name: name, found: found)
        case .ollama(let name, let reason): "cannot find ollama:\(name): \(reason)"
        case .unsafeFileName(let repository, let file):
            "\(repository) lists a file named \"\(file)\", which would lie outside of its folder; nothing was fetched"
        case .malformedReply(let url, let problem):
            "\(url) does not answer like a hub: \(problem); check HF_ENDPOINT and proxies"
        case .wrongChecksum(let file, let expected, let found):
            "\(file) arrived damaged: its checksum is \(found), not \(expected); the bytes were removed, so try again"
        case .contradiction(let file, let listing, let etag):
            "the hub's listing says that the checksum of \(file) is \(listing), its reply says \(etag); nothing was kept, so "
                + "try again, and check HF_ENDPOINT and proxies if it stays so"
        case .wrongSize(let file, let expected, let found):
            "\(file) has \(found) bytes instead of \(expected); the bytes were removed, so try again"
        case .noSpace(let folder, let needed, let available):
            "\(Self.size(needed)) are needed in \(folder), but \(Self.size(available)) are free; free some space, or set "
                + "HF_HOME to a folder on another disk"
        case .cannotWrite(let file, let reason):
            "cannot write \(file): \(reason); set HF_HOME to a folder that you may write in"
        case .noToken:
            "uploading needs an access token with write permission; set HF_TOKEN"
        case .unencrypted(let endpoint):
            "uploading needs your access token, which is not sent to \(endpoint), because that is not encrypted; set HF_ENDPOINT "
                + "to an address that begins with https://"
        case .badAdapter(let folder, let reason):
            "\(folder) cannot be uploaded: \(reason); name the folder of an adapter (adapter_config.json and adapter_model.safetensors)"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    /// Which GGUF file is meant, nobody knows but the user.
    private static func nothingUsable(name: String, found: [String]) -> String {
        let files = found.filter { $0.hasSuffix(".gguf") }
        guard !files.isEmpty else {
            return
                "\(name) has no safetensors, PyTorch or GGUF weights that can be read, or several and no configuration (it has "
                + "\(list(found))); choose another repository"
        }
        let repository = name.prefix { $0 != ":" }
        return repository.count < name.count
            ? "\(repository) has no single GGUF file \"\(name.dropFirst(repository.count + 1))\" (it has \(list(files))); name one of its "
                + "files behind the colon"
            : "\(name) has GGUF files (\(list(files))); name one behind a colon, by its whole name or its quantisation: "
                + "\(name):Q4_K_M"
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty
            ? "no files"
            : names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
    }

    /// 1234567 → "1.2 MB".
    package static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<1000: "\(bytes) bytes"
        case ..<1_000_000: String(format: "%.1f kB", Double(bytes) / 1e3)
        case ..<1_000_000_000: String(format: "%.1f MB", Double(bytes) / 1e6)
        default: String(format: "%.2f GB", Double(bytes) / 1e9)
        }
    }
}

extension HubError {
    /// A failed system call on a file of the cache.
    static func writing(_ file: String, code: Int32 = errno) -> HubError {
        code == ENOSPC || code == EDQUOT
            ? .noSpace(folder: (file as NSString).deletingLastPathComponent, needed: 1, available: 0)
            : .cannotWrite(file: file, reason: String(cString: strerror(code)))
    }
}
