import Foundation
import Tensors
import Tokenizers

/// An encoder with its tokenizer: a vector per token of a text. It reads texts and writes none.
@Compute public final class TextEncoder {
    /// The folder or name it was loaded from.
    public nonisolated let name: String
    /// Turns text into token ids.
    public nonisolated let tokenizer: Tokenizer
    /// Sizes and conventions.
    public nonisolated let configuration: BERTConfiguration
    /// The most tokens of a text, special ones included: what the model has positions for, or less where the tokenizer's
    /// files say so (`model_max_length`).
    public nonisolated let longestText: Int
    /// The token before a text (`[CLS]`), and the one after it (`[SEP]`).
    public nonisolated let specialTokens: (before: Int32, after: Int32)
    private let network: BERT

    /// Loads a model folder: `config.json`, the weights, tokenizer files.
    ///
    /// - Parameters:
    ///   - folder: The folder of a BERT or RoBERTa model, with a head or without.
    ///   - layers: How many blocks are read, the first ones, at most all; all unless given.
    ///   - name: What the model is called where the folder's path does not tell, such as its name on a hub.
    /// - Throws: ``CheckpointError`` or `TokenizerError`, naming file and key.
    public static func load(_ folder: URL, layers: Int? = nil, name: String? = nil) throws -> TextEncoder {
        let files = HuggingFaceFolder(folder), configuration = try files.encoderConfiguration
        try files.checkStorage()
        let tokenizer = try files.tokenizer, around = tokenizer.specialTokensAround
        guard let before = around.before.first, let after = around.after.first, around.before.count == 1,
            around.after.count == 1
        else {
            throw CheckpointError.invalidConfiguration(
                file: files.name, path: "post_processor",
                reason: "the tokenizer puts \(around.before.count) tokens before a text and \(around.after.count) "
                    + "after it, but an encoder needs one of each; use the tokenizer files that belong to the model")
        }
        let longest = try longestText(files, configuration)
        let weights = try WeightLoader(CheckpointReader(files.tensors), use: .frozen(differentiable: false))
        let network = try BERT(configuration, weights, layers: layers)
        Compute.releaseFreeMemory()
        return TextEncoder(
            name: name ?? files.name, tokenizer, configuration, longestText: longest, (before, after), network)
    }

    private init(
        name: String, _ tokenizer: Tokenizer, _ configuration: BERTConfiguration, longestText: Int,
        _ specialTokens: (before: Int32, after: Int32), _ network: BERT
    ) {
        self.name = name
        self.tokenizer = tokenizer
        self.configuration = configuration
        self.longestText = longestText
        self.specialTokens = specialTokens
        self.network = network
    }

    private static func longestText(_ files: HuggingFaceFolder, _ configuration: BERTConfiguration) throws -> Int {
        let key = "model_max_length"
        guard let reader = try files.tokenizerSettings, let most = try reader.optionalNumber(key) else {
            return configuration.longestText
        }
        guard most >= 3 else {
            throw reader.invalid(key, "\(most) tokens have no room for one between two special ones")
        }
        return most < Double(configuration.longestText) ? Int(most) : configuration.longestText
    }

    /// The hidden states of texts after some of the blocks.
    ///
    /// - Parameters:
    ///   - texts: Tokens of each with the special ones: at least one, at most ``longestText``, all in the vocabulary.
    ///   - layer: After how many blocks: 0 gives the embeddings; at most as many as were loaded.
    /// - Returns: [tokens × width], texts one after another.
    public func hiddenStates(of texts: [[Int32]], layer: Int) -> Tensor {
        network.hiddenStates(TokenBatch(texts), layer: layer)
    }
}
