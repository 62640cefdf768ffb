import Tensors

/// What sequences start from: the first content of the cache of every kind of attention, before or behind the prompt.
@Compute public struct InitialKeyValues {
    /// Before the tokens of the decoder.
    public var decoder: KeyValues? { didSet { computed = ComputedDigest() } }
    /// Before the tokens of the encoder.
    public var encoder: KeyValues?
    /// Before what the decoder reads of the source.
    public var cross: KeyValues?
    /// Before the text that the encoder of an encoder–decoder model reads: embeddings [n × width], which it reads as it reads
    /// those of tokens, in both directions.
    public var sourceEmbeddings: Tensor?
    /// Behind the prompt of a decoder-only model, before its last token, from which the answer is predicted: the mark that
    /// separates prompt and answer, as a rule.
    public var afterPrompt: VirtualTokens?

    /// SHA-256, as hexadecimal digits, of what all of this follows from, where that is known: of the file that a prefix was read
    /// from, say, together with how its keys and values are held. Where it is nil and something is kept of prompts that come
    /// after it (``GenerationRequest/salt``), the keys and values themselves are hashed, once.
    public var contentDigest: String?
    private var computed = ComputedDigest()

    private final class ComputedDigest {
        var value: String?
    }

    /// What is given; the other attentions start from nothing.
    public init(
        decoder: KeyValues? = nil, encoder: KeyValues? = nil, cross: KeyValues? = nil, sourceEmbeddings: Tensor? = nil,
        afterPrompt: VirtualTokens? = nil
    ) {
        self.decoder = decoder
        self.encoder = encoder
        self.cross = cross
        self.sourceEmbeddings = sourceEmbeddings
        self.afterPrompt = afterPrompt
    }

    /// Positions of the decoder that are taken before it predicts, beside those of the prompt.
    public var decoderPositions: Int { (decoder?.positions ?? 0) + (afterPrompt?.count ?? 0) }

    /// Positions of the encoder that are taken before its text.
    public var encoderPositions: Int { (encoder?.positions ?? 0) + (sourceEmbeddings?.rows ?? 0) }
    /// Rows that a model reads for each text beside the text's own.
    package var rowsPerText: Int { (afterPrompt?.count ?? 0) + (sourceEmbeddings?.rows ?? 0) }

    /// Memory that all of it takes.
    public var byteCount: Int {
        [decoder, encoder, cross].reduce(sourceEmbeddings?.byteCount ?? 0) { $0 + ($1?.byteCount ?? 0) }
            + (afterPrompt.map { $0.embeddings.byteCount + $0.shift.byteCount } ?? 0)
    }

    /// SHA-256 of what a decoder-only model reads before a text.
    var digest: String {
        if let known = contentDigest ?? computed.value { return known }
        let hasher = ContentHasher()
        decoder?.add(to: hasher)
        let digest = hasher.finish()
        computed.value = digest
        return digest
    }

    /// The first attention whose part is not of a model's sizes; nil where all parts are.
    func unfitPart(for shape: ModelShape) -> AttentionKind? {
        let parts: [(AttentionKind, KeyValues?)] = [(.decoder, decoder), (.encoder, encoder), (.cross, cross)]
        for (kind, part) in parts {
            if let part, !(shape.stack(kind).map(part.fits) ?? false) { return kind }
        }
        if let sourceEmbeddings, shape.encoder == nil || sourceEmbeddings.width != shape.width { return .encoder }
        let isFit = afterPrompt.map { shape.encoder == nil && $0.shift.width == shape.prefixRowWidth } ?? true
        return isFit ? nil : .decoder
    }

    /// Where gradients of it are collected, if it is in training.
    var gradients: [Gradient] {
        let keyValues = [decoder, encoder, cross].compactMap { $0?.layers.first?.source.gradient }
        let embeddings = [sourceEmbeddings, afterPrompt?.embeddings, afterPrompt?.shift]
        return keyValues + embeddings.compactMap { $0?.gradient }
    }
}
