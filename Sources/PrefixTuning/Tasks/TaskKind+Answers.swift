import Foundation

/// From a model's answer to the text that is compared with references.
extension TaskKind {
    /// The text of an answer, as the authors' decoding scripts clean it; as it is for JSON lines.
    ///
    /// For summaries, white space at both ends is dropped. For tables: blanks before punctuation and English contractions are closed, white space at both ends is dropped,
    /// and an empty answer becomes "Error", so that every source has a line.
    ///
    /// - Parameter answer: What the model wrote, without prompt and end token.
    public func text(ofAnswer answer: String) -> String {
        if self == .jsonl { return answer }
        if self == .xsum { return answer.trimmingCharacters(in: .whitespacesAndNewlines) }
        let text = Self.closingBlanks(answer).trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? "Error" : text
    }

    /// What `clean_up_tokenization_spaces` of `transformers` does, replacement after replacement.
    static func closingBlanks(_ text: String) -> String {
        [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
            (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ].reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }
}
