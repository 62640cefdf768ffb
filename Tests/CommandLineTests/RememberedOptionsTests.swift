import Foundation
import Testing

/// What a run and an adapter remember, so that it need not be said again.
@Suite struct RememberedOptionsTests {
    private func train(_ workspace: Workspace, _ more: String...) async throws -> Tool.Result {
        try await Tool.run(workspace.train("run", steps: 6) + more, in: workspace)
    }

    private struct Options: Decodable {
        var model, data: String
        var validation: [String]?
        var no_shuffle: Bool?
        var warmup, steps, epochs, seed: Int?
    }

    private func options(_ workspace: Workspace, _ name: String) throws -> Options {
        try JSONDecoder().decode(Options.self, from: Data(contentsOf: workspace[name]))
    }

    @Test func aRunRecordsItsOptions() async throws {
        let workspace = try Workspace()
        let result = try await train(
            workspace, "--validation", "data.jsonl", "data.jsonl", "--no-shuffle", "--warmup", "2")
        #expect(result.code == 0, "\(result.errors)")
        let options = try self.options(workspace, "run/run.json")
        #expect(options.model == workspace["model"].path && options.data == workspace["data.jsonl"].path)
        #expect(options.validation == [workspace["data.jsonl"].path, workspace["data.jsonl"].path])
        #expect(options.no_shuffle == true && options.warmup == 2 && options.steps == 6)
        let text = try workspace.text("run/run.json")
        for name in ["output", "resume", "config"] { #expect(!text.contains("\"\(name)\"")) }
    }

    @Test func aRunIsRepeatedAndChangedByItsRecord() async throws {
        let workspace = try Workspace()
        #expect(try await train(workspace).code == 0)
        let elsewhere = workspace["elsewhere"]
        try FileManager.default.createDirectory(at: elsewhere, withIntermediateDirectories: true)
        let again = try await Tool.run(["train", "--config", "run/run.json", "--output", "again"], in: workspace)
        #expect(again.code == 0, "\(again.errors)")
        let file = "adapter_model.safetensors"
        #expect(try Data(contentsOf: workspace["again/\(file)"]) == Data(contentsOf: workspace["run/\(file)"]))
        // What is typed counts, also where it excludes what is recorded.
        let other = try await Tool.run(
            ["train", "--config", "run/run.json", "--output", "other", "--epochs", "1", "--seed", "7"], in: workspace)
        #expect(other.code == 0, "\(other.errors)")
        #expect(try Data(contentsOf: workspace["other/\(file)"]) != Data(contentsOf: workspace["run/\(file)"]))
        let options = try self.options(workspace, "other/run.json")
        #expect(options.epochs == 1 && options.steps == nil && options.seed == 7)
    }

    @Test func resumeNeedsNothingButTheFolder() async throws {
        let workspace = try Workspace()
        #expect(try await train(workspace, "--threads", "1").code == 0)
        let short = try await Tool.run(workspace.train("short", steps: 4) + ["--threads", "1"], in: workspace)
        #expect(short.code == 0, "\(short.errors)")
        let resumed = try await Tool.run(["train", "--resume", "--output", "short"], in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        let longer = try await Tool.run(["train", "--resume", "--output", "short", "--steps", "6"], in: workspace)
        #expect(longer.code == 0, "\(longer.errors)")
        #expect(
            longer.errors.contains(
                "\ngoing on beyond the 4 steps that the run was begun with: the learning rate follows the longer schedule from "
                    + "step 5 on, so this is not what one run of 6 steps gives\n"))
        #expect(try options(workspace, "short/run.json").steps == 6)
        let fewer = try await Tool.run(["train", "--resume", "--output", "short", "--steps", "5"], in: workspace)
        #expect(fewer.code == 1)
        #expect(fewer.errors.contains("the number of steps was 6, not 5"))
        let none = try await Tool.run(["train", "--resume", "--output", "nothing"], in: workspace)
        #expect(
            none.code == 1
                && none.errors
                    == "Error: there is no training state in \(workspace["nothing"].path); leave out --resume to start a new run\n"
        )
        try FileManager.default.removeItem(at: workspace["short/run.json"])
        let old = try await Tool.run(["train", "--resume", "--output", "short"], in: workspace)
        #expect(
            old.code == 1
                && old.errors
                    == "Error: the run in \(workspace["short"].path) recorded no options; repeat the command that began it, with "
                    + "--resume\n"
        )
        let again = try await Tool.run(
            workspace.train("short", steps: 6, "--resume", "--threads", "1"), in: workspace)
        #expect(again.code == 0, "\(again.errors)")
    }

    @Test func whatIsTypedTwiceIsRecordedAsItCounts() async throws {
        let workspace = try Workspace()
        let run = try await train(workspace, "--steps", "2", "--prompt-field", "prompt", "--")
        #expect(run.code == 0, "\(run.errors)")
        #expect(try options(workspace, "run/run.json").steps == 2)
        let resumed = try await Tool.run(["train", "--resume", "--output", "run", "--steps", "3"], in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        // A text that looks like a number stays the text.
        try workspace.write(#"{"1.0": "a b", "completion": "c"}"# + "\n", to: "numbers.jsonl")
        let numbers = try await Tool.run(
            [
                "train", "--model", "model", "--data", "numbers.jsonl", "--prompt-field", "1.0", "--steps", "1",
                "--output",
                "numbers",
            ], in: workspace)
        #expect(numbers.code == 0, "\(numbers.errors)")
        let more = try await Tool.run(["train", "--resume", "--output", "numbers", "--steps", "2"], in: workspace)
        #expect(more.code == 0, "\(more.errors)")
    }

    @Test func anotherTaskOrMethodLeavesOutWhatItHasNoUseFor() async throws {
        let workspace = try Workspace()
        let run = try await train(workspace, "--prompt-template", "Say {prompt}:")
        #expect(run.code == 0, "\(run.errors)")
        try workspace.write("name : X | area : Y||X is in Y . \n", to: "e2e.txt")
        let task = try await Tool.run(
            ["train", "--config", "run/run.json", "--task", "e2e", "--data", "e2e.txt", "--output", "task"],
            in: workspace)
        #expect(task.code == 0, "\(task.errors)")
        let method = try await Tool.run(
            ["train", "--config", "run/run.json", "--method", "lora", "--lora-rank", "2", "--output", "lora"],
            in: workspace)
        #expect(method.code == 0, "\(method.errors)")
        #expect(!(try workspace.text("lora/run.json").contains("prefix_length")))
    }

    @Test func helpComesBesideAFile() async throws {
        let workspace = try Workspace()
        for flag in ["-h", "--help"] {
            let result = try await Tool.run(["train", "--config", "missing.json", flag], in: workspace)
            #expect(result.code == 0 && result.output.hasPrefix("OVERVIEW: Train "), "\(result.errors)")
        }
    }

    @Test func aTestIsReadBeforeTraining() async throws {
        let workspace = try Workspace()
        let missing = try await Tool.run(workspace.train("run", steps: 2, "--test", "nope.jsonl"), in: workspace)
        #expect(
            missing.code == 1
                && missing.errors == "Error: cannot read \(workspace["nope.jsonl"].path): there is no such file\n")
        try workspace.write(#"{"prompt": "x"}"# + "\n", to: "bare.jsonl")
        let bare = try await Tool.run(workspace.train("run", steps: 2, "--test", "bare.jsonl"), in: workspace)
        #expect(bare.code == 1 && bare.errors.hasPrefix("Error: \(workspace["bare.jsonl"].path), line 1: "))
        #expect(!bare.errors.contains("step 2"))
    }

    @Test func aRunThatStoppedEarlySaysSo() async throws {
        let workspace = try Workspace()
        let options = [
            "--validation", "data.jsonl", "--validate-every", "1", "--patience", "1", "--learning-rate", "0",
        ]
        let run = try await Tool.run(workspace.train("run", steps: 6) + options, in: workspace)
        #expect(run.code == 0 && run.errors.contains("\nstopped at step 2: 1 validation without a lower loss\n"))
        let longer = try await Tool.run(["train", "--resume", "--output", "run", "--steps", "8"], in: workspace)
        #expect(
            longer.errors.contains(
                "\nnothing is left to do: the run had stopped after 1 validation without a lower loss; give a larger --patience "
                    + "to go on\n"))
        #expect(!longer.errors.contains("going on beyond"))
        let patient = try await Tool.run(["train", "--resume", "--output", "run", "--patience", "9"], in: workspace)
        #expect(patient.code == 0 && patient.errors.contains("8 steps, "), "\(patient.errors)")
    }

    @Test func oneSeedAndSeveralDoNotShareAFolder() async throws {
        let workspace = try Workspace()
        #expect(try await train(workspace).code == 0)
        let before = try workspace.snapshot("run")
        let several = try await Tool.run(workspace.train("run", steps: 2) + ["--seeds", "1", "2"], in: workspace)
        #expect(
            several.code == 1
                && several.errors
                    == "Error: \(workspace["run"].path) already holds a training run of one seed; continue with --resume and "
                    + "nothing of seeds, or choose another output folder\n"
        )
        #expect(try workspace.snapshot("run") == before)
        #expect(
            try await Tool.run(workspace.train("runs", steps: 2) + ["--seeds", "1", "2"], in: workspace).code == 0)
        let recorded = try workspace.snapshot("runs")
        let message =
            "Error: \(workspace["runs"].path) already holds runs of several seeds; continue with --resume and nothing of seeds, "
            + "or choose another output folder\n"
        for more in [["--seeds", "3"], ["--seeds", "1", "--resume"], []] {
            let result = try await Tool.run(workspace.train("runs", steps: 2) + more, in: workspace)
            #expect(result.code == 1 && result.errors == message, "\(more): \(result.errors)")
        }
        #expect(try workspace.snapshot("runs") == recorded)
        // There may be more of them.
        let three = try await Tool.run(
            ["train", "--resume", "--output", "runs", "--seeds", "1", "2", "3"], in: workspace)
        #expect(three.code == 0, "\(three.errors)")
        #expect(try workspace.text("runs/seeds.json").contains("3"))
    }

    @Test func badFilesOfOptions() async throws {
        let workspace = try Workspace()
        let path = workspace["c.json"].path
        for (text, message) in [
            (
                "{",
                "\(path) is not a file of options; write JSON such as {\"model\": \"gpt2\", \"data\": [\"train.jsonl\"], "
                    + "\"learning_rate\": 0.001}"
            ),
            (
                #"{"learing_rate": 1}"#,
                "\(path): \"learing_rate\" is no option of train; did you mean \"learning_rate\"?"
            ),
            (
                #"{"nothing_like_it": 1}"#,
                "\(path): \"nothing_like_it\" is no option of train; prefixtune train --help lists them"
            ),
            (#"{"steps": [1, 2]}"#, "\(path): \"steps\" has another value, but a text or a number is needed"),
            (#"{"no_shuffle": "x"}"#, "\(path): \"no_shuffle\" has another value, but true or false is needed"),
            (#"{"lr": 1}"#, "\(path): \"lr\" is no option of train; did you mean \"learning_rate\"?"),
            (
                #"{"help": true}"#, "\(path): \"help\" is no option of train; prefixtune train --help lists them"
            ),
            (
                #"{"batch-size": 1, "batch_size": 2}"#,
                "\(path): \"batch_size\" stands there twice, by two spellings; leave one of them out"
            ),
            (
                #"{"data": true}"#,
                "\(path): \"data\" has another value, but a text, a number or a list of them is needed"
            ),
        ] {
            try workspace.write(text, to: "c.json")
            let result = try await Tool.run(["train", "--config", "c.json", "--output", "run"], in: workspace)
            #expect(result.code == 1 && result.errors == "Error: \(message)\n", "\(result.errors)")
        }
        let missing = try await Tool.run(["train", "--config", "no.json", "--output", "run"], in: workspace)
        #expect(
            missing.errors
                == "Error: cannot read the options in \(workspace["no.json"].path); name a file of JSON, such as the run.json of a "
                + "training run\n")
    }

    @Test func adaptersRecordTheirModel() async throws {
        let workspace = try Workspace()
        #expect(try await train(workspace).code == 0)
        let named = try await Tool.run(
            ["generate", "--model", "model", "--prefix", "run", "--prompt", "a dog", "--max-new-tokens", "5"],
            in: workspace)
        let recorded = try await Tool.run(
            ["generate", "--prefix", "run", "--prompt", "a dog", "--max-new-tokens", "5"], in: workspace)
        #expect(recorded.code == 0 && recorded.output == named.output, "\(recorded.errors)")
        for arguments in [
            ["words", "--prefix", "run"], ["compare", "--prefixes", "run", "--prompt", "a dog"],
            ["score", "--prefix", "run", "--data", "data.jsonl"],
            ["attention", "--prefix", "run", "--input", "data.jsonl"],
        ] {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == 0, "\(arguments): \(result.errors)")
        }
        try FileManager.default.moveItem(at: workspace["model"], to: workspace["moved"])
        let gone = try await Tool.run(["generate", "--prefix", "run", "--prompt", "a dog"], in: workspace)
        #expect(
            gone.code == 1
                && gone.errors
                    == "Error: \(workspace["run"].path) was trained on \(workspace["model"].path), which is not there; name the "
                    + "model with --model\n"
        )
        let environment = try await Tool.start(
            ["generate", "--prompt", "a dog", "--max-new-tokens", "2"], in: workspace,
            environment: ["PREFIXTUNE_MODEL": "moved", "PREFIXTUNE_THREADS": "1"]
        ).result()
        #expect(environment.code == 0, "\(environment.errors)")
        let training = try await Tool.start(
            ["train", "--data", "data.jsonl", "--steps", "1", "--output", "trained"], in: workspace,
            environment: ["PREFIXTUNE_MODEL": "moved"]
        ).result()
        #expect(training.code == 0, "\(training.errors)")
        let threads = try await Tool.start(
            ["generate", "--model", "moved", "--prompt", "a dog"], in: workspace,
            environment: ["PREFIXTUNE_THREADS": "many"]
        ).result()
        #expect(
            threads.code == 2
                && threads.errors.hasPrefix(
                    "Error: PREFIXTUNE_THREADS is many, but a number from 1 to 1024 is needed.\n")
        )
    }

    @Test func trialsWriteNothing() async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        let trial = try await Tool.run(workspace.train("run", steps: 6) + ["--dry-run"], in: workspace)
        #expect(trial.code == 0, "\(trial.errors)")
        let lines = trial.output.split(separator: "\n")
        #expect(
            lines.map { $0.prefix(16).trimmingCharacters(in: .whitespaces) }
                == [
                    "examples", "longest example", "first prompt", "to be written", "trained", "stored", "steps",
                    "time", "memory",
                ])
        #expect(lines[0].hasSuffix(" 5") && lines[6].hasSuffix(" 6"))
        #expect(try workspace.snapshot() == before)
    }

    @Test func severalSeedsAndATest() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(
            workspace.train("runs", steps: 4) + ["--seeds", "1", "2", "--test", "data.jsonl"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        for seed in 1...2 {
            let options = try self.options(workspace, "runs/seed-\(seed)/run.json")
            #expect(options.seed == seed)
            #expect(!(try workspace.text("runs/seed-\(seed)/run.json").contains("seeds")))
            let alone = try await Tool.run(
                workspace.train("alone-\(seed)", steps: 4) + ["--seed", "\(seed)"], in: workspace)
            #expect(alone.code == 0)
            let file = "adapter_model.safetensors"
            #expect(
                try Data(contentsOf: workspace["runs/seed-\(seed)/\(file)"])
                    == Data(contentsOf: workspace["alone-\(seed)/\(file)"]))
            #expect(try workspace.text("runs/seed-\(seed)/test.jsonl").split(separator: "\n").count == 4)
        }
        // All of them go on by the folder's own record.
        let longer = try await Tool.run(["train", "--resume", "--output", "runs", "--steps", "5"], in: workspace)
        #expect(longer.code == 0, "\(longer.errors)")
        for seed in 1...2 {
            #expect(try workspace.text("runs/seed-\(seed)/metrics.jsonl").split(separator: "\n").count == 5)
        }
        #expect(longer.output.hasPrefix("last training loss    ") && longer.output != result.output)
        let figures = try workspace.text("runs/seeds.json")
        #expect(figures.contains("\"last training loss\""))
        struct Overview: Decodable {
            struct Spread: Decodable { var mean, standard_deviation: Double; var values: [Double] }
            var seeds: [Int]
            var figures: [String: Spread]
        }
        let overview = try JSONDecoder().decode(Overview.self, from: Data(contentsOf: workspace["runs/seeds.json"]))
        let loss = try #require(overview.figures["last training loss"])
        #expect(overview.seeds == [1, 2] && loss.values.count == 2 && overview.figures["BLEU"] != nil)
        let (a, b) = (loss.values[0], loss.values[1])
        #expect(abs(loss.mean - (a + b) / 2) < 1e-12)
        #expect(abs(loss.standard_deviation - abs(a - b) / 2.0.squareRoot()) < 1e-9)
        #expect(result.output.hasPrefix("last training loss    "))
    }
}
