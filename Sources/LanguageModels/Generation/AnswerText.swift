import Tokenizers

/// The text of an answer, token by token: it ends before an end token, a stop token or a stop text, and what may be the beginning of a
/// stop text is held back until it is known not to be one.
///
/// Stop texts are found in the text, wherever the borders of its tokens are (``StopScanner``); a stop text that is the spelling of
/// a special token is met by that token.
public struct AnswerText: Sendable {
    private let endTokens: [Int32]
    private let stopTokens: [Int32: String]
    private let includesStop: Bool
    private var decoder: Tokenizer.StreamingDecoder
    private var scanner: StopScanner

    /// Whether the answer is over: it has an end token or a stop token, or contains a stop text.
    public private(set) var isEnded = false
    /// The stop text that it contains.
    public private(set) var stop: String?
    /// Whether it contains a stop text.
    public var isStopped: Bool { stop != nil }

    /// The text of an answer without tokens.
    ///
    /// - Parameters:
    ///   - options: What ends answers.
    ///   - includesStop: Whether the stop text that ends the answer belongs to its text.
    public init(_ tokenizer: Tokenizer, options: DecodingOptions, includesStop: Bool = false) {
        endTokens = options.endingTokens
        self.includesStop = includesStop
        stopTokens = options.stopTexts.reduce(into: [:]) { stops, text in
            if let token = tokenizer.id(of: text), tokenizer.isSpecial(token) { stops[token] = text }
        }
        decoder = tokenizer.streamingDecoder(skippingSpecialTokens: true)
        scanner = StopScanner(options.stopTexts, includesStop: includesStop)
    }

    /// The text of a whole answer.
    public static func text(of tokens: [Int32], _ tokenizer: Tokenizer, options: DecodingOptions) -> String {
        var answer = AnswerText(tokenizer, options: options)
        return tokens.reduce(into: "") { $0 += answer.append($1) } + answer.finish()
    }

    /// Takes the next token.
    ///
    /// - Returns: The text that is now certain.
    public mutating func append(_ token: Int32) -> String {
        if isEnded { return "" }
        if endTokens.contains(token) {
            isEnded = true
            return ""
        }
        if let text = stopTokens[token] {
            (isEnded, stop) = (true, text)
            let rest = scanner.append(decoder.finish().utf8) + scanner.finish()
            return String(decoding: rest, as: UTF8.self) + (includesStop ? text : "")
        }
        var text = scanner.append(decoder.append(token).utf8)
        if scanner.stop == nil {
            // What the decoder holds back belongs to the text if this token is the last one.
            var ending = decoder, scanned = scanner
            let rest = scanned.append(ending.finish().utf8)
            if scanned.stop != nil {
                scanner = scanned
                text += rest
            }
        }
        stop = scanner.stop
        isEnded = isStopped
        return String(decoding: text, as: UTF8.self)
    }

    /// What is still held back, once no token follows.
    public mutating func finish() -> String {
        if isStopped { return "" }
        return String(decoding: scanner.append(decoder.finish().utf8) + scanner.finish(), as: UTF8.self)
    }
}
