import Foundation

/// Beam search as `transformers` 5 does it: the `width` best unfinished answers go on side by side, the `width` best
/// finished ones are kept, compared by log-probability / length^penalty.
///
/// Scores are 32-bit sums of log-probabilities, as there: equal settings give equal tokens.
final class BeamSearch: PromptSearch {
    /// An unfinished answer: the row that predicts its next token, prompt and answer so far, log-probability.
    private struct Beam {
        var row: Int
        var tokens: [Int32]
        var score: Float
    }

    let width: Int
    private let options: DecodingOptions
    private let rules: TokenRules
    private let index: Int
    private let promptLength: Int
    private let vocabularySize: Int
    private var running: [Beam]
    private var finished: [Generation] = []  // best first, at most `width`

    /// Far below any real log-probability: what is scored like this is an answer by name only.
    private static let hopeless: Float = -1e9

    /// A search from `prompt`, the `index`-th of its call.
    init(_ prompt: [Int32], index: Int, options: DecodingOptions, rules: TokenRules, vocabularySize: Int) {
        width = options.beamCount
        promptLength = prompt.count
        self.options = options
        self.rules = rules
        self.index = index
        self.vocabularySize = vocabularySize
        // All beams begin at the one row of the prompt; only the first may be continued.
        running = (0..<width).map { Beam(row: 0, tokens: prompt, score: $0 == 0 ? 0 : Self.hopeless) }
    }

    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep {
        let length = running[0].tokens.count - promptLength + 1  // of the answers after this step
        let candidates = candidates(scores, length: length)
        if candidates.isEmpty {
            if rules.containsNaN(scores) { throw .notFinite(index: index) }
            return .finished(finished.first ?? generation(of: running[0], .noTokenAllowed))
        }
        let isLast = length == options.maxNewTokens
        finish(candidates, length: length, isLast: isLast)
        if isLast { return .finished(finished.first ?? generation(of: running[0], .length)) }
        continueBest(candidates)
        if isDone(length: length) { return .finished(finished.first ?? generation(of: running[0], .noTokenAllowed)) }
        defer { for beam in running.indices { running[beam].row = beam } }
        return .next(running.map { ($0.row, $0.tokens[$0.tokens.count - 1]) })
    }

    /// The best continuations of all beams: enough that `width` are left when each beam can also end.
    private func candidates(_ scores: UnsafeMutablePointer<Float>, length: Int) -> [TopCandidates.Candidate] {
        var top = TopCandidates(capacity: max(2, 1 + options.endTokens.count) * width)
        for (index, beam) in running.enumerated() {
            let row = scores + beam.row * vocabularySize
            if index == 0 || beam.row != running[index - 1].row {
                rules.apply(to: row, after: beam.tokens, newTokens: length - 1)
            }
            // A log-probability is at most 0 (and a rounding error).
            if beam.score + 1e-3 <= top.bound { continue }
            top.offer(row, count: vocabularySize, plus: beam.score, row: index)
        }
        return top.best
    }

    /// Keeps the candidates that end here. One that ranks below `width` is given up: it would push out a better one.
    private func finish(_ candidates: [TopCandidates.Candidate], length: Int, isLast: Bool) {
        for candidate in candidates.prefix(width) where isLast || isEnd(candidate.token) {
            // With more beams than tokens allowed, `transformers` counts hopeless answers as found and may stop at them.
            guard candidate.score > Self.hopeless / 2 else { continue }
            let answer = running[candidate.row].tokens[promptLength...] + [candidate.token]
            let score = candidate.score / penalty(length)
            let place = finished.lastIndex { ($0.score ?? 0) >= score }.map { $0 + 1 } ?? 0
            finished.insert(
                Generation(
                    tokenIds: Array(answer), score: score, finishReason: isEnd(candidate.token) ? .endToken : .length),
                at: place)
        }
        if finished.count > width { finished.removeLast(finished.count - width) }
    }

    /// Makes the best candidates that do not end here the new beams.
    private func continueBest(_ candidates: [TopCandidates.Candidate]) {
        // Where too few are left, ended ones go on with a hopeless score, as there.
        let open = candidates.filter { !isEnd($0.token) }, ended = candidates.filter { isEnd($0.token) }
        let kept = open.map { ($0, $0.score) } + ended.map { ($0, $0.score + Self.hopeless) }
        running = kept.prefix(width).map { candidate, score in
            let parent = running[candidate.row]
            return Beam(row: parent.row, tokens: parent.tokens + [candidate.token], score: score)
        }
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

    private func isEnd(_ token: Int32) -> Bool { options.endTokens.contains(token) }

    private func generation(of beam: Beam, _ reason: Generation.FinishReason) -> Generation {
        Generation(tokenIds: Array(beam.tokens[promptLength...]), score: nil, finishReason: reason)
    }
}
