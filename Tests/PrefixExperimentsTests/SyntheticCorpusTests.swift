import Foundation
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

@Suite("Generated pretraining text")
struct SyntheticCorpusTests {
    static let documents: [String] = {
        var corpus = SyntheticCorpus(seed: 20)
        return (0..<20_000).map { _ in corpus.nextDocument() }
    }()

    @Test("The same seed gives the same documents, another seed others")
    func determinism() {
        var first = SyntheticCorpus(seed: 5)
        var second = SyntheticCorpus(seed: 5)
        var other = SyntheticCorpus(seed: 6)
        let documents = (0..<500).map { _ in first.nextDocument() }
        #expect(documents == (0..<500).map { _ in second.nextDocument() })
        #expect(documents != (0..<500).map { _ in other.nextDocument() })
    }

    @Test("Random numbers are those of SplitMix64")
    func splitMix() {
        // The published test sequence of SplitMix64 for seed 1234567.
        var random = SeededRandom(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ]
        #expect((0..<5).map { _ in random.next() } == expected)
    }

    @Test(
        "At least 23 topics and 70 attributes, each with several phrases"
    )
    func schema() {
        #expect(SyntheticSchema.topics.count >= 23)
        var keys: Set<String> = []
        for topic in SyntheticSchema.topics {
            #expect(topic.attributes.count >= 5, "\(topic.name)")
            #expect(Set(topic.attributes.map(\.key)).count == topic.attributes.count, "\(topic.name)")
            for attribute in topic.attributes {
                keys.insert(attribute.key)
                #expect(attribute.phrases.count >= 3, "\(attribute.key)")
                #expect(attribute.phrases.allSatisfy { !$0.before.isEmpty }, "\(attribute.key)")
            }
        }
        #expect(keys.count >= 70)
    }

    @Test("The table-to-text task's layout never occurs")
    func noTaskLayout() throws {
        // Two pairs with spaced colons and a spaced bar between them, and, stricter, a bar between colons on one line.
        let layout = try Regex(#"\S : [^\n]*\S \| \S"#)
        let reversed = try Regex(#"\S \| [^\n]*\S : \S"#)
        for document in Self.documents where document.contains(" : ") && document.contains(" | ") {
            #expect(document.firstMatch(of: layout) == nil, "\(document)")
            #expect(document.firstMatch(of: reversed) == nil, "\(document)")
        }
    }

    @Test("Layouts draw the spaced colon and the spaced bar, but not together")
    func separatorsOccurApart() {
        #expect(Self.documents.contains { $0.contains(" : ") })
        #expect(Self.documents.contains { $0.contains(" | ") })
    }

    @Test("Documents are short, not empty, and end without an end-of-text token")
    func shape() {
        for document in Self.documents {
            #expect((10...1600).contains(document.utf8.count), "\(document)")
            #expect(!document.hasSuffix(SyntheticCorpus.endOfText))
            #expect(!document.hasPrefix(SyntheticCorpus.endOfText))
        }
    }

    @Test("About 15% of the joins between record and text are the end-of-text token")
    func endOfTextJoins() {
        // Record-to-text pairs are 0.64 · 0.72 of the documents, tables of two entities 0.07.
        let share =
            Double(Self.documents.count { $0.contains(SyntheticCorpus.endOfText) }) / Double(Self.documents.count)
        #expect((0.06...0.10).contains(share))
    }

    @Test("Names are compositional: most are new")
    func names() {
        var random = SeededRandom(seed: 1)
        let names = (0..<20_000).map { _ in random.properName() }
        #expect(Double(Set(names).count) > 0.75 * Double(names.count))
    }

    @Test("Probes mark names and values that stand in their prompt")
    func probes() throws {
        let probes = SyntheticCorpus.heldOutProbes(seed: 9, count: 300)
        #expect(probes.count == 300)
        for probe in probes {
            let bytes = Array(probe.continuation.utf8)
            #expect(!probe.values.isEmpty)
            for range in probe.copied {
                let text = String(decoding: bytes[range], as: UTF8.self)
                #expect(probe.prompt.contains(text), "\(text) is not in \(probe.prompt)")
            }
            for range in probe.values { #expect(probe.copied.contains(range)) }
        }
        let again = SyntheticCorpus.heldOutProbes(seed: 9, count: 300)
        #expect(probes.map(\.prompt) == again.map(\.prompt))
        #expect(probes.map(\.prompt) != SyntheticCorpus.heldOutProbes(seed: 10, count: 300).map(\.prompt))
    }
}
