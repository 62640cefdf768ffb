import Foundation
import PrefixTuning
import TestSupport
import Testing

@testable import TextMetrics

/// Real articles and their summaries against `rouge_score` (Tests/Goldens/rouge/generate.py).
@Suite(
    "ROUGE on Wikinews",
    .enabled(if: Fixtures.sharedData != nil, "needs the shared data sets: set PREFIXTUNE_DATA to their folder"))
struct ROUGEWikinewsTests {
    struct Golden: Decodable {
        /// F1 of ROUGE-1, ROUGE-2 and ROUGE-L of the first articles.
        var scores: [[Double]]
        var mean: [Double]
        var words: Int
        /// FNV-1a of all different words, each with its stem.
        var stems: String
    }

    private let golden: Golden
    private let examples: [Example]

    init() throws {
        golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent("rouge/wikinews.json")))
        let folder = try #require(Fixtures.sharedData)
        examples = try TuningTask.xsum.read(folder.appendingPathComponent("summarization/wikinews/test.jsonl.gz"))
    }

    @Test("the first 30 words of 1,000 articles as their summaries")
    func scores() throws {
        #expect(examples.count == 1000)
        let predictions = examples.map { $0.prompt.pythonWords.prefix(30).joined(separator: " ") }
        let scores = try ROUGE().scores(predictions: predictions, references: examples.map(\.references))
        var worst = 0.0
        for (found, expected) in zip(scores, golden.scores) {
            for (value, expected) in zip([found.rouge1, found.rouge2, found.rougeL], expected) {
                worst = max(worst, abs(value - expected))
            }
        }
        let mean = try ROUGE().score(predictions: predictions, references: examples.map(\.references))
        for (value, expected) in zip([mean.rouge1, mean.rouge2, mean.rougeL], golden.mean) {
            worst = max(worst, abs(value - expected))
        }
        print("ROUGE on Wikinews: greatest difference from rouge_score \(worst)")
        #expect(worst < 1e-12)
    }

    @Test("the stems of all their words")
    func stems() {
        var known: Set<String> = []
        for example in examples {
            for scalars in example.prompt.lowercased().utf8.split(whereSeparator: { byte in
                !(0x61...0x7A).contains(byte) && !byte.isASCIIDigit
            }) { known.insert(String(decoding: scalars, as: UTF8.self)) }
        }
        #expect(known.count == golden.words)
        let stemmer = PorterStemmer()
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in known.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            for byte in Array(word.utf8) + [0x20] + stemmer.stem(Array(word.utf8)) + [0x0A] {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        #expect(String(format: "%016llx", hash) == golden.stems)
    }
}
