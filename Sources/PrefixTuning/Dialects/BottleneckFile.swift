import Foundation
import LanguageModels
import Tensors

/// Bottleneck adapters on disk: `adapter_config.json` of type `BOTTLENECK` beside `adapter_model.safetensors`.
///
/// The form is this package's own: PEFT has no such adapters, and AdapterHub's have other designs.
public struct BottleneckFile {
    /// What `adapter_config.json` calls them.
    public static let type = "BOTTLENECK"

    private struct Configuration: Codable {
        var peft_type: String
        var base_model_name_or_path: String?
        var bottleneck: Int
        var placement: BottleneckAdapters.Placement
    }

    /// Writes the folder.
    ///
    /// - Throws: `CheckpointError` where it cannot be written; what stood there before is then unchanged.
    @Compute static func write(
        _ adapters: BottleneckAdapters, baseModel: String, baseDigest: Digest?, to folder: URL
    ) throws {
        var writer = SafetensorsWriter(metadata: BaseDigest.metadata(baseDigest))
        for (name, value) in adapters.parameters { writer.add(name, shape: value.shape, values: value.values) }
        try ModelFolder.makeFolder(folder)
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        let configuration = Configuration(
            peft_type: type, base_model_name_or_path: baseModel, bottleneck: adapters.bottleneck,
            placement: adapters.placement)
        try AtomicFile.write(
            JSONText.document(configuration).utf8, to: folder.appendingPathComponent("adapter_config.json"))
    }

    /// The folder's `adapter_model.safetensors`.
    public let weightsFile: URL
    /// Width of the hidden layers.
    public var bottleneck: Int { configuration.bottleneck }
    /// Where the adapters are put.
    public var placement: BottleneckAdapters.Placement { configuration.placement }
    /// Folder or name of the model that they were trained on, if known.
    public var baseModel: String? { configuration.base_model_name_or_path }
    /// Of the weights that they were trained on (`LanguageModel.weightsDigest`), where the file records it.
    public var baseDigest: Digest? { BaseDigest.read(source) }
    /// Number of values.
    public var parameterCount: Int {
        source.names.reduce(0) { $0 + (source.shape(of: $1) ?? []).reduce(1, *) }
    }

    private let configuration: Configuration
    private let source: SafetensorsFile

    /// Opens a folder.
    ///
    /// - Throws: ``PrefixError`` where it holds something else, `CheckpointError` where a file is damaged.
    public init(_ folder: URL) throws {
        let file = folder.appendingPathComponent("adapter_config.json")
        let contents = try AdapterConfigurationFile(file)
        guard try contents.members()["peft_type"] as? String == Self.type,
            case let configuration = try contents.decode(Configuration.self), configuration.bottleneck > 0
        else {
            throw PrefixError.notBottleneckAdapters(file: file.path)
        }
        self.configuration = configuration
        weightsFile = folder.appendingPathComponent("adapter_model.safetensors")
        source = try SafetensorsFile(weightsFile)
    }

    /// Gives adapters in training the file's values.
    ///
    /// - Throws: ``TrainingError/badStart(file:reason:)`` where they have another form, `CheckpointError` where they belong to
    ///   another model.
    @Compute func copy(into adapters: BottleneckAdapters) throws {
        for (name, found, asked) in [
            ("the bottleneck", "\(bottleneck)", "\(adapters.bottleneck)"),
            ("the placement", placement.rawValue, adapters.placement.rawValue),
        ] where found != asked {
            throw TrainingError.badStart(
                file: weightsFile.path, reason: "\(name) is \(found) there, but \(asked) was asked for")
        }
        let reader = CheckpointReader(source)
        for (name, tensor) in adapters.parameters {
            try tensor.withMutableValues { try reader.read(name, shape: tensor.shape, into: $0) }
        }
        try reader.finish()
    }

    /// The adapters, to load their model with.
    ///
    /// ```swift
    /// let adapters = try BottleneckFile(folder).adapters()
    /// let model = try LanguageModel.load(base, trained: TrainedAdapters(bottleneck: adapters))
    /// ```
    ///
    /// - Throws: `CheckpointError` where the file is damaged.
    @Compute public func adapters() throws -> BottleneckAdapters {
        let reader = CheckpointReader(source)
        var values: [String: [Float]] = [:]
        for name in source.names { values[name] = try reader.read(name, shape: source.shape(of: name) ?? []) }
        return BottleneckAdapters(bottleneck: bottleneck, placement: placement, values: values)
    }
}
