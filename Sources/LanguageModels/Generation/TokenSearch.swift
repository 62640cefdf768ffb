import Tensors
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
    private var distributions: [Distribution] = []  // of the rows of this step

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

    func choices(_ scores: UnsafeMutablePointer<Float>, _ distributions: [TokenDistribution]) -> [TokenChoice] {
        var last: Int?
        self.distributions = []
        return branches.indices.map { index in
            let row = branches[index].row, scores = scores + row * vocabularySize
            // In the first step all read the one row of the prompt.
            if row != last {
                if let known = distributions.isEmpty ? nil : distributions[row] {
                    self.distributions.append(Distribution(scores, vocabularySize: vocabularySize, known))
                }
                rules.apply(to: scores, after: branches[index].draft.tokens, newTokens: branches[index].draft.count)
                last = row
            }
            return TokenChoice(scores, draw: branches[index].sampler?.next())
        }
    }

    func advance(
        _ scores: UnsafeMutablePointer<Float>, chosen: ArraySlice<Int32?>
    ) throws(GenerationError) -> SearchStep {
        var step = SearchStep(), remaining: [Branch] = []
        for (var branch, token) in zip(branches, chosen) {
            guard let token else {
                if rules.containsNaN(scores + branch.row * vocabularySize) { throw .notFinite(index: index) }
                step.finished.append((branch.answer, branch.draft.generation(.noTokenAllowed)))
                continue
            }
            branch.draft.append(token, of: distributions.isEmpty ? nil : distributions[branch.row])
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
}
