import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// What changes and selects scores, against plain versions that sort and search everything.
@Suite("Scores: rules and selection") struct GenerationRulesTests {
    private func scores(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
        // Few distinct values: many ties.
        (0..<count).map { _ in Float((generator.normal() * 4).rounded()) / 2 }
    }

    private func applying(_ options: DecodingOptions, to scores: [Float], after tokens: [Int32], newTokens: Int = 0)
        -> [Float]
    {
        var scores = scores
        let rules = TokenRules(options, vocabularySize: scores.count)
        scores.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { rules.apply(to: base, after: tokens, newTokens: newTokens) }
        }
        return scores
    }

    @Test("the best candidates are those of a stable sort")
    func topCandidates() {
        var generator = SeededGenerator(seed: 1)
        for round in 0..<200 {
            let capacity = 1 + round % 12, count = 1 + round % 37
            var top = TopCandidates(capacity: capacity), all: [TopCandidates.Candidate] = []
            for row in 0..<3 {
                var values = scores(count, &generator)
                if round % 3 == 0 { values[0] = -.infinity }
                let offset = Float(generator.normal().rounded())
                top.offer(values, count: count, plus: offset, row: row)
                all += values.enumerated().map { .init(score: $1 + offset, row: row, token: Int32($0)) }
            }
            let expected = all.filter { $0.score > -.infinity }.sorted { $0.score > $1.score }.prefix(capacity)
            #expect(top.best == Array(expected))
        }
        var top = TopCandidates(capacity: 2)
        top.offer([.nan, -.infinity, .nan], count: 3, plus: 0, row: 0)
        #expect(top.best.isEmpty)
    }

    @Test("no n-gram occurs twice, and nothing else is forbidden", arguments: 1...4)
    func repeats(size: Int) {
        var generator = SeededGenerator(seed: 2)
        var options = DecodingOptions()
        options.noRepeatNGramSize = size
        for length in 0..<40 {
            let tokens = (0..<length).map { _ in Int32(generator.next() % 4) }
            let found = applying(options, to: [0, 0, 0, 0], after: tokens)
            for next in 0..<Int32(4) {
                let longer = tokens + [next]
                let grams = longer.indices.dropLast(size - 1).map { Array(longer[$0..<$0 + size]) }
                let isRepeat = grams.last.map { grams.dropLast().contains($0) } ?? false
                #expect((found[Int(next)] == -.infinity) == isRepeat)
            }
        }
    }

    @Test("repetition penalty: once per token, by sign")
    func repetition() {
        var options = DecodingOptions()
        options.repetitionPenalty = 2
        #expect(applying(options, to: [3, -3, 0, 5], after: [0, 1, 0, 2, 1]) == [1.5, -6, 0, 5])
    }

    @Test("forbidden tokens and sequences, least length")
    func forbidden() {
        let no = -Float.infinity
        var options = DecodingOptions(endTokens: [4])
        options.forbiddenTokens = [0]
        options.forbiddenSequences = [[1], [4], [2, 3], [5, 5, 2]]
        options.minNewTokens = 2
        let zeros = [Float](repeating: 0, count: 6)
        #expect(applying(options, to: zeros, after: [3], newTokens: 0) == [no, no, 0, 0, no, 0])
        #expect(applying(options, to: zeros, after: [2], newTokens: 2) == [no, no, 0, no, 0, 0])
        #expect(applying(options, to: zeros, after: [5, 5], newTokens: 2) == [no, no, no, 0, 0, 0])
        options.forbiddenTokens = [4]
        #expect(applying(options, to: zeros, after: [3], newTokens: 2) == [0, no, 0, 0, no, 0])
    }

    @Test("top-k, top-p and min-p of a large vocabulary")
    func cuts() {
        var generator = SeededGenerator(seed: 3)
        let size = 5000
        for (k, p, minimum) in [(1, 1.0, 0.0), (50, 1, 0), (0, 0.9, 0), (0, 0.3, 0), (400, 0.7, 0.05), (9000, 1, 0.2)] {
            var options = DecodingOptions(.sample)
            (options.topK, options.topP, options.minP, options.temperature) = (k, p, minimum, 1.3)
            let values = (0..<size).map { _ in Float(3 * generator.normal()) }
            let weights = values.map { exp(Double($0) / 1.3) }
            var kept = weights.indices.sorted { weights[$0] > weights[$1] }
            if k > 0 { kept = Array(kept.prefix(k)) }
            let total = kept.reduce(0) { $0 + weights[$1] }
            var mass = 0.0
            kept = kept.filter { index in
                defer { mass += weights[index] }
                return mass < p * total
            }
            kept = kept.filter { weights[$0] >= minimum * (weights.max() ?? 0) }
            let choices = Sampler(options, prompt: 0).choices(values, count: size)
            #expect(choices.map { Int($0.token) } == kept.sorted())
        }
        // All four ties with the second largest stay.
        var options = DecodingOptions(.sample)
        options.topK = 2
        #expect(
            probabilities([2, 1, 1, 0, 1, 1], after: [], options).map { $0 > 0 } == [
                true, true, true, false, true, true,
            ])
    }

    /// Of one prompt: one draw after another. Across prompts: the first draw of each.
    @Test("draws follow the distribution", arguments: [true, false])
    func draws(ofOnePrompt: Bool) throws {
        let values: [Float] = [0, 1, -1, 2, 0.5, -.infinity, 1.5, -2]
        var options = DecodingOptions(.sample)
        options.temperature = 0.8
        options.seed = 42
        let expected = probabilities(values, after: [], options)
        var sampler = Sampler(options, prompt: 3), counts = [Int](repeating: 0, count: values.count)
        let draws = 40_000
        for index in 0..<draws {
            if !ofOnePrompt { sampler = Sampler(options, prompt: index) }
            let token = sampler.draw(values, count: values.count)
            counts[Int(try #require(token))] += 1
        }
        #expect(counts[5] == 0)
        var chiSquare = 0.0
        for (count, probability) in zip(counts, expected) where probability > 0 {
            let mean = Double(draws) * Double(probability)
            chiSquare += (Double(count) - mean) * (Double(count) - mean) / mean
        }
        // 6 degrees of freedom: 22.5 is exceeded once in a thousand seeds.
        #expect(chiSquare < 22.5)
    }

    @Test("nothing to draw from")
    func nothing() {
        var sampler = Sampler(DecodingOptions(.sample), prompt: 0)
        for values in [[-Float.infinity, -.infinity], [.nan, .nan]] {
            let token = sampler.draw(values, count: 2)
            #expect(token == nil)
        }
    }
}
