import ArgumentParser
import Foundation
import Hub
import PrefixExperiments
import PrefixTuning

/// A model as it is named on the command line: a folder, a name on the hub, or `embedded`, which comes with the program.
enum ModelName: ExpressibleByArgument, Sendable {
    case embedded
    case reference(ModelReference)

    /// What the embedded model is called, here and in the adapters that are trained on it.
    static let embeddedName = "embedded"
    /// What every command says of its option.
    static let help: ArgumentHelp =
        """
        Its folder or GGUF file, org/name[@revision][:FILE.gguf or :Q4_K_M] on the hub, ollama:NAME, or embedded; \
        $PREFIXTUNE_MODEL by default.
        """
    /// The same, where an adapter may say which it is.
    static let optionalHelp: ArgumentHelp = """
        Its folder or GGUF file, org/name[@revision][:FILE.gguf or :Q4_K_M] on the hub, ollama:NAME, or embedded; by \
        default what the adapter was trained on, or else $PREFIXTUNE_MODEL.
        """

    init?(argument: String) {
        if argument == Self.embeddedName {
            self = .embedded
        } else if let reference = ModelReference(argument: argument) {
            self = .reference(reference)
        } else {
            return nil
        }
    }

    /// The folder, fetched where it is not here yet.
    ///
    /// - Throws: `HubError`, `EmbeddedModel.InstallationError`, ``CommandError/adapterAsModel(path:option:model:)``.
    func located(quiet: Bool) async throws -> URL {
        switch self {
        case .embedded: return try EmbeddedModel.folder()
        case .reference(let reference):
            do {
                let folder = try await reference.located(quiet: quiet)
                try AdapterKind.refuse(asModel: folder)
                return folder
            } catch
                where error is HubError
                && Spelling.nearest(to: reference.description, among: [Self.embeddedName]) != nil
            {
                throw CommandError.nearlyEmbedded(name: reference.description)
            }
        }
    }

    /// The folder, where it is local and the user's.
    var file: URL? { if case .reference(let reference) = self { reference.file } else { nil } }

    var isEmbedded: Bool { if case .embedded = self { true } else { false } }

    /// What is recorded as the model's name.
    var description: String {
        if case .reference(let reference) = self { reference.description } else { Self.embeddedName }
    }

    /// What reports call it.
    var title: String { if case .reference(let reference) = self { reference.title } else { EmbeddedModel.title } }
}

extension ModelName {
    /// The model that was named, or else the one that an adapter records, or that of the environment.
    ///
    /// - Parameters:
    ///   - given: With the option.
    ///   - adapters: In this order of preference.
    /// - Throws: ``CommandError``, where there is none, or where what an adapter records is not there.
    static func chosen(_ given: ModelName?, adapters: [URL], _ common: CommonOptions) throws -> ModelName {
        if let given { return given }
        for adapter in adapters {
            guard let text = RecordedBase.name(ofAdapter: adapter), let name = ModelName(argument: text) else {
                continue
            }
            if let folder = name.file, !FileManager.default.fileExists(atPath: folder.path) {
                throw CommandError.recordedModelMissing(adapter: adapter.path, model: text)
            }
            if common.verbose { common.note("the model is \(name.description), which \(adapter.path) was trained on") }
            return name
        }
        if let text = ProcessInfo.processInfo.environment["PREFIXTUNE_MODEL"], let name = ModelName(argument: text) {
            return name
        }
        guard let adapter = adapters.first else { throw CommandError.modelNeeded(orAdapter: false) }
        guard FileManager.default.fileExists(atPath: adapter.path) else {
            throw CommandError.adapterMissing(path: adapter.path)
        }
        try AdapterKind.refuse(asAdapter: adapter)
        throw CommandError.modelNotRecorded(adapter: adapter.path)
    }

    /// Refuses a command line that says nothing of a model.
    ///
    /// - Parameter orAdapter: Whether an adapter could say it.
    static func validate(_ given: ModelName?, orAdapter: Bool) throws {
        if given == nil, ProcessInfo.processInfo.environment["PREFIXTUNE_MODEL"] == nil {
            throw ValidationError("\(CommandError.modelNeeded(orAdapter: orAdapter)).")
        }
    }
}
