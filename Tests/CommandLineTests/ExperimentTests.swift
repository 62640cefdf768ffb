import Foundation
import PrefixExperiments
import Testing

/// `prefixtune experiment`, on the embedded tables and in a few steps.
@Suite struct ExperimentTests {
    private let small = [
        "experiment", "length", "--output", "lengths", "--threads", "1", "--set", "lengths=[1,2]", "train_examples=8",
        "test_sources=2", "beams=1", "max_new_tokens=4", "validation_examples=2", "methods.prefix.steps=2",
    ]

    @Test func runsAndContinues() async throws {
        let workspace = try Workspace()
        let first = try await Tool.run(small, in: workspace)
        #expect(first.code == 0, "\(first.errors)")
        #expect(first.output == "The report is at \(workspace["lengths/report.html"].path)\n")
        #expect(first.errors.contains("2/2 embedded-prefix-2-seed101: seen: BLEU "))
        let before = try workspace.snapshot("lengths/runs")
        let again = try await Tool.run(small, in: workspace)
        #expect(again.code == 0 && again.errors.isEmpty, "\(again.errors)")
        #expect(try workspace.snapshot("lengths/runs") == before)
        let changed = try await Tool.run(small + ["seeds=[5]"], in: workspace)
        #expect(changed.code == 1 && changed.errors.contains("its settings were others"), "\(changed.errors)")
        #expect(try workspace.snapshot("lengths/runs") == before)
    }

    @Test func saysWhatWouldBeRun() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(small + ["--dry-run"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.first == ["run", "trained", "stored", "examples", "steps", "time"])
        // n · 2 · 4 layers · 192
        #expect(lines[1].first == "embedded-prefix-1-seed101" && lines[1][2] == "1536" && lines[2][2] == "3072")
        #expect(!FileManager.default.fileExists(atPath: workspace["lengths"].path))
    }

    @Test(arguments: [
        (["magic"], "there is no experiment \"magic\"; known are table1, table2, extrapolation,"),
        (["table1", "--data", "e2e"], "the data set e2e lies in files; give their folder with --data-folder"),
        (["table1", "--data", "e2e", "--data-folder", "."], "no files of e2e were found"),
        (["table1", "--settings", "data.jsonl"], "it is not JSON"),
        (["table1", "--settings", "none.json"], "it cannot be read"),
        (["table1", "--set", "beams"], "--set beams: it is not key=value"),
    ])
    func refusals(arguments: [String], message: String) async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        let result = try await Tool.run(["experiment"] + arguments, in: workspace)
        #expect(result.code == 1 && result.errors.contains(message), "\(result.errors)")
        #expect(try workspace.snapshot() == before)
    }
}
