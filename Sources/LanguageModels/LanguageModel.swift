import Foundation
import Tensors
import Tokenizers

/// A frozen language model with its tokenizer, resident once and shared by everything that uses it.
@Compute public final class LanguageModel {
    /// The folder or name it was loaded from.
    public nonisolated let name: String
    /// Turns text into token ids and back.
    public nonisolated let tokenizer: Tokenizer
    /// Sizes and conventions.
    public nonisolated let configuration: GPT2Configuration
    /// The token that ends a text, and, for GPT-2, begins the completion.
    public nonisolated let endOfText: Int32
    /// The network.
    public let network: any CausalModel

    /// What a model is loaded for.
    public enum Purpose: Sendable {
        /// Generating and scoring.
        case inference
        /// Training something that gradients must reach through the frozen weights.
        case tuning
    }

    /// Loads a model folder: `config.json`, `model.safetensors` (or shards with their index), tokenizer files.
    ///
    /// - Parameters:
    ///   - folder: The folder.
    ///   - purpose: Tuning keeps a second, re-laid copy of each matrix for gradients.
    /// - Throws: ``CheckpointError`` or `TokenizerError`, naming file and key.
    public static func load(_ folder: URL, for purpose: Purpose = .inference) throws -> LanguageModel {
        try load(folder, use: .frozen(differentiable: purpose == .tuning))
    }

    /// Loads a model folder with trainable weights, for full fine-tuning.
    public static func load(_ folder: URL, trainedOn tape: Tape) throws -> LanguageModel {
        try load(folder, use: .trainable(tape))
    }

    private static func load(_ folder: URL, use: WeightUse) throws -> LanguageModel {
        let configuration = try GPT2Configuration.read(from: folder.appendingPathComponent("config.json"))
        let tokenizer = try Tokenizer(folder: folder)
        let network = try GPT2(configuration, reader: try CheckpointReader(folder: folder), use: use)
        Compute.releaseFreeMemory()
        return try LanguageModel(
            name: folder.path, tokenizer: tokenizer, configuration: configuration, network: network)
    }

    /// A model from its parts.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)`` where the tokenizer has no end-of-text token
    ///   within the model's vocabulary.
    public init(name: String, tokenizer: Tokenizer, configuration: GPT2Configuration, network: any CausalModel) throws {
        let end = configuration.endToken.map(Int32.init) ?? tokenizer.endOfText
        guard let end, Int(end) < configuration.vocabularySize else {
            throw CheckpointError.invalidConfiguration(
                file: name, path: "eos_token_id",
                reason: "no end-of-text token lies within the vocabulary of \(configuration.vocabularySize)")
        }
        self.name = name
        self.tokenizer = tokenizer
        self.configuration = configuration
        self.network = network
        endOfText = end
    }

    /// Keys and values that the model computes for a text: what a prefix made of words starts from.
    ///
    /// - Parameter tokens: The text's tokens, from position 0.
    /// - Returns: [tokens × 2·layers·keyWidth], in the layout of a prefix.
    public func keyValues(of tokens: [Int32]) -> Tensor {
        let cache = KVCache(shape: network.shape, sequences: [.init()], keepsTokens: true)
        _ = network.hiddenStates(TokenBatch([tokens]), cache: cache, dropout: nil)
        return cache.matrix(ofSequence: 0)
    }
}
