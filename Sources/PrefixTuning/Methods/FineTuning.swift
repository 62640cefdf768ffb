import Foundation
import LanguageModels
import Tensors

/// Full fine-tuning: all weights of the model are trained. What prefix-tuning is compared with.
@Compute public final class FineTuning: TuningMethod {
    /// "fine-tune".
    public let name = "fine-tune"
    /// The model in training.
    public let model: LanguageModel
    /// Records the passes through the model, which reach all weights.
    public let passTape: Tape
    private let dropoutProbability: Float

    /// Loads a model with trainable weights.
    ///
    /// - Parameters:
    ///   - dropout: On embeddings and residual branches, in 0..<1; nil for the probability in `config.json`.
    ///   - modelName: What the model is called; the folder's path unless given.
    /// - Throws: ``TrainingError`` for another dropout, `CheckpointError` or `TokenizerError` for the folder.
    public init(folder: URL, dropout: Float? = nil, modelName: String? = nil) throws {
        if let dropout, !(0..<1).contains(dropout) {
            throw TrainingError.badSetting(
                name: "the dropout", value: "\(dropout)", needed: "a number from 0 to below 1")
        }
        passTape = Tape()
        model = try LanguageModel.load(folder, trainedOn: passTape, name: modelName)
        dropoutProbability = dropout ?? model.configuration.residualDropout
    }

    /// The dropout probability.
    public var fingerprint: String { "dropout \(dropoutProbability)" }
    /// All weights.
    public var parameters: [(name: String, value: Tensor)] { model.network.parameters }
    /// All weights: a user keeps a whole model per task.
    public var storedParameterCount: Int { trainableParameterCount }
    /// None.
    public var reservedPositions: Int { 0 }
    /// Nothing: sequences start from an empty cache.
    public func start() -> InitialKeyValues? { nil }
    /// Nothing.
    public func beginStep(dropoutSeed: UInt64) -> InitialKeyValues? { nil }
    /// Nothing: the passes reach the weights themselves.
    public func endStep() {}

    /// Dropout on embeddings and residual branches.
    public func dropout(seed: UInt64) -> Dropout? {
        dropoutProbability > 0 ? Dropout(probability: dropoutProbability, seed: seed) : nil
    }

    /// Writes a model folder.
    public func write(to folder: URL) throws {
        try ModelFolder.write(
            configuration: model.configuration, parameters: parameters, tokenizer: model.tokenizer, to: folder)
    }
}
