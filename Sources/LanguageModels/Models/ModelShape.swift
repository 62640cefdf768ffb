/// The attentions of a model that a prefix can be put before (paper, section 4.2).
public enum AttentionKind: String, CaseIterable, Codable, Sendable {
    /// Self-attention of the decoder: all there is in a decoder-only model.
    case decoder
    /// Self-attention of the encoder.
    case encoder
    /// Attention of the decoder to the encoder's output.
    case cross
}

/// The layers of one kind of attention, as caches and prefixes see them.
public struct AttentionStack: Equatable, Hashable, Sendable, Codable {
    /// Attention layers L.
    public var layerCount: Int
    /// Key and value heads per layer.
    public var keyHeadCount: Int
    /// Width of a head.
    public var headWidth: Int

    /// The sizes of a stack.
    public init(layerCount: Int, keyHeadCount: Int, headWidth: Int) {
        self.layerCount = layerCount
        self.keyHeadCount = keyHeadCount
        self.headWidth = headWidth
    }

    /// Width of the keys, and of the values, of one position in one layer.
    public var keyWidth: Int { keyHeadCount * headWidth }

    /// Width 2·L·keyWidth of one row of a prefix.
    public var prefixRowWidth: Int { 2 * layerCount * keyWidth }
}

/// The sizes that others must know of a model.
public struct ModelShape: Equatable, Sendable, Codable {
    /// Attention layers L of the decoder.
    public var layerCount: Int
    /// Key and value heads per layer of the decoder.
    public var keyHeadCount: Int
    /// Width of a head of the decoder.
    public var headWidth: Int
    /// Width d of the residual stream.
    public var width: Int
    /// The largest number of positions, a prefix included.
    public var positionCount: Int
    /// Tokens in the vocabulary.
    public var vocabularySize: Int
    /// The encoder's self-attention; nil for a decoder-only model.
    public var encoder: AttentionStack?

    /// The sizes of a model.
    public init(
        layerCount: Int, keyHeadCount: Int, headWidth: Int, width: Int, positionCount: Int, vocabularySize: Int,
        encoder: AttentionStack? = nil
    ) {
        self.layerCount = layerCount
        self.keyHeadCount = keyHeadCount
        self.headWidth = headWidth
        self.width = width
        self.positionCount = positionCount
        self.vocabularySize = vocabularySize
        self.encoder = encoder
    }

    /// The decoder's self-attention.
    public var decoder: AttentionStack {
        AttentionStack(layerCount: layerCount, keyHeadCount: keyHeadCount, headWidth: headWidth)
    }

    /// The kinds of attention that the model has.
    public var attentionKinds: [AttentionKind] { encoder == nil ? [.decoder] : [.decoder, .encoder, .cross] }

    /// The layers of one kind of attention, or nil where the model has none of it.
    public func stack(_ kind: AttentionKind) -> AttentionStack? {
        switch kind {
        case .decoder: decoder
        case .encoder: encoder
        case .cross: encoder == nil ? nil : decoder
        }
    }

    /// Width of the decoder's keys, and of its values, of one position in one layer.
    public var keyWidth: Int { decoder.keyWidth }

    /// Width 2·L·keyWidth of one row of a prefix of the decoder's self-attention.
    public var prefixRowWidth: Int { decoder.prefixRowWidth }
}
