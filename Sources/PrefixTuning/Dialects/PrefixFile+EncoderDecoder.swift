import Foundation
import LanguageModels

/// This package's own folder for an encoder–decoder model, whose three attentions can each have a prefix.
///
/// It looks like PEFT's: `adapter_config.json`, with a `peft_type` that PEFT refuses by name, and
/// `adapter_model.safetensors` with `decoder_prefix`, `encoder_prefix` and `cross_prefix`, each [n × 2·L·keyWidth], of which
/// any may be missing. The metadata say where the text starts.
extension PrefixFile {
    static func tensorName(_ kind: AttentionKind) -> String { "\(kind.rawValue)_prefix" }

    func encoderDecoderPrefix(_ model: ModelShape) throws -> Prefix {
        let configuration = try configuration
        guard let encoder = model.encoder else {
            throw bad("the prefix is for an encoder-decoder model, but this model has a decoder only")
        }
        try configuration.check(fits: model)
        if let stated = configuration.statedEncoder, stated != encoder {
            throw bad(
                "the prefix belongs to an encoder of \(stated.layerCount) layers with \(stated.keyHeadCount) heads of "
                    + "width \(stated.headWidth), but this model's has \(encoder.layerCount) with "
                    + "\(encoder.keyHeadCount) of width \(encoder.headWidth)")
        }
        let reader = reader
        let kinds = AttentionKind.allCases.filter { reader.contains(Self.tensorName($0)) }
        guard let first = kinds.first, let length = reader.shape(of: Self.tensorName(first))?.first else {
            throw CheckpointError.missingTensor(
                file: weightsFile.path, key: Self.tensorName(.decoder), similar: Array(weights.names.prefix(3)))
        }
        if let stated = configuration.num_virtual_tokens, stated != length {
            throw bad("num_virtual_tokens is \(stated), but the file holds \(length) positions")
        }
        var parts: [AttentionKind: [Float]] = [:]
        for kind in kinds {
            let width = model.stack(kind)?.prefixRowWidth ?? 0
            parts[kind] = try reader.read(Self.tensorName(kind), shape: [length, width])
        }
        try reader.finish()
        return try Prefix(
            length: length, parts: parts, shape: model, textPosition: try textPosition(default: .zero),
            baseModel: configuration.base_model_name_or_path, baseDigest: baseDigest)
    }
}
