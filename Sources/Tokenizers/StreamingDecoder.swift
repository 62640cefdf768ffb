extension Tokenizer {
    /// Decodes tokens as they are generated, holding back text that later tokens could still change: characters whose
    /// bytes are not complete yet, and what the tokenizer's decoder treats otherwise at the end of a text.
    ///
    /// The pieces together equal ``Tokenizer/decode(_:skippingSpecialTokens:)`` of all ids.
    public struct StreamingDecoder: Sendable {
        private let tokenizer: Tokenizer
        private let skippingSpecialTokens: Bool
        private var stream: any DecodingStream

        init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool) {
            self.tokenizer = tokenizer
            self.skippingSpecialTokens = skippingSpecialTokens
            stream = tokenizer.codec.decodingStream(skippingSpecialTokens: skippingSpecialTokens)
        }

        /// Takes the next token and returns the text that is now certain; often empty for parts of emoji.
        public mutating func append(_ id: Int32) -> String {
            if skippingSpecialTokens && tokenizer.isSpecial(id) { return "" }
            var text: [UInt8] = []
            stream.append(id, to: &text)
            return String(decoding: text, as: UTF8.self)
        }

        /// What is still held back; U+FFFD where the last character never became complete. Afterwards the decoder
        /// stands at the beginning of a text again.
        public mutating func finish() -> String {
            var text: [UInt8] = []
            stream.finish(to: &text)
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// A decoder for one stream of tokens.
    public func streamingDecoder(skippingSpecialTokens: Bool = false) -> StreamingDecoder {
        StreamingDecoder(self, skippingSpecialTokens: skippingSpecialTokens)
    }
}
