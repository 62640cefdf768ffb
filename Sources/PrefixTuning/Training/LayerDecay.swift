import LanguageModels

/// Learning rates that fall from the top layer to the bottom (Howard & Ruder 2018, "discriminative fine-tuning").
///
/// With blocks 1 … L from the bottom to the top, block l has the rate η · fᴸ⁻ˡ. What is read before the first block (the
/// embeddings of tokens and positions, a norm or a projection of them) is layer 0, with η · fᴸ; an output head tied to the
/// token embeddings goes with them. What stands behind the last block (a final norm, a head of its own) has η. An
/// encoder–decoder model counts through: the encoder's blocks lie below the decoder's, and both are above the embeddings.
struct LayerDecay {
    private let factor: Double
    private let parts: ModelParts
    private let decoderLayers: Int
    private let encoderLayers: Int

    /// - Parameters:
    ///   - factor: f, in 0...1 but for 0.
    ///   - configuration: Of the model whose parameters are trained.
    init(factor: Double, _ configuration: any ModelConfiguration) {
        self.init(factor: factor, configuration.parts, shape: configuration.shape)
    }

    /// The same by names and sizes.
    init(factor: Double, _ parts: ModelParts, shape: ModelShape) {
        self.factor = factor
        self.parts = parts
        decoderLayers = shape.layerCount
        encoderLayers = shape.encoder?.layerCount ?? 0
    }

    /// By what the rate of a parameter is multiplied; 1 for what is no part of the model.
    ///
    /// - Parameter name: Its name in a checkpoint, or that of an adapter in a layer.
    func rate(of name: String) -> Double {
        var rate = 1.0
        for _ in 0..<layersAbove(name) { rate *= factor }
        return rate
    }

    private func layersAbove(_ name: String) -> Int {
        switch parts.place(of: name) {
        case .tokenTable, .input: decoderLayers + encoderLayers
        case .block(let layer, of: .encoder): decoderLayers + encoderLayers - 1 - layer
        case .block(let layer, _): decoderLayers - 1 - layer
        case .finalNorm, .output, .head, nil: 0
        }
    }
}
