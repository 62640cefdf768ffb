import Foundation
import LanguageModels
import Tensors

/// Fine-tuning: all weights of the model are trained, or those of its top layers. What prefix-tuning is compared with.
@Compute public final class FineTuning: TuningMethod {
    /// What is trained.
    public enum Part: Equatable, Sendable {
        /// All weights.
        case all
        /// The last `count` blocks and the final layer norm (the paper's FT-top2), of an encoder–decoder model those of
        /// the decoder; with the token embeddings and the head tied to them, or without.
        case topLayers(_ count: Int, embeddings: Bool = false)
    }

    /// "fine-tune" or "top-layers".
    public var name: String { part == .all ? "fine-tune" : "top-layers" }
    /// What is trained.
    public let part: Part
    /// The model in training.
    public let model: LanguageModel
    /// Records the passes through the model, which reach all weights.
    public let passTape: Tape
    private let dropout: ModelDropout

    /// Loads a model with trainable weights from its folder; see ``init(_:part:dropout:attentionDropout:modelName:start:)``.
    public convenience init(
        folder: URL, part: Part = .all, dropout: Float? = nil, attentionDropout: Float? = nil, modelName: String? = nil,
        start: URL? = nil
    ) throws {
        try self.init(
            modelFiles(at: folder), part: part, dropout: dropout, attentionDropout: attentionDropout,
            modelName: modelName, start: start)
    }

    /// Loads a model with trainable weights.
    ///
    /// - Parameters:
    ///   - files: Of the model.
    ///   - part: What of it is trained.
    ///   - dropout: On embeddings and residual branches, in 0..<1; nil for the probability in `config.json`.
    ///   - attentionDropout: On the probabilities of attention; nil for that in `config.json`, or 0 where `dropout` is 0.
    ///   - modelName: What the model is called; the files' own name unless given.
    ///   - start: A folder with a model of the same kind and sizes, from whose weights training starts; of it only those are
    ///     taken that are trained.
    /// - Throws: ``TrainingError`` for another dropout or start, `CheckpointError` or `TokenizerError` for the files.
    public init(
        _ files: any ModelFiles, part: Part = .all, dropout: Float? = nil, attentionDropout: Float? = nil,
        modelName: String? = nil, start: URL? = nil
    ) throws {
        passTape = Tape()
        self.part = part
        let configuration = try files.configuration
        self.dropout = try ModelDropout(residual: dropout, attention: attentionDropout, of: configuration)
        let choice = try part.choice(configuration.parts, layerCount: configuration.shape.layerCount)
        model = try LanguageModel.load(files, trainedOn: passTape, only: choice, name: modelName)
        if let start { try copy(from: start, choice) }
    }

    private func copy(from folder: URL, _ choice: (@Sendable (String) -> Bool)?) throws {
        let files = try modelFiles(at: folder), own = model.configuration, other = try files.configuration
        guard other.architecture == own.architecture, other.shape == own.shape else {
            throw TrainingError.badStart(
                file: folder.path,
                reason:
                    "it holds a model of \(other.architecture) with \(other.parameterCount) parameters, but one like the "
                    + "base model is needed (\(own.architecture), \(own.parameterCount))")
        }
        let start = try LanguageModel.load(files, trainedOn: Tape(), only: choice)
        let values = Dictionary(start.network.parameters) { $1 }
        for (name, value) in parameters {
            guard let found = values[name], found.shape == value.shape else {
                throw TrainingError.badStart(
                    file: folder.path, reason: "it has no weights \"\(name)\" of this model's shape")
            }
            value.set(found.values)
        }
    }

    /// False: each pass's gradient would be as large as the model.
    public var sumsExactly: Bool { false }

    /// The dropout probabilities, and what is trained.
    public var fingerprint: String {
        switch part {
        case .all: "dropout \(dropout.fingerprint)"
        case .topLayers(let count, let embeddings):
            "dropout \(dropout.fingerprint), the last \(count) layers\(embeddings ? " and embeddings" : "")"
        }
    }
    /// The weights that are trained.
    public var parameters: [(name: String, value: Tensor)] {
        model.network.parameters.filter { $0.value.gradient != nil }
    }
    /// The same: a user keeps all of them per task.
    public var storedParameterCount: Int { trainableParameterCount }
    /// Dropout on embeddings, residual branches and attention.
    public func dropout(seed: UInt64) -> Dropout? { dropout.masks(seed: seed) }

    /// Writes a model folder.
    public func write(to folder: URL) throws {
        try ModelFolder.write(
            configuration: model.configuration, parameters: model.network.parameters, tokenizer: model.tokenizer,
            to: folder)
    }
}

extension FineTuning.Part {
    /// Which weights are trained, by their names in checkpoints; nil for all.
    ///
    /// - Throws: ``TrainingError/badSetting(name:value:needed:)`` where the model has fewer layers.
    func choice(_ parts: ModelParts, layerCount: Int) throws -> (@Sendable (String) -> Bool)? {
        guard case .topLayers(let count, let embeddings) = self else { return nil }
        guard (1...layerCount).contains(count) else {
            throw TrainingError.badSetting(
                name: "the number of trained layers", value: "\(count)", needed: "a number from 1 to \(layerCount)")
        }
        return { name in
            switch parts.place(of: name) {
            case .block(let layer, of: .decoder): layer >= layerCount - count
            case .finalNorm: true
            case .tokenTable, .head: embeddings
            case .block, .input, .output, nil: false
            }
        }
    }
}
