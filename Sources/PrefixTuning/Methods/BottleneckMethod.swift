import Foundation
import LanguageModels
import Tensors

/// Bottleneck adapters: small networks are trained behind the layers of a frozen model. What the paper calls adapter-tuning
/// (Houlsby et al. 2019; Lin et al. 2020).
@Compute public final class BottleneckMethod: TuningMethod {
    /// The form of the adapters.
    public struct Settings: Codable, Equatable, Sendable {
        /// Width b of the hidden layers. With GPT-2 medium and one adapter per block, 6 are the paper's 0.1% of the
        /// parameters and 224 its 3%.
        public var bottleneck = 6
        /// Where they are put.
        public var placement = BottleneckAdapters.Placement.block
        /// Dropout inside the frozen model; nil for the probability in `config.json`, with which the authors train.
        public var modelDropout: Float?
        /// Dropout on the probabilities of its attention; nil for that in `config.json`, or 0 where `modelDropout` is 0.
        public var attentionDropout: Float?

        /// The paper's smaller adapters.
        public init() {}
    }

    /// "adapter".
    public let name = "adapter"
    /// The frozen model, with the adapters in it.
    public let model: LanguageModel
    /// Records the passes through the model, which reach the adapters.
    public let passTape: Tape
    private let adapters: BottleneckAdapters
    private let dropout: ModelDropout

    /// Loads a model from its folder; see ``init(_:settings:precision:modelName:seed:start:)``.
    public convenience init(
        folder: URL, settings: Settings, precision: WeightPrecision = .float32, modelName: String? = nil, seed: UInt64,
        start: BottleneckFile? = nil
    ) throws {
        try self.init(
            modelFiles(at: folder), settings: settings, precision: precision, modelName: modelName, seed: seed,
            start: start)
    }

    /// Loads a model with adapters to be trained.
    ///
    /// - Parameters:
    ///   - files: Of the model.
    ///   - precision: How the frozen weights are held.
    ///   - modelName: What the model is called; the files' own name unless given.
    ///   - seed: Fixes the initial values, unless there is something to start from.
    ///   - start: Adapters of the settings' form, from whose values training starts.
    /// - Throws: ``TrainingError`` for a setting without meaning or a start of another form, `CheckpointError` or `TokenizerError` for the files.
    public init(
        _ files: any ModelFiles, settings: Settings, precision: WeightPrecision = .float32, modelName: String? = nil,
        seed: UInt64, start: BottleneckFile? = nil
    ) throws {
        try TrainingError.check(width: settings.bottleneck, "the bottleneck")
        let configuration = try files.configuration
        dropout = try ModelDropout(
            residual: settings.modelDropout, attention: settings.attentionDropout, of: configuration)
        passTape = Tape()
        adapters = BottleneckAdapters(
            bottleneck: settings.bottleneck, placement: settings.placement, tape: passTape, seed: seed)
        model = try LanguageModel.load(
            files, for: .tuning, precision: precision, trained: TrainedAdapters(bottleneck: adapters),
            name: modelName)
        try start?.copy(into: adapters)
    }

    /// Width, places and dropout.
    public var fingerprint: String {
        "bottleneck \(adapters.bottleneck), \(adapters.placement.rawValue), dropout in the model \(dropout.fingerprint)"
            + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
    }
    /// Norms, Down and Up of each place.
    public var parameters: [(name: String, value: Tensor)] { adapters.parameters }
    /// All of them.
    public var storedParameterCount: Int { trainableParameterCount }

    /// Dropout inside the model.
    public func dropout(seed: UInt64) -> Dropout? { dropout.masks(seed: seed) }

    /// Writes the adapters; see ``BottleneckFile``.
    public func write(to folder: URL) throws {
        try BottleneckFile.write(adapters, baseModel: model.name, baseDigest: model.weightsDigest, to: folder)
    }
}
