import Tokenizers

/// Greedy search and sampling: answers that grow token by token, each by itself.
final class TokenSearch: PromptSearch {
    /// An answer that is not complete: its number, the row that predicts its next token, its draws.
    private struct Branch {
        let answer: Int
        var row = 0
        var draft: Draft
        var sampler: Sampler?
    }

    private let options: DecodingOptions
    private let rules: TokenRules
    private let index: Int
    private let vocabularySize: Int
    private var branches: [Branch]

    /// A search from `prompt`, the `index`-th of its call.
    ///
    /// - Parameters:
    ///   - options: Their seed is that of this prompt's draws.
    ///   - tokenizer: Reads the answers where there are stop texts.
    init(
        _ prompt: [Int32], index: Int, options: DecodingOptions, rules: TokenRules, vocabularySize: Int,
        tokenizer: Tokenizer? = nil
    ) {
        self.options = options
        self.rules = rules
        self.index = index
        self.vocabularySize = vocabularySize
        let draft = Draft(prompt, options: options, tokenizer: tokenizer)
        branches = (0..<options.answerCount).map { answer in
            Branch(
                answer: answer, draft: draft,
                sampler: options.strategy == .sample ? Sampler(options, prompt: 0, answer: answer) : nil)
        }
    }

    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep {
        var step = SearchStep(), remaining: [Branch] = [], distribution: Distribution?, last: Int?
        for var branch in branches {
            let row = scores + branch.row * vocabularySize
            // In the first step all read the one row of the prompt.
            if branch.row != last {
                distribution = options.logProbabilities.map {
                    Distribution(row, vocabularySize: vocabularySize, best: $0)
                }
                rules.apply(to: row, after: branch.draft.tokens, newTokens: branch.draft.count)
                last = branch.row
            }
            let chosen =
                branch.sampler == nil ? mostProbable(row) : branch.sampler?.draw(row, count: vocabularySize)
            guard let token = chosen else {
                if rules.containsNaN(row) { throw .notFinite(index: index) }
                step.finished.append((branch.answer, branch.draft.generation(.noTokenAllowed)))
                continue
            }
            branch.draft.append(token, of: distribution)
            step.tokens.append((branch.answer, token))
            if let known = branch.draft.lastLogProbability { step.logProbabilities.append(known) }
            if let reason = branch.draft.end {
                step.finished.append((branch.answer, branch.draft.generation(reason)))
            } else {
                step.next.append((branch.row, token))
                branch.row = remaining.count
                remaining.append(branch)
            }
        }
        branches = remaining
        return step
    }

    /// The first of the largest scores, unless all are −∞.
    private func mostProbable(_ scores: UnsafeMutablePointer<Float>) -> Int32? {
        var greatest = -Float.infinity, token: Int32?
        for candidate in 0..<vocabularySize where scores[candidate] > greatest {
            greatest = scores[candidate]
            token = Int32(candidate)
        }
        return token
    }
}
