import Foundation
import LanguageModels

/// What is read of PEFT's `adapter_config.json` for a prefix. Unknown keys are passed over, as PEFT does.
struct PEFTConfiguration: Codable {
    /// What PEFT has no type for: prefixes of all three attentions. PEFT refuses it by this name.
    static let encoderDecoderType = "PREFIX_TUNING_ENCODER_DECODER"

    var peft_type: String
    var task_type: String?
    var num_virtual_tokens: Int?
    var token_dim: Int?
    var num_layers: Int?
    var num_attention_heads: Int?
    var num_transformer_submodules: Int?
    var num_frozen_tokens: Int?
    var base_model_name_or_path: String?
    var encoder_hidden_size: Int?
    var prefix_projection: Bool?
    var inference_mode: Bool?
    var peft_version: String?
    // Of ``encoderDecoderType`` only.
    var num_encoder_layers: Int?
    var num_encoder_attention_heads: Int?
    var encoder_token_dim: Int?

    /// Reads the file.
    ///
    /// - Throws: ``PrefixError/badConfiguration(file:reason:)``.
    init(_ file: URL) throws {
        self = try AdapterConfigurationFile(file).decode(Self.self)
    }

    /// What this package writes.
    init(type: String, length: Int, stack: AttentionStack, baseModel: String?) {
        peft_type = type
        num_virtual_tokens = length
        token_dim = stack.keyWidth
        num_layers = stack.layerCount
        num_attention_heads = stack.keyHeadCount
        base_model_name_or_path = baseModel
        encoder_hidden_size = stack.keyWidth
        inference_mode = true
    }

    /// The file's contents.
    var fileContents: Data {
        get throws {
            Data(try JSONText.document(self).utf8)
        }
    }

    /// The dialect, which the type and, for PREFIX_TUNING, the number of submodules tell.
    ///
    /// - Throws: ``PrefixError/notAPrefix(file:kind:)``.
    func dialect(file: String) throws -> PrefixDialect {
        switch peft_type {
        case "PREFIX_TUNING" where num_transformer_submodules == 2 || task_type == "SEQ_2_SEQ_LM":
            return .peftSequenceToSequence
        case "PREFIX_TUNING": return .peft
        case "CARTRIDGE": return .peftCartridge
        case "PROMPT_TUNING": return .peftPromptTuning
        case "P_TUNING": return .peftPTuning
        case Self.encoderDecoderType: return .encoderDecoder
        default: throw PrefixError.notAPrefix(file: file, kind: peft_type)
        }
    }

    /// Throws where a size that is stated is not the model's. Rows of equal width may be of other layers.
    func check(fits model: ModelShape) throws {
        var other = model
        other.layerCount = num_layers ?? model.layerCount
        other.keyHeadCount = num_attention_heads ?? model.keyHeadCount
        other.headWidth = (token_dim ?? model.keyWidth) / max(1, other.keyHeadCount)
        // Some versions state the query heads, of which several share a key head; PEFT itself then counts key heads.
        if other.headWidth == model.headWidth, other.keyHeadCount > model.keyHeadCount,
            other.keyHeadCount.isMultiple(of: model.keyHeadCount), other.width == other.keyWidth
        {
            other.keyHeadCount = model.keyHeadCount
        }
        guard other == model else { throw PrefixError.otherModel(prefix: other, model: model) }
    }

    /// The decoder's layers, where the file states all of their sizes.
    var statedStack: AttentionStack? {
        Self.stack(layers: num_layers, heads: num_attention_heads, width: token_dim)
    }

    /// The encoder's layers, where the file states all of their sizes.
    var statedEncoder: AttentionStack? {
        Self.stack(layers: num_encoder_layers, heads: num_encoder_attention_heads, width: encoder_token_dim)
    }

    private static func stack(layers: Int?, heads: Int?, width: Int?) -> AttentionStack? {
        guard let layers, let heads, let width, (1...1 << 12).contains(layers), (1...1 << 12).contains(heads),
            (heads...max(heads, 1 << 20)).contains(width), width.isMultiple(of: heads)
        else { return nil }
        return AttentionStack(layerCount: layers, keyHeadCount: heads, headWidth: width / heads)
    }
}
