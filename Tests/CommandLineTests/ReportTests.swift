import Foundation
import TestSupport
import Testing

/// What a run leaves to look at, and what other programs can read while it goes on.
@Suite struct ReportTests {
    @Test func runsAreLaidOverEachOther() async throws {
        let workspace = try Workspace()
        for (output, seed) in [("short", "1"), ("long", "3")] {
            let run = try await Tool.run(
                workspace.train(output, steps: 4, "--seed", seed, "--validation", "data.jsonl"), in: workspace)
            #expect(run.code == 0, "\(run.errors)")
            let page = try workspace.text("\(output)/report.html")
            #expect(page.contains("Finished after 4 steps.") && page.contains("prefixtune train "))
            #expect(page.contains("--seed \(seed)") && page.contains("What it writes") && page.contains(">the cat<"))
        }
        let both = try await Tool.run(["report", "short", "long", "--output", "pages/both.html"], in: workspace)
        #expect(both.code == 0, "\(both.errors)")
        #expect(both.output == "The report is at \(workspace["pages/both.html"].path)\n")
        #expect(try workspace.text("pages/both.html").contains("2 training runs"))

        let before = try workspace.text("long/report.html")
        try FileManager.default.removeItem(at: workspace["long/report.html"])
        let one = try await Tool.run(["report", "long"], in: workspace)
        #expect(one.output == "The report is at \(workspace["long/report.html"].path)\n")
        #expect(try workspace.text("long/report.html") == before)
    }

    /// Of a run whose process went away there is no summary yet.
    @Test func aRunThatHasNotEndedShowsItsOptions() async throws {
        let workspace = try Workspace()
        let run = try await Tool.run(workspace.train("run", steps: 4, "--save-every", "2"), in: workspace)
        #expect(run.code == 0, "\(run.errors)")
        try FileManager.default.removeItem(at: workspace["run/summary.json"])
        #expect(try await Tool.run(["report", "run"], in: workspace).code == 0)
        let page = try workspace.text("run/report.html")
        #expect(page.contains("After 4 steps, not finished") && page.contains("on \(workspace["model"].path)"))
        #expect(page.contains("The options that it was begun with; the others have their defaults."))
        for option in ["learning rate", "prefix length", "save every"] {
            #expect(page.contains(">\(option)<"), "\(option)")
        }
        let inspection = try await Tool.run(["inspect", "run"], in: workspace)
        let lines = inspection.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.contains("model \(workspace["model"].path)"))
        #expect(lines.contains("to continue prefixtune train --resume --output \(workspace["run"].path)"))
    }

    @Test func whatIsNoRunIsRefused() async throws {
        let workspace = try Workspace()
        let other = try await Tool.run(["report", "model"], in: workspace)
        #expect(other.code == 1)
        #expect(
            other.errors
                == "Error: \(workspace["model"].path) holds no training run: neither summary.json nor metrics.jsonl is "
                + "there; name the folder that a run wrote to\n")
        try FileManager.default.createDirectory(at: workspace["table"], withIntermediateDirectories: true)
        try workspace.write("{}", to: "table/experiment.json")
        let damaged = try await Tool.run(["report", "table"], in: workspace)
        #expect(
            damaged.errors
                == "Error: no report can be made without \(workspace["table/experiment.json"].path), which is not "
                + "there, is damaged or was written by another version; run the experiment again with this version\n")
        let mixed = try await Tool.run(["report", "model", "table"], in: workspace)
        #expect(mixed.code == 1)
        let alone = try await Tool.run(["report", "table", "table"], in: workspace)
        #expect(
            alone.errors
                == "Error: \(workspace["table"].path) holds an experiment, whose report stands by itself; name folders "
                + "of training runs, or this folder alone\n")
    }

    @Test func aPictureAndTablesOfExperiments() async throws {
        let workspace = try Workspace()
        let results = Fixtures.goldens.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Experiments/results/low-data").path
        let run = try await Tool.run(
            ["report", results, "--svg", "pictures/few.svg", "--markdown", "few.md"], in: workspace)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.output == "Written: \(workspace["pictures/few.svg"].path)\nWritten: \(workspace["few.md"].path)\n")
        #expect(try workspace.text("pictures/few.svg").hasPrefix("<?xml") && workspace.text("few.md").hasPrefix("| "))
        let other = try await Tool.run(["report", "model", "--svg", "x.svg"], in: workspace)
        #expect(
            other.code == 1
                && other.errors
                    == "Error: \(workspace["model"].path) holds no experiment, which --svg and --markdown need; name folders "
                    + "that experiment wrote to\n"
        )
    }

    @Test func aLogInJSONHasALineForEachEvent() async throws {
        let workspace = try Workspace()
        let run = try await Tool.run(
            workspace.train(
                "run", steps: 4, "--validation", "data.jsonl", "--validate-every", "2", "--save-every", "2", "--log",
                "json"),
            in: workspace)
        #expect(run.code == 0 && run.output == "")
        let events = try run.errors.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
        #expect(
            events.map { "\($0["event"] ?? "") \($0["step"] ?? "")" } == [
                "begin 0", "step 1", "step 2", "validation 2", "saved 2", "step 3", "step 4", "validation 4", "saved 4",
                "finished 4",
            ])
        #expect(
            Set(events[1].keys) == [
                "event", "step", "total_steps", "loss", "token_loss", "learning_rate", "gradient_norm", "tokens",
                "tokens_per_second", "seconds_left",
            ])
        #expect(events[3]["is_best"] as? Bool == true && events[9]["output"] as? String == workspace["run"].path)
        let quiet = try await Tool.run(workspace.train("other", steps: 1, "--log", "json", "--quiet"), in: workspace)
        #expect(quiet.code == 0 && quiet.errors == "")
        let again = try await Tool.run(workspace.train("run", steps: 4, "--log", "json"), in: workspace)
        #expect(again.code == 1 && again.errors.hasPrefix("Error: "), "errors are sentences")
    }

    @Test func aTensorBoardFileIsContinued() async throws {
        let workspace = try Workspace()
        @Sendable func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: workspace["run"].path).filter {
                $0.contains("tfevents")
            }
        }
        let run = try await Tool.run(workspace.train("run", steps: 4, "--tensorboard"), in: workspace)
        #expect(run.code == 0, "\(run.errors)")
        let file = "run/\(try #require(try names().first))", whole = try Data(contentsOf: workspace[file])
        let again = try await Tool.run(workspace.train("run", steps: 4, "--tensorboard", "--resume"), in: workspace)
        #expect(again.code == 0, "\(again.errors)")
        #expect(try names().count == 1 && Data(contentsOf: workspace[file]) == whole)
    }
}
