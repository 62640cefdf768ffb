import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors
import TestSupport
import Testing

/// The same inputs answered after several prefixes.
@Suite("Side by side") @Compute struct AnalysisSideBySideTests {
    nonisolated static let prompts: [[Int32]] = [[4, 9, 200], [17], [3, 3, 80, 121, 5], [299, 1]]

    /// Two prefixes of different lengths, and none.
    private func starts(_ model: LanguageModel) throws -> [InitialKeyValues?] {
        let prefixes = try [3, 5].map {
            try PrefixMethod(model: model, settings: .tiny(length: $0, hiddenWidth: nil), seed: UInt64($0)).prefix()
        }
        return try [nil] + prefixes.map { try $0.keyValues(for: model.network.shape) }
    }

    @Test(
        "answers are those that every prefix gives alone",
        arguments: [DecodingOptions.Strategy.greedy, .beam(width: 3)],
        [1, 4, 64])
    func answers(strategy: DecodingOptions.Strategy, rows: Int) throws {
        let model = try TinyModel.worded(), starts = try starts(model)
        let options = DecodingOptions(strategy, maxNewTokens: 12, endTokens: [0])
        let comparison = SideBySide(
            model.network, after: starts, prompts: Self.prompts, options: options, limits: .init(rows: rows))
        var order: [Int] = [], found: [[Generation]] = []
        try comparison.run {
            order.append($0)
            found.append($1)
        }
        #expect(order == [0, 1, 2, 3])
        for (system, start) in starts.enumerated() {
            let alone = try Generator(model.network).generate(Self.prompts, after: start, options: options)
            #expect(found.map { $0[system].tokenIds } == alone.map(\.tokenIds), "system \(system)")
        }
        // The most probable tokens of a random model can be the same ones after any prefix; best answers are not.
        if strategy != .greedy {
            #expect(found.allSatisfy { Set($0.map(\.tokenIds)).count > 1 }, "prefixes change nothing")
        }
        #expect(try comparison.answers().map { $0.map(\.tokenIds) } == found.map { $0.map(\.tokenIds) })
    }

    @Test("all answers are made in common batches")
    func batches() throws {
        let model = try TinyModel.worded(), starts = try starts(model)
        let options = DecodingOptions(.greedy, maxNewTokens: 4)
        var calls = 0
        try Compute.observingAttention { observation in
            calls += 1
            #expect(observation.sequences.count == 12)
        } during: {
            _ = try SideBySide(model.network, after: starts, prompts: Self.prompts, options: options).answers()
        }
        #expect(calls == 4 * model.network.shape.layerCount)
    }

    @Test("a caller can stop it, and a bad prompt is refused before anything is computed")
    func stops() throws {
        struct Stop: Error {}
        let model = try TinyModel.worded(), starts = try starts(model)
        let options = DecodingOptions(.greedy, maxNewTokens: 4)
        let comparison = SideBySide(model.network, after: starts, prompts: Self.prompts, options: options)
        var steps = 0
        #expect(throws: Stop.self) {
            try comparison.run {
                steps += 1
                if steps == 3 { throw Stop() }
            } receive: { _, _ in
                Issue.record("no answer is complete after two of four steps")
            }
        }
        let bad = SideBySide(model.network, after: starts, prompts: [[1], []], options: options)
        #expect(throws: GenerationError.self) { _ = try bad.answers() }
    }

    @Test("the page names systems, inputs and references, and takes texts literally")
    func report() {
        var report = SideBySideReport(
            systems: [nil, "airports", "pubs"], subtitle: "two inputs", facts: [.init("search", "greedy")])
        let place = DataLocation(file: "x", line: 1)
        report.add(
            Example(prompt: "name : A | kind : pub", references: ["A is <b>a</b> pub."], location: place),
            outputs: ["one", "", "<three>"], isTable: true)
        report.add(Example(prompt: "name : A", location: place), outputs: ["x", "y", "z"], isTable: false)
        let html = report.html
        for part in [
            "<b>no prefix</b>", "<b>airports</b>", "<b>pubs</b>", "Input 1", "Input 2", "&lt;three&gt;",
            "A is &lt;b&gt;a&lt;/b&gt; pub.", "<dt>kind</dt><dd>pub</dd>", "name : A</p>", "(no text)",
            "<dt>search</dt><dd>greedy</dd>", "output tone-gray",
        ] { #expect(html.contains(part), "\(part)") }
        #expect(html.components(separatedBy: "output tone-blue").count == 3)
    }
}
