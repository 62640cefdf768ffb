import Foundation
import Tensors

/// What a `config.json` says of a model, whatever its architecture.
public protocol ModelConfiguration: Sendable {
    /// What it has in common with all models of its architecture.
    var parts: ModelParts { get }
    /// The sizes that others must know.
    var shape: ModelShape { get }
    /// Query heads of a decoder layer.
    var headCount: Int { get }
    /// Width of the MLP's hidden layer in the decoder.
    var innerWidth: Int { get }
    /// The MLP's nonlinearity, as the file names it.
    var activationName: String { get }
    /// Whether the output head is the token embedding, as the file says; checkpoints may have a head all the same.
    var tiesWordEmbeddings: Bool { get }
    /// Number of parameters of the model, a tied head counted once.
    var parameterCount: Int { get }
    /// How many keys, up to itself and those of a prefix included, a token sees in those layers that see the fewest; nil where all
    /// layers see everything.
    var attentionWindow: Int? { get }
    /// The same of one layer, counted from 0.
    func window(ofLayer layer: Int) -> Int?
    /// How many columns of a head are turned by position, the first ones; 0 where positions are embedded.
    var rotaryWidth: Int { get }
    /// The tokens that end a text, the first of which is written where one is needed.
    var endTokens: [Int32] { get }
    /// The token that begins a text where `config.json` names none; nil where that is for the file or the tokenizer to say.
    var beginToken: Int32? { get }
    /// Dropout in training on what a layer adds to the residual stream.
    var residualDropout: Float { get }
    /// Dropout in training on the probabilities of attention.
    var attentionDropout: Float { get }
    /// The file's contents, for a model that is saved again.
    var fileContents: Data { get throws }

    /// Builds the network from the tensors of a checkpoint.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    @Compute func network(_ weights: WeightLoader) throws -> any CausalModel
}

extension ModelConfiguration {
    /// The architecture's name as people write it: "GPT-2".
    public var architecture: String { parts.architecture }
    /// Nil: most families leave it to the file.
    public var beginToken: Int32? { nil }
    /// Nil: attention has no windows.
    public var attentionWindow: Int? { nil }
    /// Nil: attention has no windows.
    public func window(ofLayer layer: Int) -> Int? { nil }
    /// 0: positions are embedded.
    public var rotaryWidth: Int { 0 }
}

/// Finds out which architecture a `config.json` describes.
public enum ModelConfigurationFile {
    /// What tells each architecture, what GGUF files call it and its parts (nil where they have none of it, or call it another's),
    /// and what reads the rest of the file.
    static let architectures: [(parts: ModelParts, gguf: GGUFForm?, read: Read)] = [
        (GPT2Configuration.parts, GPT2Configuration.gguf, { try GPT2Configuration($0) }),
        (OPTConfiguration.parts, nil, { try OPTConfiguration($0) }),
        (GPTNeoXConfiguration.parts, GPTNeoXConfiguration.gguf, { try GPTNeoXConfiguration($0) }),
        (LlamaConfiguration.llama, LlamaConfiguration.llamaGGUF, { try LlamaConfiguration(llama: $0) }),
        (LlamaConfiguration.mistral, nil, { try LlamaConfiguration(mistral: $0) }),
        (LlamaConfiguration.qwen2, LlamaConfiguration.qwen2GGUF, { try LlamaConfiguration(qwen2: $0) }),
        (LlamaConfiguration.qwen3, LlamaConfiguration.qwen3GGUF, { try LlamaConfiguration(qwen3: $0) }),
        (LlamaConfiguration.smolLM3, LlamaConfiguration.smolLM3GGUF, { try LlamaConfiguration(smolLM3: $0) }),
        (LlamaConfiguration.phi3, LlamaConfiguration.phi3GGUF, { try LlamaConfiguration(phi3: $0) }),
        (Gemma3Configuration.parts, Gemma3Configuration.gguf, { try Gemma3Configuration($0) }),
        (GPTJConfiguration.parts, nil, { try GPTJConfiguration($0) }),
        (BLOOMConfiguration.parts, BLOOMConfiguration.gguf, { try BLOOMConfiguration($0) }),
        (BARTConfiguration.parts, nil, { try BARTConfiguration($0) }),
        (T5Configuration.t5, T5Configuration.gguf, { try T5Configuration(t5: $0) }),
        (T5Configuration.mt5, nil, { try T5Configuration(mt5: $0) }),
    ]

    typealias Read = @Sendable (ConfigurationReader) throws -> any ModelConfiguration

    /// Reads and checks a `config.json`.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public static func read(from url: URL) throws -> any ModelConfiguration { try read(ConfigurationReader(url)) }

    /// Checks the values of a `config.json`, wherever they were read.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    package static func read(_ file: ConfigurationReader) throws -> any ModelConfiguration {
        let modelType = try file.optionalString("model_type") ?? ""
        guard let architecture = architectures.first(where: { $0.parts.modelType == modelType }) else {
            let known = architectures.map(\.parts.modelType).joined(separator: ", ")
            let advice =
                file.has("text_config") ? "save its text model by itself, and use that" : "use a model of these"
            throw file.invalid(
                "model_type", "the model type is \"\(modelType)\", but only \(known) can be read; \(advice)")
        }
        return try architecture.read(file)
    }
}
