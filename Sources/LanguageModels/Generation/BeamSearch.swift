import Foundation
import Tensors
import Tokenizers

/// Beam search as `transformers` 5 does it: the `width` best unfinished answers go on side by side, the `width` best
/// finished ones are kept, compared by log-probability / length^penalty.
///
/// Scores are 32-bit sums of log-probabilities, as there: equal settings give equal tokens.
final class BeamSearch: PromptSearch {
    /// An answer in the making: the row that predicts its next token (of a candidate: that its last token continues),
    /// prompt and answer so far, log-probability.
    private struct Beam {
        var row: Int
        var draft: Draft
        var score: Float
    }

    private let width: Int
    private let options: DecodingOptions
    private let rules: TokenRules
    private let index: Int
    private let vocabularySize: Int
    private var running: [Beam]
    private var finished: [Generation] = []  // best first, at most `width`

    /// Far below any real log-probability: what is scored like this is an answer by name only.
    private static let hopeless: Float = -1e9

    /// A search from `prompt`, the `index`-th of its call.
    ///
    /// - Parameter tokenizer: Reads the answers where there are stop texts.
    init(
        _ prompt: [Int32], index: Int, options: DecodingOptions, rules: TokenRules, vocabularySize: Int,
        tokenizer: Tokenizer? = nil
    ) {
        width = options.width
        self.options = options
        self.rules = rules
        self.index = index
        self.vocabularySize = vocabularySize
        // All beams begin at the one row of the prompt; only the first may be continued.
        let draft = Draft(prompt, options: options, tokenizer: tokenizer)
        running = (0..<width).map { Beam(row: 0, draft: draft, score: $0 == 0 ? 0 : Self.hopeless) }
    }

    /// None: whole answers are compared, not tokens.
    func choices(_ scores: UnsafeMutablePointer<Float>, _ distributions: [TokenDistribution]) -> [TokenChoice] { [] }

    func advance(
        _ scores: UnsafeMutablePointer<Float>, chosen: ArraySlice<Int32?>
    ) throws(GenerationError) -> SearchStep {
        try advance(scores)
    }

    /// Chooses what follows from the log-probabilities of its rows.
    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep {
        let length = running[0].draft.count + 1  // of the answers after this step
        let candidates = candidates(scores)
        if candidates.isEmpty {
            if rules.containsNaN(scores) { throw .notFinite(index: index) }
            return answers(unfinished: .noTokenAllowed)
        }
        finish(candidates, length: length)
        if length == options.maxNewTokens { return answers(unfinished: .length) }
        continueBest(candidates)
        if isDone(length: length) { return answers(unfinished: .noTokenAllowed) }
        defer { for beam in running.indices { running[beam].row = beam } }
        return SearchStep(next: running.map { ($0.row, $0.draft.tokens[$0.draft.tokens.count - 1]) })
    }

    /// The best continuations of all beams: enough that `width` are left when each beam can also end.
    private func candidates(_ scores: UnsafeMutablePointer<Float>) -> [Beam] {
        var top = TopCandidates(capacity: max(2, 1 + options.endingTokens.count) * width)
        var distributions: [Distribution?] = []
        for (index, beam) in running.enumerated() {
            let row = scores + beam.row * vocabularySize
            let isFirst = index == 0 || beam.row != running[index - 1].row
            distributions.append(isFirst ? distribution(row) : distributions[index - 1])
            if isFirst { rules.apply(to: row, after: beam.draft.tokens, newTokens: beam.draft.count) }
            // A log-probability is at most 0 (and a rounding error).
            if beam.score + 1e-3 <= top.bound { continue }
            top.offer(row, count: vocabularySize, plus: beam.score, row: index)
        }
        return top.best.map { candidate in
            let parent = running[candidate.row]
            var beam = Beam(row: parent.row, draft: parent.draft, score: candidate.score)
            beam.draft.append(candidate.token, of: distributions[candidate.row])
            return beam
        }
    }

    private func distribution(_ row: UnsafeMutablePointer<Float>) -> Distribution? {
        options.logProbabilities.map { Distribution(row, vocabularySize: vocabularySize, best: $0) }
    }

    /// Keeps the candidates that end here. One that ranks below `width` is given up: it would push out a better one.
    private func finish(_ candidates: [Beam], length: Int) {
        for candidate in candidates.prefix(width) {
            // With more beams than tokens allowed, `transformers` counts hopeless answers as found and may stop at them.
            guard let reason = candidate.draft.end, candidate.score > Self.hopeless / 2 else { continue }
            let score = candidate.score / penalty(length)
            let place = finished.lastIndex { ($0.score ?? 0) >= score }.map { $0 + 1 } ?? 0
            finished.insert(candidate.draft.generation(reason, score: score), at: place)
        }
        if finished.count > width { finished.removeLast(finished.count - width) }
    }

    /// Makes the best candidates that do not end here the new beams.
    private func continueBest(_ candidates: [Beam]) {
        // Where too few are left, ended ones go on with a hopeless score, as there.
        let open = candidates.filter { $0.draft.end == nil }
        let ended = candidates.filter { $0.draft.end != nil }.map {
            Beam(row: $0.row, draft: $0.draft, score: $0.score + Self.hopeless)
        }
        running = Array((open + ended).prefix(width))
    }

    /// Whether no better answer is expected.
    private func isDone(length: Int) -> Bool {
        let isFull = finished.count == width
        if options.earlyStopping == .yes && isFull { return true }
        let assumed =
            options.earlyStopping == .never && options.lengthPenalty > 0 ? options.maxNewTokens : length
        let worst = isFull ? finished[width - 1].score ?? Self.hopeless : Self.hopeless
        return running[0].score / penalty(assumed) <= worst
    }

    private func penalty(_ length: Int) -> Float { Float(pow(Double(length), options.lengthPenalty)) }

    /// The best answers; where fewer were finished than are wanted, unfinished ones behind them.
    private func answers(unfinished reason: Generation.FinishReason) -> SearchStep {
        var answers = Array(finished.prefix(options.answerCount))
        let open = running.filter { $0.score > Self.hopeless / 2 }
        answers += open.prefix(options.answerCount - answers.count).map { $0.draft.generation(reason) }
        if answers.isEmpty { answers.append(running[0].draft.generation(reason)) }
        var step = SearchStep(finished: answers.enumerated().map { ($0, $1) })
        step.tokens = step.finished.flatMap { answer, generation in generation.tokenIds.map { (answer, $0) } }
        step.logProbabilities = step.finished.flatMap { $0.generation.logProbabilities ?? [] }
        return step
    }
}
