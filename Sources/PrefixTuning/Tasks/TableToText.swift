import Foundation
import LanguageModels
import TextMetrics
import Tokenizers

/// What the paper's three tasks of describing tables have in common.
extension TuningTask {
    /// A task of describing tables: in the authors' template, answered with their search, cleaned as their decoding scripts
    /// clean answers.
    static func tableToText(
        _ name: String, suite: EvaluationSuite, reading: @escaping @Sendable (DataFile) throws -> [Example]
    ) -> TuningTask {
        var task = TuningTask(name, format: .tableToText, suite: suite, reading: reading)
        task.hasTables = true
        task.answersSourcesOnce = true
        task.decoding = { .tableToText(forbidding: $1, endTokens: $0.endTokens) }
        task.cleaning = describingText
        return task
    }

    /// Blanks before punctuation and English contractions are closed, white space at both ends is dropped, and an empty
    /// answer becomes "Error", so that every source has a line.
    @Sendable private static func describingText(_ answer: String) -> String {
        let text = closingBlanks(answer).trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? "Error" : text
    }

    /// What `clean_up_tokenization_spaces` of `transformers` does, replacement after replacement.
    private static func closingBlanks(_ text: String) -> String {
        [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
            (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ].reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }
}

extension Tokenizer {
    /// The tokens of a line break and of two. GPT-2 has these as 198 and 628.
    package var lineBreaks: [Int32] { ["Ċ", "ĊĊ"].compactMap { id(of: $0) } }
}
