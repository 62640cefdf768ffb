import Foundation
import Tensors
import Tokenizers

/// Contrastive search (Su et al. 2022, "A Contrastive Framework for Neural Text Generation", equation 5): of the k most probable
/// tokens the one with the greatest (1 − α) · p(v) − α · max cos(h(v), h(x)), x running over all tokens before it.
///
/// h is the decoder's final hidden state, of which a candidate has one only when the model has read it: each step reads the k
/// candidates of the step before, side by side, and only then is one of them certain. Prompts count, prefixes do not: they have keys
/// and values, and no hidden states. As `transformers` 4 does it, but that a token that the options forbid is no candidate.
final class ContrastiveSearch: PromptSearch {
    private let alpha: Double
    private let count: Int  // k
    private let rules: TokenRules
    private let index: Int
    private let vocabularySize: Int
    private var draft: Draft
    /// Hidden states of all tokens that are certain, each divided by its length, one behind the other.
    private var context: [Float] = []
    private var candidates: [(token: Int32, probability: Double)] = []  // whose rows this step is given
    private var chosen = 0  // among them
    private var distribution: Distribution?  // that the candidates are of
    private var nextDistribution: Distribution?

    /// A search from `prompt`, the `index`-th of its call.
    ///
    /// - Parameter tokenizer: Reads the answer where there are stop texts.
    init(
        _ prompt: [Int32], index: Int, options: DecodingOptions, alpha: Double, candidates count: Int,
        rules: TokenRules,
        vocabularySize: Int, tokenizer: Tokenizer? = nil
    ) {
        self.alpha = alpha
        self.count = count
        self.rules = rules
        self.index = index
        self.vocabularySize = vocabularySize
        draft = Draft(prompt, options: options, tokenizer: tokenizer)
    }

    var readsHiddenStates: Bool { true }

    func read(prompt states: UnsafePointer<Float>, rows: Int, width: Int) {
        for row in 0..<rows { context += Self.unit(states + row * width, width) }
    }

    func read(_ states: UnsafePointer<Float>, width: Int) {
        let known = context.count / width
        var best = -Double.infinity, unit: [Float] = []
        chosen = 0
        for (row, candidate) in candidates.enumerated() {
            let own = Self.unit(states + row * width, width)
            var nearest = -Double.infinity
            context.withUnsafeBufferPointer { context in
                for token in 0..<known {
                    var cosine = 0.0
                    for column in 0..<width { cosine += Double(context[token * width + column]) * Double(own[column]) }
                    nearest = max(nearest, cosine)
                }
            }
            let score = (1 - alpha) * candidate.probability - alpha * nearest
            if unit.isEmpty || score > best { (best, chosen, unit) = (score, row, own) }
        }
        context += unit
    }

    private static func unit(_ state: UnsafePointer<Float>, _ width: Int) -> [Float] {
        let length = (0..<width).reduce(0.0) { $0 + Double(state[$1]) * Double(state[$1]) }.squareRoot()
        return (0..<width).map { Float(Double(state[$0]) / length) }
    }

    /// None: tokens are chosen when their hidden states are known.
    func choices(_ scores: UnsafeMutablePointer<Float>, _ distributions: [TokenDistribution]) -> [TokenChoice] {
        nextDistribution =
            distributions.isEmpty
            ? nil
            : Distribution(scores + chosen * vocabularySize, vocabularySize: vocabularySize, distributions[chosen])
        return []
    }

    func advance(
        _ scores: UnsafeMutablePointer<Float>, chosen _: ArraySlice<Int32?>
    ) throws(GenerationError) -> SearchStep {
        var step = SearchStep()
        if !candidates.isEmpty {
            let token = candidates[chosen].token
            draft.append(token, of: distribution)
            step.tokens.append((0, token))
            if let known = draft.lastLogProbability { step.logProbabilities.append(known) }
            if let reason = draft.end {
                step.finished.append((0, draft.generation(reason)))
                return step
            }
        }
        let row = scores + chosen * vocabularySize
        rules.apply(to: row, after: draft.tokens, newTokens: draft.count)
        var top = TopCandidates(capacity: count)
        top.offer(row, count: vocabularySize, plus: 0, row: chosen)
        if top.best.isEmpty {
            if rules.containsNaN(row) { throw .notFinite(index: index) }
            step.finished.append((0, draft.generation(.noTokenAllowed)))
            return step
        }
        let logSum = TokenSelection.describe(row, best: 0, vocabulary: vocabularySize).logSum
        candidates = top.best.map { ($0.token, exp(Double($0.score) - logSum)) }
        distribution = nextDistribution
        step.next = top.best.map { (chosen, $0.token) }
        chosen = 0
        return step
    }
}
