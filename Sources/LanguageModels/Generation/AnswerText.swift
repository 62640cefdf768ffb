import Tokenizers

/// The text of an answer, token by token: it ends before an end token, a stop token or a stop text, and what may be the beginning of a
/// stop text is held back until it is known not to be one.
///
/// Stop texts are found in the text, wherever the borders of its tokens are; a stop text that is the spelling of a special
/// token is met by that token.
public struct AnswerText: Sendable {
    private let endTokens: [Int32]
    private let stops: [[UInt8]]
    private let stopTokens: [Int32]
    private var decoder: Tokenizer.StreamingDecoder
    private var held: [UInt8] = []

    /// Whether the answer is over: it has an end token or a stop token, or contains a stop text.
    public private(set) var isEnded = false
    /// Whether it contains a stop text.
    public private(set) var isStopped = false

    /// The text of an answer without tokens.
    ///
    /// - Parameter options: What ends answers.
    public init(_ tokenizer: Tokenizer, options: DecodingOptions) {
        endTokens = options.endingTokens
        stops = options.stopTexts.map { Array($0.utf8) }
        stopTokens = options.stopTexts.compactMap(tokenizer.id).filter(tokenizer.isSpecial)
        decoder = tokenizer.streamingDecoder(skippingSpecialTokens: true)
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
        if stopTokens.contains(token) {
            (isEnded, isStopped) = (true, true)
            return release(held.count)
        }
        held += decoder.append(token).utf8
        if stops.isEmpty { return release(held.count) }
        // What the decoder holds back belongs to the text if this token is the last one.
        var ending = decoder
        let text = held + ending.finish().utf8
        guard let start = Self.firstStop(stops, in: text) else { return release(held.count - uncertain) }
        (isEnded, isStopped) = (true, true)
        held = text
        return release(start)
    }

    /// What is still held back, once no token follows.
    public mutating func finish() -> String {
        if isStopped { return "" }
        held += decoder.finish().utf8
        return release(held.count)
    }

    private mutating func release(_ count: Int) -> String {
        defer { held.removeFirst(count) }
        return String(decoding: held.prefix(count), as: UTF8.self)
    }

    /// How many of the last bytes held may begin a stop text.
    private var uncertain: Int {
        let longest = stops.reduce(0) { max($0, $1.count - 1) }
        return stride(from: min(longest, held.count), to: 0, by: -1).first { count in
            stops.contains { $0.starts(with: held.suffix(count)) }
        } ?? 0
    }

    private static func firstStop(_ stops: [[UInt8]], in text: [UInt8]) -> Int? {
        text.indices.first { start in stops.contains { text[start...].starts(with: $0) } }
    }
}
