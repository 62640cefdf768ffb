import Foundation

/// The shape and conventions of an encoder: a `config.json` of `model_type: bert` or `roberta`.
///
/// Missing keys have the values that `transformers` gives them. Such a model reads texts and writes none, so that this is
/// no ``ModelConfiguration``.
public struct BERTConfiguration: Equatable, Sendable {
    /// The value of `model_type`, which is also what the names of tensors may begin with.
    public enum Family: String, CaseIterable, Sendable {
        /// BERT (Devlin et al. 2019): a text's positions begin at 0.
        case bert
        /// RoBERTa (Liu et al. 2019): they begin after the row that padding has.
        case roberta
    }

    /// Which of the two.
    public let family: Family
    /// Width d of the residual stream (`hidden_size`).
    public let width: Int
    /// Number L of blocks (`num_hidden_layers`).
    public let layerCount: Int
    /// Number of attention heads (`num_attention_heads`).
    public let headCount: Int
    /// Width of the MLP's hidden layer (`intermediate_size`).
    public let innerWidth: Int
    /// Rows of the table of positions (`max_position_embeddings`).
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// Number of kinds of text within an input (`type_vocab_size`), of which only the first is used here.
    public let typeCount: Int
    /// The MLP's nonlinearity (`hidden_act`).
    public let activation: NamedActivation
    /// Added to variances (`layer_norm_eps`).
    public let normEpsilon: Float
    /// The token that fills up shorter rows (`pad_token_id`).
    public let padding: Int32

    /// Reads and checks a `config.json`.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public static func read(from url: URL) throws -> BERTConfiguration {
        try BERTConfiguration(ConfigurationReader(url))
    }

    init(_ file: ConfigurationReader) throws {
        let modelType = try file.optionalString("model_type") ?? ""
        guard let family = Family(rawValue: modelType) else {
            let known = Family.allCases.map(\.rawValue).joined(separator: " or ")
            throw file.invalid(
                "model_type", "the model type is \"\(modelType)\", but an encoder of type \(known) is needed here")
        }
        self.family = family
        width = try file.integer("hidden_size", in: 1...1 << 16, default: 768)
        layerCount = try file.integer("num_hidden_layers", in: 1...1 << 12, default: 12)
        headCount = try file.integer("num_attention_heads", in: 1...1 << 12, default: 12)
        innerWidth = try file.integer("intermediate_size", in: 1...1 << 20, default: 3072)
        positionCount = try file.integer("max_position_embeddings", in: 1...1 << 22, default: 512)
        vocabularySize = try file.integer("vocab_size", default: family == .bert ? 30522 : 50265)
        typeCount = try file.integer("type_vocab_size", in: 1...1 << 16, default: 2)
        activation = try file.activation("hidden_act", default: "gelu")
        normEpsilon = Float(try file.positive("layer_norm_eps", default: 1e-12))
        padding =
            try file.token("pad_token_id", vocabulary: vocabularySize, default: family == .bert ? 0 : 1) ?? 0
        guard width.isMultiple(of: headCount) else {
            throw file.invalid("num_attention_heads", "\(headCount) heads do not divide the width of \(width)")
        }
        guard longestText >= 3 else {
            throw file.invalid(
                "max_position_embeddings",
                "\(positionCount) positions have no room for a token between two special ones")
        }
        let positions = try file.optionalString("position_embedding_type") ?? "absolute"
        guard positions == "absolute" else {
            throw file.invalid("position_embedding_type", "\"\(positions)\" is not supported; only \"absolute\" is")
        }
        if try file.flag("is_decoder", default: false) {
            throw file.invalid("is_decoder", "true describes a decoder, but an encoder is needed here")
        }
    }

    /// The row of the table of positions that a text's first token has.
    var firstPosition: Int { family == .bert ? 0 : Int(padding) + 1 }

    /// The most tokens of a text, special ones included.
    public var longestText: Int { positionCount - firstPosition }

    /// The sizes of its self-attention.
    var stack: AttentionStack {
        AttentionStack(layerCount: layerCount, keyHeadCount: headCount, headWidth: width / headCount)
    }
}
