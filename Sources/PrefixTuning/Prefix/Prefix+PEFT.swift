import Foundation
import LanguageModels
import Tensors

/// The folder that this package itself writes and every command reads: PEFT's layout, where PEFT has one.
///
/// The file holds the evaluated prefix, as PEFT's own files do. What PEFT has no key for (where the text starts) lies
/// in the metadata of the safetensors file, which PEFT does not look at.
extension Prefix {
    /// Writes the folder: for a decoder-only model one that PEFT's `PeftModel.from_pretrained` loads, for an
    /// encoder–decoder model one of this package's own.
    ///
    /// - Throws: `CheckpointError` where it cannot be written or holds NaN or infinity; a prefix that stood there
    ///   before is then unchanged.
    public func write(to folder: URL) throws {
        try checkFinite(file: folder.appendingPathComponent("adapter_model.safetensors"))
        let isDecoderOnly = shape.encoder == nil
        var configuration = PEFTConfiguration(
            type: isDecoderOnly ? "PREFIX_TUNING" : PEFTConfiguration.encoderDecoderType, length: length,
            stack: shape.decoder, baseModel: baseModel)
        if let encoder = shape.encoder {
            configuration.encoder_hidden_size = nil
            configuration.task_type = "SEQ_2_SEQ_LM"
            configuration.num_encoder_layers = encoder.layerCount
            configuration.num_encoder_attention_heads = encoder.keyHeadCount
            configuration.encoder_token_dim = encoder.keyWidth
        } else {
            configuration.task_type = "CAUSAL_LM"
            configuration.num_transformer_submodules = 1
            configuration.prefix_projection = false
            configuration.peft_version = "0.21.2"
        }
        let tensors = AttentionKind.allCases.compactMap { kind in
            parts[kind].map {
                (name: isDecoderOnly ? PrefixFile.promptEmbeddings : PrefixFile.tensorName(kind), values: $0)
            }
        }
        try write(
            configuration, tensors,
            metadata: BaseDigest.metadata(baseDigest, [PrefixFile.textPositionKey: textPosition.rawValue]), to: folder)
    }

    /// Reads a prefix that any program of the field wrote; see ``PrefixFile``.
    ///
    /// - Parameters:
    ///   - folder: The adapter's folder, or a file.
    ///   - model: Sizes of the model it is to be used with.
    /// - Throws: ``PrefixError`` or `CheckpointError`.
    @Compute public init(folder: URL, model: ModelShape) throws {
        self = try PrefixFile(folder).prefix(for: model)
    }
}
