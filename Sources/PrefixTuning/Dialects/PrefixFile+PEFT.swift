import Foundation
import LanguageModels

/// PEFT's folders: `adapter_config.json` beside `adapter_model.safetensors` or `adapter_model.bin`.
///
/// The file holds what training ended with, after any MLP (`prefix_projection`) or encoder that was trained with it:
/// what the configuration says of those is passed over.
extension PrefixFile {
    static let promptEmbeddings = "prompt_embeddings"
    /// In the metadata of a safetensors file, which PEFT does not look at: where the text starts.
    static let textPositionKey = "prefixtune.text_position"

    /// PREFIX_TUNING and CARTRIDGE of a decoder-only model.
    func peftPrefix(_ model: ModelShape) throws -> Prefix {
        let configuration = try configuration
        if let submodules = configuration.num_transformer_submodules, submodules != 1 {
            throw bad("the adapter is for an encoder-decoder model (num_transformer_submodules \(submodules))")
        }
        if model.encoder != nil, configuration.task_type != "CAUSAL_LM", configuration.num_transformer_submodules == nil
        {
            throw bad(
                "neither task_type nor num_transformer_submodules says that the adapter is for an encoder-decoder model; "
                    + "write \"task_type\": \"SEQ_2_SEQ_LM\" into it")
        }
        let length = try statedLength(rowsPerPosition: 1)
        try configuration.check(fits: model)
        let reader = reader
        let values = try reader.read(Self.promptEmbeddings, shape: [length, model.prefixRowWidth])
        try reader.finish()
        return try Prefix(
            length: length, values: values, shape: model, textPosition: try textPosition(default: .afterPrefix),
            baseModel: configuration.base_model_name_or_path, baseDigest: baseDigest)
    }

    /// PREFIX_TUNING of an encoder–decoder model: a prefix of the decoder's self-attention alone.
    ///
    /// PEFT joins the 2·N rows (N is `num_layers`, by default the encoder's) of a position to themselves and deals them
    /// out by four: key, value, and two that it never uses. So layer i reads its keys from row 4i mod 2N and its values
    /// from row (4i + 1) mod 2N.
    func peftSequenceToSequencePrefix(_ model: ModelShape) throws -> Prefix {
        guard model.encoder != nil else {
            throw bad(
                "the adapter is for an encoder-decoder model (num_transformer_submodules "
                    + "\(peft?.num_transformer_submodules ?? 2)), but this model has a decoder only")
        }
        let configuration = try configuration, stack = model.decoder, width = stack.keyWidth
        let length = try statedLength(rowsPerPosition: 1)
        for (name, stated, needed) in [
            ("num_attention_heads", configuration.num_attention_heads, stack.keyHeadCount),
            ("token_dim", configuration.token_dim, width),
        ] {
            guard let stated, stated != needed else { continue }
            throw bad("\(name) is \(stated), but the model's decoder has \(needed)")
        }
        let reader = reader
        let (shape, saved) = try read(
            Self.promptEmbeddings, from: reader, expected: "[\(length) × 2·num_layers·\(width)]"
        ) { $0.count == 2 && $0[0] == length && $0[1].isMultiple(of: 2 * width) }
        try reader.finish()
        let rows = shape[1] / width, layers = rows / 2
        if let stated = configuration.num_layers, stated != layers {
            throw bad("num_layers is \(stated), but the file holds \(layers) layers")
        }
        guard layers >= stack.layerCount else {
            throw bad(
                "the file holds \(layers) layers (PEFT counts those of the encoder), but the model's decoder has "
                    + "\(stack.layerCount): PEFT itself fails with such an adapter (IndexError); train one with num_layers "
                    + "\(stack.layerCount) or more")
        }
        var values: [Float] = []
        values.reserveCapacity(length * stack.prefixRowWidth)
        for position in 0..<length {
            for layer in 0..<stack.layerCount {
                for row in [4 * layer % rows, (4 * layer + 1) % rows] {
                    let start = (position * rows + row) * width
                    values += saved[start..<start + width]
                }
            }
        }
        return try Prefix(
            length: length, values: values, shape: model, textPosition: .afterPrefix,
            baseModel: configuration.base_model_name_or_path, baseDigest: baseDigest)
    }

    /// PROMPT_TUNING and P_TUNING. For an encoder–decoder model PEFT saves twice as many rows as it uses.
    func peftSoftPrompt(_ model: ModelShape) throws -> SoftPrompt {
        let configuration = try configuration, submodules = configuration.num_transformer_submodules ?? 1
        let place: SoftPrompt.Place =
            submodules == 2 || configuration.task_type == "SEQ_2_SEQ_LM" ? .encoder : .decoder
        guard (place == .encoder) == (model.encoder != nil) else {
            throw bad(
                "the adapter is for \(place == .encoder ? "an encoder-decoder" : "a decoder-only") model "
                    + "(num_transformer_submodules \(submodules)); name the model that it was trained on")
        }
        let copies = place == .encoder ? 2 : 1
        let length = try statedLength(rowsPerPosition: copies)
        let reader = reader
        let values = try reader.read(Self.promptEmbeddings, shape: [length * copies, model.width])
        try reader.finish()
        return SoftPrompt(
            width: model.width, values: Array(values.prefix(length * model.width)), place: place,
            baseModel: configuration.base_model_name_or_path, baseDigest: baseDigest)
    }

    /// Where the text starts, if the file itself says so.
    func textPosition(default position: Prefix.TextPosition) throws -> Prefix.TextPosition {
        guard let text = (weights as? SafetensorsFile)?.metadata[Self.textPositionKey] else { return position }
        guard let stated = Prefix.TextPosition(rawValue: text) else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason: "the adapter's \(Self.textPositionKey) is \"\(text)\", but only "
                    + "\(Prefix.TextPosition.allCases.map(\.rawValue).joined(separator: " and ")) are known")
        }
        return stated
    }

    /// The positions that the tensor holds; the configuration must not say otherwise.
    private func statedLength(rowsPerPosition copies: Int) throws -> Int {
        let stated = try configuration.num_virtual_tokens
        guard let rows = shape(of: Self.promptEmbeddings)?.first else { return stated ?? 0 }
        let length = rows / copies
        if let stated, stated != length || !rows.isMultiple(of: copies) {
            throw bad(
                copies == 1
                    ? "num_virtual_tokens is \(stated), but the file holds \(length) positions"
                    : "num_virtual_tokens is \(stated), but the file holds \(rows) rows, not \(copies) for each")
        }
        return length
    }

    /// PEFT's configuration, which every dialect of PEFT has.
    var configuration: PEFTConfiguration {
        get throws {
            guard let peft else { throw bad("there is no such file; name the folder that holds the adapter") }
            return peft
        }
    }

    func bad(_ reason: String) -> PrefixError {
        .badConfiguration(file: url.appendingPathComponent("adapter_config.json").path, reason: reason)
    }
}
