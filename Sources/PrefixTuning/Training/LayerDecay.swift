import LanguageModels

/// Learning rates that fall from the top layer to the bottom (Howard & Ruder 2018, "discriminative fine-tuning").
///
/// With blocks 1 … L from the bottom to the top, block l has the rate η · fᴸ⁻ˡ. What is read before the first block (the
/// embeddings of tokens and positions, a norm or a projection of them) is layer 0, with η · fᴸ; an output head tied to the
/// token embeddings goes with them. What stands behind the last block (a final norm, a head of its own) has η. An
/// encoder–decoder model counts through: the encoder's blocks lie below the decoder's, and both are above the embeddings.
struct LayerDecay {
    private let factor: Double
    private let decoderLayers: Int
    private let encoderLayers: Int

    /// - Parameters:
    ///   - factor: f, in 0...1 but for 0.
    ///   - shape: Of the model whose parameters are trained.
    init(factor: Double, shape: ModelShape) {
        self.factor = factor
        decoderLayers = shape.layerCount
        encoderLayers = shape.encoder?.layerCount ?? 0
    }

    /// By what the rate of a parameter is multiplied.
    ///
    /// - Parameter name: Its name in a checkpoint, or that of an adapter in a layer.
    func rate(of name: String) -> Double {
        var rate = 1.0
        for _ in 0..<layersAbove(name) { rate *= factor }
        return rate
    }

    /// Names of modules before the first block, in all architectures.
    private static let embeddings: Set<Substring> = [
        "wte", "wpe", "embed_tokens", "embed_positions", "embed_in", "shared", "layernorm_embedding", "project_in",
    ]

    private func layersAbove(_ name: String) -> Int {
        let parts = name.split(separator: "."), isInEncoder = parts.contains("encoder")
        // "h" in GPT-2, "layers" elsewhere, then the layer's number.
        if let index = parts.firstIndex(where: { $0 == "h" || $0 == "layers" }), index + 1 < parts.count,
            let layer = Int(parts[index + 1])
        {
            return isInEncoder ? decoderLayers + encoderLayers - 1 - layer : decoderLayers - 1 - layer
        }
        return Self.embeddings.isDisjoint(with: parts) ? 0 : decoderLayers + encoderLayers
    }
}
