import Foundation
import Tensors
import Testing

@testable import LanguageModels

/// Tokens that the kernel chooses, against the sorting version that it replaced.
@Suite("Drawing tokens") @Compute struct SamplerTests {
    nonisolated static let sizes = [1, 2, 15, 16, 17, 100, 1023, 1025, 5000]

    private func row(_ size: Int, _ random: inout SeededGenerator, round: Int) -> [Float] {
        (0..<size).map { token in
            if round % 5 == 4, token % 3 == 0 { return -.infinity }
            if round % 7 == 6, token % 11 == 5 { return .nan }
            return Float([0.5, 3, 20][round % 3] * random.normal())
        }
    }

    private func options(_ round: Int) -> DecodingOptions {
        var options = DecodingOptions(.sample)
        options.topK = [0, 1, 3, 40, 700, 9000][round % 6]
        options.topP = [1, 0.95, 0.5, 0.01, 0.9999][round / 2 % 5]
        options.minP = [0, 0.02, 0.3, 1][round / 3 % 4]
        options.temperature = [1, 0.6, 1.7, 0.01][round / 5 % 4]
        return options
    }

    @Test("candidates and draws", arguments: sizes)
    func draws(size: Int) throws {
        var random = SeededGenerator(seed: UInt64(size)), compared = 0
        for round in 0..<(size > 1000 ? 60 : 240) {
            let scores = row(size, &random, round: round)
            var options = options(round)
            options.seed = UInt64(round)
            var sampler = Sampler(options, prompt: 0), heap = HeapSampler(options)
            let found = sampler.choices(scores, count: size), expected = heap.choices(scores, count: size)
            #expect(found.map(\.token) == expected.map(\.token), "\(round)")
            for (a, b) in zip(found, expected) { #expect(abs(a.weight - b.weight) <= 1e-12 * b.weight) }
            for _ in 0..<5 {
                let token = sampler.draw(scores, count: size), other = heap.draw(scores, count: size)
                #expect(token == other, "\(round)")
                compared += token == nil ? 0 : 1
            }
        }
        #expect(compared >= 240)
    }

    @Test("of many rows at once the tokens of each by itself")
    func rows() throws {
        var random = SeededGenerator(seed: 3)
        let size = 2000, count = 70
        let scores = Tensor((0..<count).flatMap { row(size, &random, round: $0) }, shape: [count, size])
        let choices = scores.withMutableValues { buffer -> [TokenChoice] in
            guard let base = buffer.baseAddress else { return [] }
            return (0..<count).map { row in
                var sampler = Sampler(options(row), prompt: row)
                return TokenChoice(base + row * size, draw: row % 4 == 0 ? nil : sampler.next())
            }
        }
        let together = TokenSelection.choose(choices, vocabulary: size)
        #expect(together == choices.map { TokenSelection.choose($0, vocabulary: size) })
        #expect(Set(together).count > 20)
    }

    @Test("the first of the greatest scores", arguments: sizes)
    func greedy(size: Int) {
        var random = SeededGenerator(seed: 4)
        for round in 0..<50 {
            var scores = row(size, &random, round: round)
            if round % 2 == 0 { scores = scores.map { $0.rounded() } }
            var greatest = -Float.infinity, expected: Int32?
            for token in 0..<size where scores[token] > greatest {
                greatest = scores[token]
                expected = Int32(token)
            }
            let found = scores.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.flatMap { TokenSelection.choose(TokenChoice($0, draw: nil), vocabulary: size) }
            }
            #expect(found == expected)
        }
    }

    @Test("of equal scores at the end of a nucleus the first")
    func ties() {
        var options = DecodingOptions(.sample)
        options.topP = 0.6
        let found = Sampler(options, prompt: 0).choices([0, 1, 1, 0, 1, 1, 1], count: 7)
        // Five of weight 1, two of 1/e: 0.6 of 5.74 are reached by four.
        #expect(found.map(\.token) == [1, 2, 4, 5])
    }

    @Test("log-probabilities, and the most probable tokens", arguments: sizes)
    func distributions(size: Int) {
        var random = SeededGenerator(seed: 5)
        for round in 0..<30 {
            var scores = row(size, &random, round: round % 3)
            if round % 2 == 0 { scores = scores.map { $0.rounded() } }  // ties
            let best = [0, 1, 5, 20][round % 4]
            let found = scores.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { TokenSelection.describe($0, best: best, vocabulary: size) }
            }
            let greatest = Double(scores.max() ?? 0)
            let logSum = greatest + log(scores.reduce(0) { $0 + exp(Double($1) - greatest) })
            #expect(abs((found?.logSum ?? 0) - logSum) < 1e-12 * max(1, abs(logSum)))
            let sorted = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
            #expect(found?.best == sorted.prefix(best).map(Int32.init))
        }
    }
}

/// The sampler that was here before the kernel: a heap of the whole vocabulary, in doubles.
private struct HeapSampler {
    typealias Choice = Sampler.Choice
    private let options: DecodingOptions
    private var generator: SeededGenerator

    init(_ options: DecodingOptions) {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
    }

    mutating func draw(_ scores: [Float], count: Int) -> Int32? {
        let choices = choices(scores, count: count)
        var rest = generator.uniform() * choices.reduce(0) { $0 + $1.weight }
        for choice in choices {
            rest -= choice.weight
            if rest < 0 { return choice.token }
        }
        return choices.last?.token
    }

    func choices(_ scores: [Float], count: Int) -> [Choice] {
        var greatest = -Float.infinity
        for token in 0..<count { greatest = max(greatest, scores[token]) }
        guard greatest.isFinite else { return [] }
        let top = Double(greatest), temperature = options.temperature
        func choice(_ entry: (score: Float, token: Int32)) -> Choice {
            Choice(token: entry.token, weight: exp((Double(entry.score) - top) / temperature))
        }
        let isCut = (options.topK > 0 && options.topK < count) || options.topP < 1
        let entries = (0..<count).filter { scores[$0] > -.infinity }.map { (score: scores[$0], token: Int32($0)) }
        guard isCut else {
            return entries.map(choice).filter { $0.weight >= options.minP && $0.weight > 3.3e-308 }
        }
        var sorted = entries.sorted { ($1.score, $0.token) < ($0.score, $1.token) }[...]
        var best: [Choice] = []
        if options.topK > 0 {
            var last = -Float.infinity
            while let entry = sorted.first, best.count < options.topK || entry.score == last {
                last = entry.score
                best.append(choice(entry))
                sorted = sorted.dropFirst()
            }
            if options.topP < 1 { best = nucleus(best.makeIterator(), of: best.reduce(0) { $0 + $1.weight }) }
        } else {
            best = nucleus(sorted.map(choice).makeIterator(), of: sorted.reduce(0) { $0 + choice($1).weight })
        }
        return best.filter { $0.weight >= options.minP && $0.weight > 3.3e-308 }.sorted { $0.token < $1.token }
    }

    private func nucleus(_ choices: some IteratorProtocol<Choice>, of total: Double) -> [Choice] {
        var choices = choices, kept: [Choice] = [], mass = 0.0
        while mass < options.topP * total, let choice = choices.next() {
            kept.append(choice)
            mass += choice.weight
        }
        return kept
    }
}
