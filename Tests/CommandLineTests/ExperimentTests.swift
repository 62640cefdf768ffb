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
        let changed = try await Tool.run(small + ["test_sources=3"], in: workspace)
        #expect(
            changed.code == 1
                && changed.errors.contains("an experiment is there already, and its test_sources was 2, not 3, which"),
            "\(changed.errors)")
        let other = try await Tool.run(small + ["max_new_tokens=5"], in: workspace)
        #expect(other.code == 1 && other.errors.contains("its max_new_tokens was 4, not 5, which"), "\(other.errors)")
        #expect(try workspace.snapshot("lengths/runs") == before)
        // More of what only chooses runs goes into the same folder.
        let more = try await Tool.run(small + ["seeds=[101,5]"], in: workspace)
        #expect(more.code == 0 && more.errors.contains("3/4 embedded-prefix-1-seed5: "), "\(more.errors)")
        #expect(!more.errors.contains("seed101: "))
    }

    @Test func processesShareAFolder() async throws {
        let workspace = try Workspace()
        let more = small + ["lengths=[1,2,3,4,5,6]"]
        async let one = Tool.run(more, in: workspace)
        async let other = Tool.run(more, in: workspace)
        let results = try await [one, other]
        var done: [String] = []
        for result in results {
            #expect(result.code == 0, "\(result.errors)")
            done += result.errors.split(separator: "\n").filter { $0.contains("/6 ") }
                .compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
        }
        // Each run was done once, and the last process wrote the report of all.
        #expect(done.sorted() == (1...6).map { "embedded-prefix-\($0)-seed101:" })
        let record = try String(contentsOf: workspace["lengths/results.json"], encoding: .utf8)
        #expect(record.matches(of: /"tested_step"/).count == 6)
        let again = try await Tool.run(more, in: workspace)
        #expect(again.code == 0 && again.errors.isEmpty, "\(again.errors)")

        // Parts of an experiment, and what the report then says was run.
        let part = [
            "--output", "part", "--shard", "2/2", "--only", "*-[1-4]-seed101", "--set", "lengths=[1,2,3,4,5,6]",
        ]
        let half = try await Tool.run(
            small.filter { $0 != "--output" && $0 != "lengths" } + Array(small.suffix(6)) + part, in: workspace)
        #expect(half.code == 0, "\(half.errors)")
        #expect(try workspace.snapshot("part/runs").keys.filter { $0.hasSuffix("result.json") }.count == 2)
        let page = try String(contentsOf: workspace["part/report.html"], encoding: .utf8)
        #expect(page.contains("2 of 6 runs are done") && !page.contains("--shard") && !page.contains("--only"))
        // Two parts become one.
        let rest = try await Tool.run(
            small.filter { $0 != "--output" && $0 != "lengths" } + Array(small.suffix(6))
                + [
                    "--output", "rest", "--shard", "1/2", "--set", "lengths=[1,2,3,4,5,6]", "--only", "*-[1-4]-seed101",
                ], in: workspace)
        #expect(rest.code == 0, "\(rest.errors)")
        let whole =
            small.filter { $0 != "--output" && $0 != "lengths" } + Array(small.suffix(6))
            + ["--set", "lengths=[1,2,3,4,5,6]", "--merge", "part", "rest"]
        let merged = try await Tool.run(whole + ["--output", "whole"], in: workspace)
        #expect(
            merged.code == 0 && merged.errors.contains("4 of 6 runs are done; the same command"), "\(merged.errors)")
        #expect(
            try String(contentsOf: workspace["whole/report.html"], encoding: .utf8).contains("4 of 6 runs are done"))
        #expect(try await Tool.run(whole, in: workspace).code == 2)
        #expect(try await Tool.run(whole + ["--output", "whole", "--dry-run"], in: workspace).code == 2)
        for wrong in ["0/2", "3/2", "1", "a/b"] {
            #expect(try await Tool.run(small + ["--shard", wrong], in: workspace).code == 2, "\(wrong)")
        }
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
