import Foundation
import LanguageModels

/// PEFT's folder layout: `adapter_config.json` and `adapter_model.safetensors`.
///
/// The file holds the evaluated prefix, as PEFT's own files do. What PEFT has no key for (where the text starts) lies
/// in the metadata of the safetensors file, which PEFT does not look at.
extension Prefix {
    private static let tensorName = "prompt_embeddings"
    private static let textPositionKey = "prefixtune.text_position"

    private struct Configuration: Codable {
        var peft_type: String
        var task_type: String?
        var num_virtual_tokens: Int?
        var token_dim: Int?
        var num_layers: Int?
        var num_attention_heads: Int?
        var num_transformer_submodules: Int?
        var base_model_name_or_path: String?
        var encoder_hidden_size: Int?
        var prefix_projection: Bool?
        var inference_mode: Bool?
        var peft_version: String?

        /// Throws where a size that is stated is not the model's. Rows of equal width may be of other layers.
        func check(fits model: ModelShape) throws {
            var other = model
            other.layerCount = num_layers ?? model.layerCount
            other.keyHeadCount = num_attention_heads ?? model.keyHeadCount
            other.headWidth = (token_dim ?? model.keyWidth) / max(1, other.keyHeadCount)
            guard other == model else { throw PrefixError.otherModel(prefix: other, model: model) }
        }
    }

    /// Writes the folder; PEFT's `PeftModel.from_pretrained` loads it.
    ///
    /// - Throws: `CheckpointError` where it cannot be written or holds NaN or infinity; a prefix that stood there
    ///   before is then unchanged.
    public func write(to folder: URL) throws {
        let file = folder.appendingPathComponent("adapter_model.safetensors")
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw CheckpointError.notFinite(
                file: file.path, key: Self.tensorName, index: index, value: values[index])
        }
        try ModelFolder.makeFolder(folder)
        var writer = SafetensorsWriter(metadata: ["format": "pt", Self.textPositionKey: textPosition.rawValue])
        writer.add(Self.tensorName, shape: [length, shape.prefixRowWidth], values: values)
        let configuration = Configuration(
            peft_type: "PREFIX_TUNING", task_type: "CAUSAL_LM", num_virtual_tokens: length,
            token_dim: shape.keyWidth, num_layers: shape.layerCount, num_attention_heads: shape.keyHeadCount,
            num_transformer_submodules: 1, base_model_name_or_path: baseModel, encoder_hidden_size: shape.keyWidth,
            prefix_projection: false, inference_mode: true, peft_version: "0.21.2")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try writer.write(to: file)
        try AtomicFile.write(
            try encoder.encode(configuration) + [UInt8(ascii: "\n")],
            to: folder.appendingPathComponent("adapter_config.json"))
    }

    /// Reads a folder that PEFT or this package wrote.
    ///
    /// `prefix_projection` is ignored: whatever it says, the file holds the evaluated prefix.
    ///
    /// - Parameters:
    ///   - folder: The adapter's folder.
    ///   - model: Sizes of the model it is to be used with.
    /// - Throws: ``PrefixError`` or `CheckpointError`.
    public init(folder: URL, model: ModelShape) throws {
        let path = folder.appendingPathComponent("adapter_config.json")
        guard let data = try? Data(contentsOf: path) else {
            throw PrefixError.badConfiguration(
                file: path.path, reason: "there is no such file; name the folder that holds the adapter")
        }
        let configuration: Configuration
        do {
            configuration = try JSONDecoder().decode(Configuration.self, from: data)
        } catch {
            throw PrefixError.badConfiguration(
                file: path.path, reason: "it is not the JSON of a PEFT adapter; export the adapter again")
        }
        guard configuration.peft_type == "PREFIX_TUNING" else {
            throw PrefixError.notAPrefix(file: path.path, kind: configuration.peft_type)
        }
        if let submodules = configuration.num_transformer_submodules, submodules != 1 {
            throw PrefixError.badConfiguration(
                file: path.path,
                reason: "the adapter is for an encoder-decoder model (num_transformer_submodules \(submodules))")
        }
        let file = try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors"))
        let length = file.shape(of: Self.tensorName)?.first ?? configuration.num_virtual_tokens ?? 0
        if let stated = configuration.num_virtual_tokens, stated != length {
            throw PrefixError.badConfiguration(
                file: path.path, reason: "num_virtual_tokens is \(stated), but the file holds \(length) positions")
        }
        try configuration.check(fits: model)
        let reader = CheckpointReader(file)
        let values = try reader.read(Self.tensorName, shape: [length, model.prefixRowWidth])
        try reader.finish()
        var position = TextPosition.afterPrefix
        if let text = file.metadata[Self.textPositionKey] {
            guard let stated = TextPosition(rawValue: text) else {
                throw PrefixError.badConfiguration(
                    file: path.path,
                    reason: "the adapter's \(Self.textPositionKey) is \"\(text)\", but only "
                        + "\(TextPosition.allCases.map(\.rawValue).joined(separator: " and ")) are known")
            }
            position = stated
        }
        try self.init(
            length: length, values: values, shape: model, textPosition: position,
            baseModel: configuration.base_model_name_or_path)
    }
}
