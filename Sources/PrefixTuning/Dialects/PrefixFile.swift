import Foundation
import LanguageModels
import Tensors

/// A trained prefix on disk, in any of the forms that the field's programs write.
///
/// The form is recognised by what the file holds, not by its name. Most forms leave out what the model has to say (its
/// layers and heads), so the contents are read for a given model.
///
/// ```swift
/// let file = try PrefixFile(url)
/// print(file.dialect.title)
/// let prefix = try file.prefix(for: model.network.shape)
/// ```
public struct PrefixFile: Sendable {
    /// The folder or file.
    public let url: URL
    /// How it is kept.
    public let dialect: PrefixDialect
    /// The file that holds the numbers.
    public let weightsFile: URL

    let weights: any TensorSource
    /// What all keys of the prefix begin with.
    let root: String
    /// What PEFT's `adapter_config.json` says.
    let peft: PEFTConfiguration?
    /// What AdapterHub's `adapter_config.json` says.
    let hub: AdapterHubConfiguration?
    /// What a state file of llama.cpp holds.
    let state: LlamaCppState?

    /// What a prefix file gives for a model.
    public enum Contents: Sendable {
        /// Keys and values.
        case prefix(Prefix)
        /// Embeddings that the model must be run over.
        case softPrompt(SoftPrompt)
    }

    /// Opens a folder or a file and finds out what it is.
    ///
    /// - Throws: ``PrefixError`` where it is none of the known forms, `CheckpointError` where a file is damaged.
    public init(_ url: URL) throws {
        let file = DeploymentFacts.cacheFile(in: url) ?? url
        if let kind = LlamaCppState.kind(of: file) {
            (self.url, weightsFile) = (url, file)
            dialect = kind == .slot ? .llamaSlot : .llamaSession
            state = try LlamaCppState(file)
            (peft, hub, root, weights) = (nil, nil, "", TensorsInMemory([:]))
            return
        }
        state = nil
        let place = PrefixPlace(file)
        self.url = file == url ? place.url : url
        if let configuration = place.configuration {
            if let hub = try AdapterHubConfiguration(configuration) {
                (self.hub, peft, dialect) = (hub, nil, .adapterHub)
                try hub.check()
                (weights, weightsFile) = try place.weights(AdapterHubConfiguration.fileNames)
                root = ""
            } else {
                let peft = try PEFTConfiguration(configuration)
                (self.peft, hub) = (peft, nil)
                dialect = try peft.dialect(file: configuration.path)
                (weights, weightsFile) = try place.weights(["adapter_model.safetensors", "adapter_model.bin"])
                root = ""
            }
            return
        }
        (peft, hub) = (nil, nil)
        (weights, weightsFile) = try place.onlyWeights()
        (dialect, root) = try Self.recognize(weights, file: weightsFile.path)
    }

    /// Whether a file begins as files of PyTorch or safetensors, or as state files of llama.cpp do.
    public static func canHoldTensors(_ file: URL) -> Bool {
        TensorFile.format(of: file) != nil || LlamaCppState.kind(of: file) != nil
    }

    /// Whether a folder without an adapter's configuration holds a prefix: the authors' checkpoints look like a model's.
    public static func isCheckpoint(in folder: URL) -> Bool {
        (try? PrefixFile(folder)).map { $0.peft == nil && $0.hub == nil } ?? false
    }

    /// What the file gives for a model.
    ///
    /// - Parameter model: The model's sizes.
    /// - Throws: ``PrefixError`` where it does not fit the model, `CheckpointError` where tensors are missing, left over,
    ///   mis-shaped or not finite.
    @Compute public func contents(for model: ModelShape) throws -> Contents { try stored(for: model).evaluated() }

    /// What the file gives for a model whose configuration is known: state files of llama.cpp need more of it than its sizes.
    ///
    /// - Throws: As `contents(for:)`, and ``CacheFileError``.
    @Compute public func contents(for model: any ModelConfiguration) throws -> Contents {
        try stored(for: model).evaluated()
    }

    /// What the file holds for a model: all of it is read here, on the caller's thread, and an MLP is not evaluated yet.
    ///
    /// - Throws: As `contents(for:)`.
    public func stored(for model: ModelShape) throws -> Stored { try stored(for: model, nil) }

    /// The same, for a model whose configuration is known.
    ///
    /// - Throws: As `contents(for:)`.
    public func stored(for model: any ModelConfiguration) throws -> Stored {
        try stored(for: model.shape, ServedModel(model))
    }

    private func stored(for model: ModelShape, _ served: ServedModel?) throws -> Stored {
        let content: Stored.Content =
            switch dialect {
            case .peft, .peftCartridge: .contents(.prefix(try peftPrefix(model)))
            case .peftSequenceToSequence: .contents(.prefix(try peftSequenceToSequencePrefix(model)))
            case .peftPromptTuning, .peftPTuning: .contents(.softPrompt(try peftSoftPrompt(model)))
            case .authors: try authorsPrefix(model)
            case .authorsEmbeddings: try authorsSoftPrompt(model)
            case .authorsBART: try authorsBARTPrefix(model)
            case .rinna: try rinnaPrefix(model)
            case .adapterHub: try adapterHubPrefix(model)
            case .cartridges: .contents(.prefix(try cartridge(model)))
            case .llamaSlot, .llamaSession: .contents(.prefix(try llamaCppPrefix(model, served)))
            case .mlx: .contents(.prefix(try mlxPrefix(model)))
            case .encoderDecoder: .contents(.prefix(try encoderDecoderPrefix(model)))
            }
        return Stored(content: content)
    }

    private func llamaCppPrefix(_ model: ModelShape, _ served: ServedModel?) throws -> Prefix {
        guard let state else { throw CacheFileError.damaged(file: weightsFile.path, problem: "it was not read") }
        return try state.prefix(for: model, served, file: weightsFile.path)
    }

    /// The prefix, for a model.
    ///
    /// - Throws: As `contents(for:)`, and ``PrefixError/softPrompt(file:)`` where the file holds embeddings.
    @Compute public func prefix(for model: ModelShape) throws -> Prefix {
        guard case .prefix(let prefix) = try contents(for: model) else {
            throw PrefixError.softPrompt(file: url.path)
        }
        return prefix
    }

    /// Finds out what a file of tensors is.
    private static func recognize(
        _ source: any TensorSource, file: String
    ) throws -> (dialect: PrefixDialect, root: String) {
        let names = source.names
        if (source as? PyTorchFile)?.isBareTensor == true { return (.rinna, "") }
        if names.contains(where: { $0.hasPrefix("trainable_keys.") }) { return (.cartridges, "") }
        if isMLXCache(source) { return (.mlx, "") }
        if names.contains(where: { $0.contains(AdapterHubConfiguration.marker) }) { return (.adapterHub, "") }
        for root in ["", "model.", "state_dict.", "state_dict.model."] {
            func has(_ name: String) -> Bool { source.shape(of: root + name) != nil }
            guard has("control_trans.0.weight") || has("control_trans") else { continue }
            if has("control_trans_enc.0.weight") || has("control_trans2.0.weight") { return (.authorsBART, root) }
            if let output = (["4", "2"].compactMap { source.shape(of: "\(root)control_trans.\($0).weight") }).first,
                let table = source.shape(of: "\(root)wte.weight"), output.first == table.last
            {
                return (.authorsEmbeddings, root)
            }
            return (.authors, root)
        }
        if names == ["wte.weight"] { return (.authorsEmbeddings, "") }
        if names.contains(where: { $0.contains("lora_A") || $0.contains("lora_B") }) {
            throw PrefixError.notAPrefix(file: file, kind: "LORA")
        }
        let shown = names.prefix(3).map { "\"\($0)\"" }.joined(separator: ", ")
        throw PrefixError.unknownDialect(
            file: file,
            reason: names.contains("prompt_embeddings")
                ? "it holds \"prompt_embeddings\" as PEFT's adapters do, but no adapter_config.json lies beside it"
                : "its tensors (\(shown)\(names.count > 3 ? ", …" : "")) are those of no prefix that is known")
    }
}

/// Where the parts of a prefix lie.
struct PrefixPlace {
    let url: URL
    /// `adapter_config.json`, where there is one or where one belongs.
    let configuration: URL?
    private let isFolder: Bool

    init(_ url: URL) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
        let folder = exists && !isFolder.boolValue ? url.deletingLastPathComponent() : url
        let file = folder.appendingPathComponent("adapter_config.json")
        let hasConfiguration = FileManager.default.fileExists(atPath: file.path)
        // A file of an adapter's folder stands for the folder.
        let isPart = hasConfiguration && (Self.weightNames + ["adapter_config.json"]).contains(url.lastPathComponent)
        self.isFolder = !exists || isFolder.boolValue || isPart
        self.url = isPart ? folder : url
        configuration = self.isFolder && (hasConfiguration || Self.files(in: folder).isEmpty) ? file : nil
    }

    /// The first of these files that is there.
    func weights(_ names: [String]) throws -> (any TensorSource, URL) {
        let files = names.map { url.appendingPathComponent($0) }
        let file = files.first { FileManager.default.fileExists(atPath: $0.path) } ?? files[0]
        return (try TensorFile.open(file), file)
    }

    /// The file itself, or the only one in the folder that can hold tensors.
    func onlyWeights() throws -> (any TensorSource, URL) {
        guard isFolder else { return (try TensorFile.open(url), url) }
        let files = Self.files(in: url)
        guard files.count == 1 else {
            throw PrefixError.unknownDialect(
                file: url.path,
                reason: "it holds \(files.count) files of tensors and no adapter_config.json; name one of the files")
        }
        return (try TensorFile.open(files[0]), files[0])
    }

    /// The files that an adapter here is read from, those that are not there included.
    var files: [URL] {
        guard let configuration else { return isFolder ? Self.files(in: url) : [url] }
        return [configuration] + Self.weightNames.map { url.appendingPathComponent($0) }
    }

    /// The files of weights that may lie beside an adapter's configuration.
    private static let weightNames =
        AdapterHubConfiguration.fileNames + ["adapter_model.safetensors", "adapter_model.bin"]

    private static func files(in folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        // What trainers leave beside the weights.
        let others: Set = ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"]
        let found = names.filter { name in
            !others.contains(name)
                && [".bin", ".pt", ".pth", ".ckpt", ".safetensors"].contains { name.hasSuffix($0) }
        }
        return found.sorted().map { folder.appendingPathComponent($0) }
    }
}
