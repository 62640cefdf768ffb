import Foundation

/// A commit on the hub.
public struct HubCommit: Sendable, Equatable {
    /// Where it can be looked at.
    public let url: String
    /// Its hash, where the hub says.
    public let commit: String?
    /// Files that are new in it; none where everything was there already, and then there is no new commit.
    public let files: [String]
}

extension Hub {
    /// A file that an upload would bring.
    public struct UploadFile: Sendable {
        /// Where it is in the repository.
        public let path: String
        /// What is in it.
        public let contents: Data
    }

    /// What an upload of an adapter would bring, without a network.
    ///
    /// - Parameters:
    ///   - folder: As in ``push(adapter:to:isPrivate:baseModel:message:progress:)``.
    ///   - repository: `org/name`.
    ///   - baseModel: The base model's name on the hub, where the adapter does not record it.
    /// - Throws: ``HubError``.
    public static func upload(of folder: URL, as repository: String, baseModel: String? = nil) throws -> [UploadFile] {
        try AdapterFolder(folder, baseModel: baseModel).files(as: repository).map {
            UploadFile(path: $0.path, contents: $0.contents)
        }
    }

    /// Uploads an adapter: makes the repository where there is none, uploads what is new, and commits it.
    ///
    /// - Parameters:
    ///   - folder: Holds `adapter_config.json` and `adapter_model.safetensors`, and possibly a `README.md`; without one, a
    ///     model card is written from these and from `summary.json`.
    ///   - reference: `org/name`, and the branch.
    ///   - isPrivate: Whether a new repository is private.
    ///   - baseModel: The base model's name on the hub, where the adapter does not record it.
    ///   - message: The commit's summary.
    ///   - progress: Called as files go out, from any thread.
    /// - Throws: ``HubError``.
    public func push(
        adapter folder: URL, to reference: HubReference, isPrivate: Bool = false, baseModel: String? = nil,
        message: String = "Upload adapter", progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws -> HubCommit {
        let owner = reference.repository.split(separator: "/")
        guard owner.count == 2 else {
            throw HubError.invalidName(reference.repository, reason: "an upload needs the owner's name as well")
        }
        let files = try AdapterFolder(folder, baseModel: baseModel).files(as: reference.repository)
        if let setting = environment.offlineSetting {
            throw HubError.offline(name: reference.description, setting: setting)
        }
        guard environment.token != nil else { throw HubError.noToken }
        guard environment.tokenToSend != nil else {
            throw HubError.unencrypted(endpoint: environment.endpoint.absoluteString)
        }
        let upload = HubUpload(
            client: client, reference: reference,
            meter: ProgressMeter(files.map { ($0.path, $0.contents.count) }, report: progress))
        try await upload.makeRepository(isPrivate: isPrivate)
        try await upload.makeBranch()
        return try await upload.commit(files, message: message)
    }
}
