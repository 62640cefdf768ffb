import Foundation
import Tensors

/// Draws tokens from softmax(scores / temperature), cut off by top-k, then top-p, then min-p.
///
/// The cuts keep the most probable tokens, so these are taken from a heap until the cut is reached; the vocabulary is
/// never sorted.
struct Sampler {
    /// A token and its share of the probability, relative to the most probable token.
    struct Choice {
        let token: Int32
        let weight: Double
    }

    private let options: DecodingOptions
    private var generator: SeededGenerator

    /// A sampler for an answer to the `prompt`-th prompt of a call: its draws depend on the seed and these numbers alone.
    init(_ options: DecodingOptions, prompt: Int, answer: Int = 0) {
        self.options = options
        generator = SeededGenerator(seed: Self.seed(options, prompt: prompt, answer: answer))
    }

    static func seed(_ options: DecodingOptions, prompt: Int, answer: Int) -> UInt64 {
        options.seed &+ UInt64(prompt) &* 0xd134_2543_de82_ef95 &+ UInt64(answer) &* 0xa076_1d64_78bd_642f
    }

    /// A token, or nil where all scores are −∞ or one is no number.
    mutating func draw(_ scores: UnsafePointer<Float>, count: Int) -> Int32? {
        let choices = choices(scores, count: count)
        var rest = generator.uniform() * choices.reduce(0) { $0 + $1.weight }
        for choice in choices {
            rest -= choice.weight
            if rest < 0 { return choice.token }
        }
        return choices.last?.token
    }

    /// The tokens that can be drawn, in the order of their numbers (so that rounding errors move no draw).
    func choices(_ scores: UnsafePointer<Float>, count: Int) -> [Choice] {
        var greatest = -Float.infinity
        for token in 0..<count { greatest = max(greatest, scores[token]) }
        guard greatest.isFinite else { return [] }
        let top = Double(greatest), temperature = options.temperature
        func choice(_ entry: TokenHeap.Entry) -> Choice {
            Choice(token: entry.token, weight: exp((Double(entry.score) - top) / temperature))
        }
        let isCut = (options.topK > 0 && options.topK < count) || options.topP < 1
        guard isCut else {
            return (0..<count).lazy.filter { scores[$0] > -.infinity }
                .map { choice((scores[$0], Int32($0))) }.filter { $0.weight >= options.minP && $0.weight > 0 }
        }
        var heap = TokenHeap(scores, count: count)
        var best: [Choice] = []
        if options.topK > 0 {
            var last = -Float.infinity
            while let entry = heap.first, best.count < options.topK || entry.score == last {
                last = entry.score
                best.append(choice(entry))
                heap.removeFirst()
            }
            if options.topP < 1 { best = nucleus(best.lazy.makeIterator(), of: best.reduce(0) { $0 + $1.weight }) }
        } else {
            let total = heap.entries.reduce(0) { $0 + choice($1).weight }
            best = nucleus(AnyIterator { heap.removeFirst().map(choice) }, of: total)
        }
        return best.filter { $0.weight >= options.minP && $0.weight > 0 }.sorted { $0.token < $1.token }
    }

    /// The first choices, best first, that reach the fraction top-p of `total`; the one that crosses it included.
    private func nucleus(_ choices: some IteratorProtocol<Choice>, of total: Double) -> [Choice] {
        var choices = choices, kept: [Choice] = [], mass = 0.0
        while mass < options.topP * total, let choice = choices.next() {
            kept.append(choice)
            mass += choice.weight
        }
        return kept
    }
}

/// Scored tokens, of which the best is at hand (a binary heap).
struct TokenHeap {
    typealias Entry = (score: Float, token: Int32)

    private(set) var entries: [Entry]

    /// The tokens whose score is greater than −∞.
    init(_ scores: UnsafePointer<Float>, count: Int) {
        entries = (0..<count).lazy.filter { scores[$0] > -.infinity }.map { (scores[$0], Int32($0)) }
        for parent in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }

    /// The best.
    var first: Entry? { entries.first }

    /// Takes the best out.
    @discardableResult
    mutating func removeFirst() -> Entry? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else { return last }
        entries[0] = last
        sink(0)
        return first
    }

    private mutating func sink(_ start: Int) {
        entries.withUnsafeMutableBufferPointer { entries in
            var parent = start
            while true {
                var child = 2 * parent + 1
                guard child < entries.count else { return }
                if child + 1 < entries.count, entries[child + 1].score > entries[child].score { child += 1 }
                guard entries[child].score > entries[parent].score else { return }
                entries.swapAt(child, parent)
                parent = child
            }
        }
    }
}
