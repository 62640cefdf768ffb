import LanguageModels
import Tokenizers

/// What is told of a token where log-probabilities were asked for.
package struct TokenNote: Equatable, Sendable {
    /// The token, as text by itself: blanks included.
    package let text: String
    /// The bytes that it stands for, which need not be whole characters.
    package let bytes: [UInt8]
    /// ln p of the model; nil for the first token of a prompt.
    package let logProbability: Float?
    /// The most probable tokens there, best first.
    package let best: [Best]

    /// A token that was probable.
    package struct Best: Equatable, Sendable {
        /// As text by itself.
        package let text: String
        /// Its bytes.
        package let bytes: [UInt8]
        /// ln p of the model.
        package let logProbability: Float
    }

    /// What is told of a token.
    package init(_ token: Int32, _ known: TokenLogProbability?, _ tokenizer: Tokenizer) {
        bytes = tokenizer.bytes(of: token)
        text = String(decoding: bytes, as: UTF8.self)
        logProbability = known?.logProbability
        best = (known?.best ?? []).map {
            let bytes = tokenizer.bytes(of: $0.token)
            return Best(
                text: String(decoding: bytes, as: UTF8.self), bytes: bytes, logProbability: $0.logProbability)
        }
    }
}

/// Log-probabilities as `/v1/completions` tells them.
package struct CompletionLogprobs: Codable, Equatable, Sendable {
    package var tokens: [String] = []
    package var tokenLogprobs: [Float?] = []
    package var topLogprobs: [[String: Float]?] = []
    package var textOffset: [Int] = []

    enum CodingKeys: String, CodingKey {
        case tokens
        case tokenLogprobs = "token_logprobs"
        case topLogprobs = "top_logprobs"
        case textOffset = "text_offset"
    }

    /// Those of some tokens.
    ///
    /// - Parameter offset: Characters of the text before them.
    package init(_ notes: [TokenNote], offset: Int, top: Int) {
        var offset = offset
        for note in notes {
            tokens.append(note.text)
            tokenLogprobs.append(note.logProbability)
            // The token itself is always among them, as OpenAI has it.
            var best = Dictionary(note.best.map { ($0.text, $0.logProbability) }) { first, _ in first }
            if top > 0, let own = note.logProbability { best[note.text] = own }
            topLogprobs.append(note.logProbability == nil || top == 0 ? nil : best)
            textOffset.append(offset)
            offset += note.text.unicodeScalars.count
        }
    }
}

/// Log-probabilities as `/v1/chat/completions` tells them.
package struct ChatLogprobs: Codable, Equatable, Sendable {
    /// A token.
    package struct Token: Codable, Equatable, Sendable {
        package let token: String
        package let logprob: Float
        package let bytes: [UInt8]
        package let topLogprobs: [Top]

        enum CodingKeys: String, CodingKey {
            case token, logprob, bytes
            case topLogprobs = "top_logprobs"
        }
    }

    /// A token that was probable.
    package struct Top: Codable, Equatable, Sendable {
        package let token: String
        package let logprob: Float
        package let bytes: [UInt8]
    }

    package let content: [Token]

    /// Those of some tokens.
    package init(_ notes: [TokenNote]) {
        content = notes.map { note in
            Token(
                token: note.text, logprob: note.logProbability ?? 0, bytes: note.bytes,
                topLogprobs: note.best.map { Top(token: $0.text, logprob: $0.logProbability, bytes: $0.bytes) })
        }
    }
}
