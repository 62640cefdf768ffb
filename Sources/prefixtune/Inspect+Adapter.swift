import Foundation
import LanguageModels
import PrefixTuning

/// What an adapter folder holds.
struct AdapterFacts: Encodable {
    let kind = "PREFIX_TUNING"
    let length: Int
    let layers: Int
    let heads: Int
    let width: Int
    let parameters: Int
    /// "after-prefix" (position n, as the authors and PEFT place it) or "zero".
    let text_position: String
    let base_model: String?
    let file_bytes: Int

    private struct Sizes: Decodable {
        let peft_type: String?
        let num_layers: Int?
        let num_attention_heads: Int?
        let token_dim: Int?
    }

    /// Reads the prefix for a model of the sizes that the adapter itself names.
    ///
    /// - Throws: `PrefixError` or `CheckpointError`.
    init(_ folder: URL) throws {
        let path = folder.appendingPathComponent("adapter_config.json")
        let sizes = (try? Data(contentsOf: path)).flatMap { try? JSONDecoder().decode(Sizes.self, from: $0) }
        var shape = ModelShape(
            layerCount: 1, keyHeadCount: 1, headWidth: 1, width: 1, positionCount: .max, vocabularySize: 1)
        if let sizes, sizes.peft_type == "PREFIX_TUNING" {
            guard let layers = sizes.num_layers, let heads = sizes.num_attention_heads, let width = sizes.token_dim,
                (1...1 << 12).contains(layers), (1...1 << 12).contains(heads), (heads...1 << 20).contains(width),
                width.isMultiple(of: heads)
            else {
                throw PrefixError.badConfiguration(
                    file: path.path,
                    reason:
                        "num_layers, num_attention_heads and token_dim do not name a model; export the adapter again")
            }
            (shape.layerCount, shape.keyHeadCount, shape.headWidth, shape.width) = (layers, heads, width / heads, width)
        }
        // Other kinds and damaged files are refused here, with the sentences that every command has for them.
        let prefix = try Prefix(folder: folder, model: shape)
        length = prefix.length
        layers = shape.layerCount
        heads = shape.keyHeadCount
        width = shape.keyWidth
        parameters = prefix.parameterCount
        text_position = prefix.textPosition.rawValue
        base_model = prefix.baseModel
        file_bytes = Readable.size(of: folder.appendingPathComponent("adapter_model.safetensors"))
    }

    var lines: [(String, String)] {
        [
            ("kind", "\(kind), as PEFT stores it"),
            ("positions", "\(length)"),
            ("for a model of", "\(layers) layers with \(heads) key heads of width \(width / heads)"),
            ("parameters", "\(Readable.count(parameters)) (\(length) × \(2 * layers * width))"),
            (
                "text starts",
                text_position == Prefix.TextPosition.zero.rawValue
                    ? "at position 0, as without a prefix" : "at position \(length), after the prefix"
            ),
            ("base model", base_model ?? "not recorded"),
            ("file", Readable.bytes(file_bytes)),
        ]
    }
}
