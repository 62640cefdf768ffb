import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Testing

/// Scores of given completions, and the texts that answers become.
@Suite("Scoring") @Compute struct ScoringTests {
    struct Case: Decodable {
        var prompt_ids, completion_ids: [Int32]
        var logprobs, logprobs_without_prefix: [Double]

        var example: TokenizedExample {
            TokenizedExample(tokens: prompt_ids + completion_ids, targetStart: prompt_ids.count)
        }
    }

    @Test("log-probabilities equal PEFT's, whatever goes through the model together", arguments: [1, 12, 10000])
    func logProbabilities(tokensPerPass: Int) throws {
        let model = try TinyModel.golden("tied"), shape = model.network.shape
        let prefix = try Prefix(folder: PrefixGolden.folder.appendingPathComponent("adapter-flat"), model: shape)
        let cases: [Case] = try PrefixGolden.decode("adapter-flat/logprobs.json")
        for (start, expected) in [
            (try prefix.keyValues(for: shape), cases.map(\.logprobs)), (nil, cases.map(\.logprobs_without_prefix)),
        ] {
            let scorer = Scorer(model.network, after: start, tokensPerPass: tokensPerPass)
            let scores = try scorer.score(cases.map(\.example))
            #expect(scores.map(\.token_ids) == cases.map(\.completion_ids))
            var perplexity = Perplexity()
            for (score, expected) in zip(scores, expected) {
                try #require(score.logprobs.count == expected.count)
                for (found, expected) in zip(score.logprobs, expected) { #expect(abs(Double(found) - expected) < 1e-5) }
                perplexity.add(score)
            }
            let all = expected.flatMap { $0 }
            #expect(perplexity.tokens == all.count)
            #expect(abs(perplexity.value / exp(-all.reduce(0, +) / Double(all.count)) - 1) < 1e-5)
        }
    }

    @Test("tokens beyond the vocabulary are refused before anything is scored", arguments: [64, -1] as [Int32])
    func unknownToken(token: Int32) throws {
        let model = try TinyModel.golden("tied")
        let good = TokenizedExample(tokens: [1, 2], targetStart: 1)
        let bad = TokenizedExample(tokens: [1, token], targetStart: 1)
        #expect(throws: ScoringError.unknownToken(token, vocabulary: 64)) {
            try Scorer(model.network).score([good, bad]) { _ in Issue.record("a score was given") }
        }
    }

    @Test("scores that are no numbers are an error that names the example")
    func notFinite() throws {
        let model = try TinyModel.golden("tied"), shape = model.network.shape
        let huge = try Prefix(
            length: 1, values: [Float](repeating: 3e38, count: shape.prefixRowWidth), shape: shape)
        let scorer = Scorer(model.network, after: try huge.keyValues(for: shape))
        #expect(throws: ScoringError.notFinite(example: 1)) {
            try scorer.score([TokenizedExample(tokens: [1, 2], targetStart: 1)])
        }
    }

    @Test(
        "answers about tables are cleaned as the authors' script does",
        arguments: [
            (" The X pub , by Y . It 's cheap !  ", "The X pub, by Y. It's cheap!"),
            (" they do n't , we 've , you 're , I 'm , who ?", "they don't, we've, you're, I'm, who?"),
            (" the ' old ' inn", "the'old'inn"), ("", "Error"), (" \n ", "Error"),
        ])
    func answers(answer: String, text: String) {
        for task in [TuningTask.e2e, .webnlg, .dart] { #expect(task.text(ofAnswer: answer) == text) }
        #expect(TuningTask.jsonl.text(ofAnswer: answer) == answer)
    }
}
