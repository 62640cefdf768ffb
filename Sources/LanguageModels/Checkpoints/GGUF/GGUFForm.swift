import Tokenizers

/// What GGUF files call an architecture, its settings and its tensors, each beside the name that `transformers` has for it.
///
/// The names are those of llama.cpp (`gguf-py/gguf/constants.py`, `tensor_mapping.py`). Where its converter also turns a tensor about, the
/// table says how, and reading turns it back: above this type all checkpoints look alike.
struct GGUFForm: Sendable {
    /// What the converter does to a tensor.
    enum Change: Sendable {
        /// Rows of each head [half][pair] become [pair][half], so that rotation turns columns that lie side by side. Of the queries, or of
        /// the keys, whose heads may be fewer.
        case pairs(ofKeys: Bool)
        /// Rows [head][query, key, value] become [query, key, value][head].
        case queriesKeysValues
        /// A matrix [input × output] becomes [output × input].
        case transposed
        /// 1 is added to a gain.
        case plusOne
    }

    /// A part of the model, under the name of `transformers`, and what the converter does to it.
    struct Part: Sendable, ExpressibleByStringLiteral {
        let path: String
        let change: Change?

        init(_ path: String, _ change: Change? = nil) {
            self.path = path
            self.change = change
        }

        init(stringLiteral path: String) { self.init(path) }
    }

    /// The value of `general.architecture`.
    let architecture: String
    /// Keys of `config.json`, and the keys of the file whose values they get, without the architecture in front.
    let keys: [String: String]
    /// Those of the file without which a model would be another one: nothing is assumed in their place.
    let required: Set<String>
    /// Parts outside of blocks, by what stands in front of `.weight` and `.bias`.
    let parts: [String: Part]
    /// Parts of block N of the decoder, by what stands behind `blk.N.` (behind `dec.blk.N.` where there is an encoder).
    let blockParts: [String: Part]
    /// Parts of block N of the encoder, by what stands behind `enc.blk.N.`; none where there is no encoder.
    let encoderParts: [String: Part]
    /// Tensors that are no weights: masks, angles.
    let ignored: Set<String>
    /// Another form of the same architecture's name, which some files have as their tensors tell; nil for this one.
    let variant: @Sendable (GGUFFile) -> GGUFForm?
    /// Adds what `config.json` says and the file says otherwise, or only by its tensors.
    let complete: @Sendable (inout [String: JSONValue], GGUFFile) throws -> Void

    init(
        _ architecture: String, keys: [String: String], required: Set<String>, parts: [String: Part],
        blockParts: [String: Part], encoderParts: [String: Part] = [:],
        ignored: Set<String> = [], variant: @escaping @Sendable (GGUFFile) -> GGUFForm? = { _ in nil },
        complete: @escaping @Sendable (inout [String: JSONValue], GGUFFile) throws -> Void
    ) {
        self.architecture = architecture
        self.keys = keys
        self.required = required.union([
            "embedding_length", "block_count", "attention.head_count", "context_length", "feed_forward_length",
        ])
        self.parts = parts
        self.blockParts = blockParts
        self.encoderParts = encoderParts
        self.ignored = ignored
        self.variant = variant
        self.complete = complete
    }

    /// The name in `transformers` of a tensor, and what was done to it; nil for one that is none of this architecture's.
    ///
    /// - Parameter model: The architecture's parts.
    func place(of name: String, in model: ModelParts) -> (name: String, change: Change?)? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        let suffix = name[dot...]
        guard suffix == ".weight" || suffix == ".bias" else { return nil }
        let stem = name[..<dot]
        func full(_ path: String) -> String { model.root.isEmpty ? path : "\(model.root).\(path)" }
        if let part = parts[String(stem)] {
            return ((part.path == model.head ? part.path : full(part.path)) + suffix, part.change)
        }
        let stacks = [
            (encoderParts.isEmpty ? "blk." : "dec.blk.", model.blocks, blockParts),
            ("enc.blk.", model.encoderBlocks ?? "", encoderParts),
        ]
        for (front, blocks, parts) in stacks where stem.hasPrefix(front) {
            let rest = stem.dropFirst(front.count).split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard rest.count == 2, let number = Int(rest[0]), let part = parts[String(rest[1])] else { continue }
            return (full("\(blocks).\(number).\(part.path)\(suffix)"), part.change)
        }
        return nil
    }
}
