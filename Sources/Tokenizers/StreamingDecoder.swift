extension Tokenizer {
    /// Decodes tokens as they are generated, holding back characters whose bytes are not complete yet.
    ///
    /// The pieces together equal ``Tokenizer/decode(_:skippingSpecialTokens:)`` of all ids.
    public struct StreamingDecoder: Sendable {
        private let tokenizer: Tokenizer
        private let skippingSpecialTokens: Bool
        private var pending: [UInt8] = []

        init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool) {
            self.tokenizer = tokenizer
            self.skippingSpecialTokens = skippingSpecialTokens
        }

        /// Takes the next token and returns the text that is now certain; often empty for parts of emoji.
        public mutating func append(_ id: Int32) -> String {
            if skippingSpecialTokens && tokenizer.isSpecial(id) { return "" }
            pending += tokenizer.core.bytes(of: id)
            let complete = pending.count - Self.incompleteTail(of: pending)
            let text = String(decoding: pending[..<complete], as: UTF8.self)
            pending.removeFirst(complete)
            return text
        }

        /// What is still held back; U+FFFD where the last character never became complete.
        public mutating func finish() -> String {
            defer { pending.removeAll() }
            return String(decoding: pending, as: UTF8.self)
        }

        /// How many bytes at the end are the beginning of a character that further bytes could complete.
        private static func incompleteTail(of bytes: [UInt8]) -> Int {
            for length in 1..<4 where length <= bytes.count {
                let lead = bytes[bytes.count - length]
                if lead & 0xC0 == 0x80 { continue }
                let needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
                guard lead <= 0xF4, length < needed else { return 0 }
                // The second byte decides whether the sequence can be well-formed (Unicode, table 3-7).
                let second = length > 1 ? bytes[bytes.count - length + 1] : nil
                switch (lead, second) {
                case (0xE0, .some(..<0xA0)), (0xED, .some(0xA0...)), (0xF0, .some(..<0x90)), (0xF4, .some(0x90...)):
                    return 0
                default: return length
                }
            }
            return 0
        }
    }

    /// A decoder for one stream of tokens.
    public func streamingDecoder(skippingSpecialTokens: Bool = false) -> StreamingDecoder {
        StreamingDecoder(self, skippingSpecialTokens: skippingSpecialTokens)
    }
}
