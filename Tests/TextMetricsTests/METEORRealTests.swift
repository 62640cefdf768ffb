import Foundation
import TestSupport
import Testing

@testable import TextMetrics

/// METEOR against its jar on outputs made from the real test sets. What needs METEOR's own data or Debian's WordNet is skipped
/// where they are not; see ``METEORResources``.
@Suite(
    "METEOR on real data",
    .enabled(if: Fixtures.sharedData != nil, "needs the E2E and WebNLG test sets (PREFIXTUNE_DATA)"), .serialized)
struct METEORRealTests {
    struct Real: Decodable {
        var instances: Int
        /// By "own", "debian" or "meteor" and the modules; the scores are those of the first 250 instances.
        var sets: [String: METEORTests.Scored]
        var suites: [String: Double]
    }

    static let meteorFolder = ProcessInfo.processInfo.environment["PREFIXTUNE_METEOR_DATA"].map {
        URL(fileURLWithPath: $0)
    }
    static let wordNet = URL(fileURLWithPath: "/usr/share/wordnet")
    static let hasWordNet = FileManager.default.fileExists(atPath: "/usr/share/wordnet/index.noun")

    @Test("exact matches and stems, with the lists of the package", arguments: ["e2e", "webnlg"])
    func own(name: String) throws { try compare(name, "own", METEORResources()) }

    @Test(
        "synonyms of Debian's WordNet",
        .enabled(if: hasWordNet, "needs WordNet (Debian's package wordnet-base)"), arguments: ["e2e", "webnlg"])
    func debian(name: String) throws { try compare(name, "debian", METEORResources(wordNetFolder: Self.wordNet)) }

    @Test(
        "METEOR's own data, all modules",
        .enabled(if: meteorFolder != nil, "needs the unpacked meteor-1.5.jar (PREFIXTUNE_METEOR_DATA)"))
    func official() throws {
        let clock = ContinuousClock(), start = clock.now
        let resources = try METEORResources(meteorFolder: #require(Self.meteorFolder))
        print("METEOR: its own data read in \(clock.now - start)")
        for name in ["e2e", "webnlg"] { try compare(name, "meteor", resources) }
    }

    @Test("the report of a data set prepares texts as its script does", arguments: ["e2e", "webnlg"])
    func suites(name: String) throws {
        let golden = try #require(try METEORTests.golden("real.json", as: [String: Real].self)[name])
        let folder = try #require(Fixtures.sharedData)
        let (predictions, references) = MetricGoldens.systemOutputs(try MetricGoldens.realReferences(name, in: folder))
        try METEORTests.compareSuites(golden.suites.filter { $0.key == name }, predictions, references)
    }

    private func compare(_ name: String, _ prefix: String, _ resources: METEORResources) throws {
        let golden = try #require(try METEORTests.golden("real.json", as: [String: Real].self)[name])
        let folder = try #require(Fixtures.sharedData)
        let (predictions, references) = MetricGoldens.systemOutputs(try MetricGoldens.realReferences(name, in: folder))
        #expect(predictions.count == golden.instances)
        let sets = golden.sets.filter { $0.key.hasPrefix(prefix + " ") }
        #expect(!sets.isEmpty)
        for (set, expected) in sets.sorted(by: { $0.key < $1.key }) {
            let modules = set.split(separator: " ").compactMap { METEOR.Module(rawValue: String($0)) }
            // The name of the set begins with where its data comes from.
            let metric = METEOR(resources: resources, modules: modules)
            #expect(metric.modules.count == modules.count && expected.scores.count == 250)
            let clock = ContinuousClock(), start = clock.now
            let worst = try greatestDifference(metric, predictions, references, expected, "\(name) \(set)")
            print(
                "METEOR: \(name), \(set): \(expected.corpus), greatest difference \(worst), scored twice in \(clock.now - start)"
            )
        }
    }
}
