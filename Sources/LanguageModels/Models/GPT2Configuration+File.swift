import Foundation
import Tensors

extension GPT2Configuration {
    init(_ file: ConfigurationReader) throws {
        let modelType = try file.optionalString("model_type") ?? ""
        guard modelType == "gpt2" else {
            throw file.invalid(
                "model_type", "the model type is \"\(modelType)\", but only \"gpt2\" can be read as GPT-2")
        }
        guard try !file.flag("add_cross_attention", default: false) else {
            throw file.invalid(
                "add_cross_attention", "GPT-2 with cross-attention is not supported; use a decoder-only model")
        }
        width = try file.integer("n_embd", in: 1...1 << 16, default: width)
        layerCount = try file.integer("n_layer", in: 1...1 << 12, default: layerCount)
        headCount = try file.integer("n_head", in: 1...1 << 12, default: headCount)
        positionCount = try file.integer("n_positions", in: 1...1 << 22, default: positionCount)
        explicitInnerWidth = try file.optionalInteger("n_inner", in: 1...1 << 20)
        vocabularySize = try file.integer("vocab_size", default: vocabularySize)
        layerNormEpsilon = Float(try file.positive("layer_norm_epsilon", default: 1e-5))
        activation = try file.activation("activation_function", default: activation.rawValue)
        scalesAttention = try file.flag("scale_attn_weights", default: true)
        scalesAttentionByInverseLayer = try file.flag("scale_attn_by_inverse_layer_idx", default: false)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        residualDropout = try file.probability("resid_pdrop", default: 0.1)
        embeddingDropout = try file.probability("embd_pdrop", default: 0.1)
        attentionDropout = try file.probability("attn_pdrop", default: 0.1)
        // Ids beyond the vocabulary are common in tiny test models, which keep GPT-2's 50256: they never occur then.
        beginToken = try file.tokens("bos_token_id", vocabulary: .max, default: [50256]).first
        endTokens = try file.endTokens("eos_token_id", default: [50256])
        if let (key, reason) = firstProblem() { throw file.invalid(key, reason) }
    }

    /// Reads and checks a `config.json`.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public static func read(from url: URL) throws -> GPT2Configuration {
        try GPT2Configuration(ConfigurationReader(url))
    }

    /// Writes a `config.json` that `transformers` loads; it appears complete or not at all.
    ///
    /// - Throws: ``CheckpointError``.
    public func write(to url: URL) throws {
        try validate()
        try AtomicFile.write(fileContents, to: url)
    }

    /// A `config.json` that `transformers` loads.
    public var fileContents: Data {
        get throws {
            Data(try JSONText.document(File(self)).utf8)
        }
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try GPT2(self, weights) }

    /// Checks a configuration that was put together in code.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    public func validate() throws {
        if let (key, reason) = firstProblem() {
            throw CheckpointError.invalidConfiguration(file: "configuration", path: key, reason: reason)
        }
    }

    /// The first key whose value no GPT-2 can have, and why.
    private func firstProblem() -> (key: String, reason: String)? {
        let sizes = [
            ("n_embd", width, 1 << 16), ("n_layer", layerCount, 1 << 12), ("n_head", headCount, 1 << 12),
            ("n_positions", positionCount, 1 << 22), ("vocab_size", vocabularySize, 1 << 24),
            ("n_inner", explicitInnerWidth ?? 1, 1 << 20),
        ]
        for (key, value, limit) in sizes where !(1...limit).contains(value) {
            return (key, "the value is \(value), but must be between 1 and \(limit)")
        }
        guard width.isMultiple(of: headCount) else {
            return ("n_head", "\(headCount) heads do not divide the width (n_embd) of \(width)")
        }
        guard layerNormEpsilon > 0, layerNormEpsilon < 1 else {
            return ("layer_norm_epsilon", "the value is \(layerNormEpsilon), but must be between 0 and 1")
        }
        let dropouts = [
            ("resid_pdrop", residualDropout), ("embd_pdrop", embeddingDropout), ("attn_pdrop", attentionDropout),
        ]
        for (key, value) in dropouts where !(0..<1).contains(value) {
            return (key, "the value is \(value), but must be at least 0 and below 1")
        }
        for (key, tokens) in [("bos_token_id", [beginToken].compactMap(\.self)), ("eos_token_id", endTokens)] {
            if let token = tokens.first(where: { $0 < 0 }) {
                return (key, "\(token) is no token id; a number from 0 on is needed")
            }
        }
        return nil
    }
}

/// What is written into a `config.json`, under the names of `transformers`.
private struct File: Encodable {
    let values: [String: any Encodable & Sendable]

    init(_ configuration: GPT2Configuration) {
        // By way of text, so that 1e-5 is not written as 9.99999974737875e-06.
        func number(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
        let ends = configuration.endTokens
        values = [
            "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": configuration.width,
            "n_layer": configuration.layerCount, "n_head": configuration.headCount,
            "n_positions": configuration.positionCount, "n_inner": configuration.explicitInnerWidth,
            "vocab_size": configuration.vocabularySize,
            "layer_norm_epsilon": number(configuration.layerNormEpsilon),
            "activation_function": configuration.activation.rawValue,
            "scale_attn_weights": configuration.scalesAttention,
            "scale_attn_by_inverse_layer_idx": configuration.scalesAttentionByInverseLayer,
            "tie_word_embeddings": configuration.tiesWordEmbeddings,
            "resid_pdrop": number(configuration.residualDropout),
            "embd_pdrop": number(configuration.embeddingDropout),
            "attn_pdrop": number(configuration.attentionDropout), "bos_token_id": configuration.beginToken,
        ]
        .merging(["eos_token_id": ends.count > 1 ? ends : ends.first]) { $1 }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (key, value) in values { try container.encode(value, forKey: Key(stringValue: key)) }
    }
}
