import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Beam search over made-up models with sharp distributions and small vocabularies, where beams end, overtake each
/// other and run out, against a literal version that sorts all candidates.
@Suite("Beam search against a plain version") struct GenerationBeamTests {
    struct Setting: Sendable, CustomTestStringConvertible {
        var width, vocabulary: Int
        var lengthPenalty: Double
        var earlyStopping: DecodingOptions.EarlyStopping
        var testDescription: String { "\(width) of \(vocabulary), penalty \(lengthPenalty), stop \(earlyStopping)" }
    }

    static let settings = [2, 3, 6].flatMap { width in
        [7, 12, 40].flatMap { vocabulary in
            zip([1, 0.5, 2, 0, -1], [.no, .yes, .never, .never, .yes] as [DecodingOptions.EarlyStopping]).map {
                Setting(width: width, vocabulary: vocabulary, lengthPenalty: $0, earlyStopping: $1)
            }
        }
    }

    @Test("answers of 60 models each", arguments: settings)
    func answers(setting: Setting) throws {
        for seed in 0..<60 {
            var options = DecodingOptions(.beam(width: setting.width), maxNewTokens: 9)
            options.endTokens = seed % 3 == 0 ? [] : seed % 3 == 1 ? [1] : [1, 2, 3, 4]
            options.lengthPenalty = setting.lengthPenalty
            options.earlyStopping = setting.earlyStopping
            let model = SharpModel(vocabulary: setting.vocabulary, seed: UInt64(seed), sharpness: 1 + Double(seed % 7))
            let expected = model.plainBeamSearch([0], options)
            let found = try model.beamSearch([0], options)
            #expect(found.tokenIds == expected.tokens, "model \(seed)")
            #expect(found.score == expected.score, "model \(seed)")
        }
    }
}

/// Log-probabilities that depend on the tokens so far and a seed.
private struct SharpModel {
    let vocabulary: Int
    let seed: UInt64
    let sharpness: Double

    func scores(_ tokens: [Int32]) -> [Float] {
        var generator = SeededGenerator(
            seed: tokens.reduce(seed) { ($0 &+ UInt64($1) &+ 1) &* 0x9e37_79b9_7f4a_7c15 })
        let logits = (0..<vocabulary).map { _ in sharpness * generator.normal() }
        let total = log(logits.reduce(0) { $0 + exp($1) })
        return logits.map { Float($0 - total) }
    }

    func beamSearch(_ prompt: [Int32], _ options: DecodingOptions) throws -> Generation {
        let rules = TokenRules(options, vocabularySize: vocabulary)
        let search = BeamSearch(prompt, index: 0, options: options, rules: rules, vocabularySize: vocabulary)
        var rows = [prompt]
        while true {
            var scores = rows.flatMap(scores)
            let step = try scores.withUnsafeMutableBufferPointer { buffer in
                try search.advance(try #require(buffer.baseAddress))
            }
            if let (_, generation) = step.finished.first { return generation }
            rows = step.next.map { rows[$0.row] + [$0.token] }
        }
    }

    /// The algorithm of `transformers` 5, step by step as written there.
    func plainBeamSearch(_ prompt: [Int32], _ options: DecodingOptions) -> (tokens: [Int32], score: Float) {
        typealias Slot = (score: Float, tokens: [Int32], isDone: Bool)
        let width = options.width, hopeless: Float = -1e9
        var running = (0..<width).map { (score: $0 == 0 ? 0 : hopeless, tokens: prompt) }
        var finished = [Slot](repeating: (hopeless, prompt, false), count: width)
        var length = 0, isImprovable = true
        while true {
            length += 1
            var all = running.flatMap { beam in
                scores(beam.tokens).enumerated().map { (score: $1 + beam.score, tokens: beam.tokens + [Int32($0)]) }
            }
            all = Array(all.sorted { $0.score > $1.score }.prefix(max(2, 1 + options.endTokens.count) * width))
            let hits = all.map { options.endTokens.contains($0.tokens.last ?? -1) || length == options.maxNewTokens }
            let open = zip(all, hits).map { ($0.score + ($1 ? hopeless : 0), $0.tokens) }
            running = Array(open.sorted { $0.0 > $1.0 }.prefix(width))
            let wasFull = options.earlyStopping == .yes && finished.allSatisfy(\.isDone)
            for (rank, (candidate, isHit)) in zip(all, hits).enumerated() {
                let isDone = isHit && rank < width
                var score = candidate.score / Float(pow(Double(length), options.lengthPenalty))
                for isBarred in [wasFull, !isImprovable, !isDone] where isBarred { score += hopeless }
                finished.append((score, candidate.tokens, isDone))
            }
            finished = Array(finished.sorted { $0.score > $1.score }.prefix(width))
            let assumed = options.earlyStopping == .never && options.lengthPenalty > 0 ? options.maxNewTokens : length
            let best = running[0].score / Float(pow(Double(assumed), options.lengthPenalty))
            let worst = finished.map(\.score).min() ?? hopeless
            isImprovable = isImprovable && finished.contains { best > ($0.isDone ? worst : hopeless) }
            let isFull = options.earlyStopping == .yes && finished.allSatisfy(\.isDone)
            if !isImprovable || isFull || hits.allSatisfy({ $0 }) { break }
        }
        return (Array(finished[0].tokens.dropFirst(prompt.count)), finished[0].score)
    }
}
