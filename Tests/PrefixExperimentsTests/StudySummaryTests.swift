import Foundation
import TestSupport
import Testing

@testable import PrefixExperiments

/// Pictures and tables for READMEs, of the committed results.
@Suite("Summaries of studies") struct StudySummaryTests {
    private static func folder(_ name: String) -> URL {
        Fixtures.goldens.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Experiments/results/\(name)")
    }

    @Test("few examples: a line per method, means with intervals over subsets")
    func lines() throws {
        let summary = try StudySummary(of: [Self.folder("low-data")])
        let lines = summary.markdown.split(separator: "\n").map(String.init)
        #expect(
            lines.first
                == "| Embedded tables, topics seen in training: BLEU by training examples | 50 | 100 | 200 | 500 |")
        #expect(lines[1] == "| --- | ---: | ---: | ---: | ---: |")
        #expect(lines[2].wholeMatch(of: /\| fine-tune( \| [0-9.]+ ± [0-9.]+){4} \|/) != nil, "\(lines[2])")
        #expect(lines[3].hasPrefix("| prefix | "))
        #expect(
            lines.last
                == "The embedded model: each a mean of 3 runs, one on each subset; intervals are of 95% over subsets (Student's t)."
        )
        #expect(lines.count == 3 * 4 + 1)
        for text in ["Low-data settings", ">fine-tune<", ">training examples<", ">500<", "class=\"bar\""] {
            #expect(summary.svg.contains(text), "\(text)")
        }
        #expect(!summary.svg.contains(", all topics"), "the parts are what the picture shows")
    }

    @Test("a table: a row per method, all scores; intervals over test sources of single runs")
    func rows() throws {
        let summary = try StudySummary(of: [Self.folder("extrapolation"), Self.folder("extrapolation-webnlg")])
        #expect(
            summary.markdown.contains(
                "| WebNLG, topics not seen in training | BLEU | METEOR | TER | % of the model |\n| --- | ---: | ---: | ---: | ---: |"
            ))
        #expect(summary.markdown.contains(/\| prefix \| [0-9.]+ \[[0-9.]+, [0-9.]+\] \|/))
        for text in [
            "Mid: one run each; intervals are of 95% over test sources (bootstrap)", "The embedded model: one run",
        ] {
            #expect(summary.markdown.contains(text) && summary.svg.contains(text), "\(text)")
        }
        #expect(summary.svg.matches(of: /class="panel"/).count == 4)
    }

    @Test("what has no scores is not drawn")
    func nothing() throws {
        let speed = Self.folder("speed")
        let error = failure(ExperimentError.self) { _ = try StudySummary(of: [speed]) }
        #expect(error == .nothingToDraw(folder: speed.path))
    }
}
