import Foundation
import TestSupport
import Testing

@testable import TextMetrics

/// METEOR against its own program, `meteor-1.5.jar` (Tests/Goldens/meteor/generate.py), with word lists, synonyms and paraphrases
/// that lie beside the goldens; METEOR's own are in ``METEORRealTests``.
@Suite("METEOR against its jar") struct METEORTests {
    struct Scored: Decodable {
        var scores: [Double]
        var corpus: Double
    }

    static let folder = Fixtures.goldens.appendingPathComponent("meteor")
    static let own = folder.appendingPathComponent("own")

    static func golden<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    @Test("every rule of the stemmer")
    func stems() throws {
        let stems = try Self.golden("stems.json", as: [String: String].self)
        #expect(stems.count > 1700)
        let stemmer = EnglishStemmer()
        for (word, stem) in stems { #expect(stemmer.stem(word) == stem, "\(word)") }
    }

    @Test("hard lines as the original normaliser cuts them")
    func words() throws {
        struct Line: Decodable {
            var text: String
            var words: [String]
        }
        let lines = try Self.golden("words.json", as: [Line].self)
        #expect(lines.count > 30)
        for line in lines {
            #expect(
                METEORNormalizer().words(of: line.text).map { Token($0) } == line.words.map { Token($0) },
                "\(line.text)")
        }
    }

    @Test("the lists that the goldens were made with are those of the package")
    func lists() throws {
        let read = try METEORResources(meteorFolder: Self.own)
        #expect(read.functionWords == METEORWords.function)
        #expect(read.abbreviations.always == METEORAbbreviations.own.always)
        #expect(read.abbreviations.beforeNumbers == METEORAbbreviations.own.beforeNumbers)
        #expect(METEORWords.function.count > 150)
    }

    @Test("made-up texts, and corpora at the edges, with each set of modules")
    func madeUp() throws {
        let goldens = try Self.golden("scores.json", as: [String: [String: Scored]].self)
        var corpora = try MetricGoldens.read("edges.json", as: [String: MetricGoldens.Corpus].self)
        corpora["synthetic"] = try MetricGoldens.read("synthetic.json")
        let resources = try METEORResources(meteorFolder: Self.own)
        #expect(resources.paraphrases?.longest == 5)
        var worst: [String: Double] = [:]
        for (name, corpus) in corpora {
            let golden = try #require(goldens[name])
            #expect(golden.count == 5)
            for (set, expected) in golden {
                let modules = set.split(separator: ",")[0].split(separator: " ").compactMap {
                    METEOR.Module(rawValue: String($0))
                }
                var metric = METEOR(resources: resources, modules: modules)
                metric.normalizes = !set.hasSuffix("lower")
                let difference = try greatestDifference(metric, corpus.predictions, corpus.references, expected, set)
                worst[set] = max(worst[set] ?? 0, difference)
            }
        }
        print("METEOR: greatest differences from the jar on made-up texts: \(worst.sorted { $0.key < $1.key })")
        let synthetic = try #require(goldens["synthetic"])
        let totals = ["exact", "exact stem", "exact stem synonym", "exact stem synonym paraphrase"].map {
            synthetic[$0]?.corpus ?? 0
        }
        #expect(Set(totals).count == 4, "every module should change the score")
    }

    @Test("WordNet's own files give the same synonyms")
    func wordNet() throws {
        let resources = try METEORResources(wordNetFolder: Self.own.appendingPathComponent("wordnet"))
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let golden = try Self.golden("scores.json", as: [String: [String: Scored]].self)["synthetic"]?[
            "exact stem synonym"]
        let metric = METEOR(resources: resources)
        #expect(metric.modules == [.exact, .stem, .synonym])
        _ = try greatestDifference(metric, corpus.predictions, corpus.references, try #require(golden), "WordNet")
    }

    @Test("the reports of the suites prepare texts as the scripts do")
    func suites() throws {
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let golden = try Self.golden("suites.json", as: [String: Double].self)
        #expect(golden.count == 3)
        try Self.compareSuites(golden, corpus.predictions, corpus.references)
    }

    /// The goldens are those of exact matches and stems.
    static func compareSuites(
        _ golden: [String: Double], _ predictions: [String], _ references: [[String]]
    ) throws {
        for (name, expected) in golden {
            let suite = try #require(EvaluationSuite(rawValue: name)), scale = suite == .e2e ? 100.0 : 1
            let report = try EvaluationReport.evaluate(
                predictions: predictions, references: references, suite: suite, meteor: METEORResources())
            let score = try #require(report.scores.first { $0.name == "METEOR" })
            #expect(abs(score.value / scale - expected) < 1e-12, "\(suite): \(score.value), jar \(expected)")
            #expect(score.description.hasPrefix("METEOR 1.5, exact stem synonym(none)"))
        }
    }

    @Test("the name says which data is in use")
    func names() throws {
        #expect(
            METEOR().name
                == "METEOR 1.5, exact stem synonym(none) paraphrase(none), function words(own list)")
        #expect(
            METEOR(resources: try METEORResources(meteorFolder: Self.own)).name
                == "METEOR 1.5, exact stem synonym(METEOR's WordNet 3) paraphrase(METEOR's), function words(METEOR's)")
        #expect(METEOR(modules: [.exact]).name.hasPrefix("METEOR 1.5, exact synonym(none)"))
    }

    @Test("missing and broken files are errors that name them")
    func broken() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meteor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: MetricError.self) { try METEORResources(meteorFolder: folder) }
        #expect(throws: MetricError.self) { try METEORResources(wordNetFolder: folder) }
        let file = folder.appendingPathComponent("paraphrase-en.gz")
        #expect(throws: MetricError.self) { try METEORParaphrases(file) }
        try Data("0.5\na b\n".utf8).write(to: file)
        let cut = MetricError.malformedLine(
            path: file.path, line: 2, reason: "a pair of paraphrases has three lines; the last is cut off.")
        #expect(throws: cut) { try METEORParaphrases(file) }
        let packed = try Data(contentsOf: Self.own.appendingPathComponent("paraphrase-en.gz"))
        try packed.prefix(packed.count / 2).write(to: file)
        #expect(throws: MetricError.self) { try METEORParaphrases(file) }
        try Data("dog n x 0 1 0 1\n".utf8).write(to: folder.appendingPathComponent("index.noun"))
        #expect(throws: MetricError.self) { try METEORResources(wordNetFolder: folder) }
        #expect(throws: MetricError.emptyCorpus) { try METEOR().score(predictions: [], references: []) }
    }

    @Test("a phrase that the table comes back to keeps its earlier paraphrases")
    func comesBack() throws {
        let table = try METEORParaphrases(Self.own.appendingPathComponent("paraphrase-en.gz"))
        var phrase = PhraseHash()
        phrase.append(PhraseHash.word("in".utf8))
        phrase.append(PhraseHash.word("the".utf8))
        #expect(table.entries(of: phrase.value).map(\.length) == [2, 2, 2])
        #expect(table.entries(of: 1).isEmpty)
    }

    @Test("phrases that take turns keep each paraphrase twice at most")
    func takesTurns() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("turns-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(String(repeating: "1\na\nx\n1\nb\ny\n", count: 1000).utf8).write(to: file)
        let table = try METEORParaphrases(file)
        #expect(table.count <= 2 * 2000)
        for word in ["a", "b"] {
            var phrase = PhraseHash()
            phrase.append(PhraseHash.word(word.utf8))
            #expect(table.entries(of: phrase.value).count == 1000)
        }
    }
}

/// Compares the corpus and its first instances; all must be equal but for rounding.
func greatestDifference(
    _ metric: METEOR, _ predictions: [String], _ references: [[String]], _ golden: METEORTests.Scored, _ what: String
) throws -> Double {
    let scores = try metric.instanceScores(predictions: predictions, references: references)
    var worst = abs(try metric.score(predictions: predictions, references: references) - golden.corpus)
    #expect(worst < 1e-12, "\(what): corpus, \(golden.corpus)")
    for (index, (score, expected)) in zip(scores, golden.scores).enumerated() {
        worst = max(worst, abs(score - expected))
        #expect(abs(score - expected) < 1e-12, "\(what), \(index): \(score), jar \(expected): \(predictions[index])")
    }
    return worst
}
