import Foundation
import Testing

/// What people try who do not know the program yet: the sentences that they meet, word for word.
@Suite struct FirstTriesTests {
    private func refusal(_ arguments: [String], in workspace: Workspace) async throws -> String {
        let result = try await Tool.run(arguments, in: workspace)
        #expect(result.code == 1 && result.output == "")
        return result.errors
    }

    @Test func modelsAndAdaptersAreTakenForEachOther() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let lora = try await Tool.run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "lora", "--steps", "1", "--method",
                "lora",
                "--threads", "1",
            ], in: workspace)
        #expect(lora.code == 0, "\(lora.errors)")
        func path(_ name: String) -> String { workspace[name].path }
        for (name, option) in [("prefix", "--prefix"), ("lora", "--lora")] {
            #expect(
                try await refusal(["generate", "--model", name, "--prompt", "x"], in: workspace)
                    == "Error: \(path(name)) holds an adapter, not a model; give it with \(option) (train goes on from it with "
                    + "--init adapter:FOLDER), and with --model the model that it was trained on, which is \(path("model"))\n"
            )
        }
        #expect(
            try await refusal(["generate", "--prefix", "model", "--prompt", "x"], in: workspace)
                == "Error: \(path("model")) holds a model, not an adapter; give it with --model\n")
        #expect(
            try await refusal(["generate", "--prefix", ".", "--prompt", "x"], in: workspace)
                == "Error: \(workspace.folder.path)/adapter_config.json: there is no such file, but subfolders hold adapters: "
                + "\"\(path("lora"))\", \"\(path("prefix"))\"; name one of them\n")
        #expect(
            try await refusal(["generate", "--model", "embeded", "--prompt", "x"], in: workspace)
                == "Error: there is no model embeded; did you mean embedded, which comes with the program?\n")
        let inspection = try await Tool.run(["inspect", "embedded"], in: workspace)
        #expect(inspection.code == 0 && inspection.output.hasPrefix("Model\n"), "\(inspection.errors)")
        #expect(
            try await refusal(["generate", "--lora", "prefix", "--prompt", "x"], in: workspace)
                == "Error: \(path("prefix/adapter_config.json")): an adapter of type PREFIX_TUNING was found, but LORA is needed "
                + "here; give it with --prefix\n")
        #expect(
            try await refusal(["generate", "--adapter", "prefix", "--prompt", "x"], in: workspace)
                == "Error: \(path("prefix/adapter_config.json")): it does not describe bottleneck adapters; train them with "
                + "--method adapter (a prefix is given with --prefix, a LoRA adapter with --lora)\n")
    }

    @Test func aTestThatDoesNotFitIsFoundBeforeTraining() async throws {
        let workspace = try Workspace()
        let long = Array(repeating: "the cat", count: 40).joined(separator: " ")
        try workspace.write(
            "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"\(long)\", \"completion\": \"b\"}\n",
            to: "test.jsonl")
        for more in [[], ["--dry-run"]] {
            let errors = try await refusal(
                workspace.train("run", steps: 4) + ["--test", "test.jsonl"] + more, in: workspace)
            #expect(errors.hasPrefix("Error: \(workspace["test.jsonl"].path), line 2: the prompt has "), "\(errors)")
            #expect(
                errors.hasSuffix(
                    " tokens and the answer up to 100, but 61 fit (the model's positions less the prefix); shorten the prompt\n"
                ), "\(errors)")
            #expect(!FileManager.default.fileExists(atPath: workspace["run/metrics.jsonl"].path))
        }
        // Answers that would not fit are shorter, as they are when it is tested.
        try workspace.write("{\"prompt\": \"the cat\", \"completion\": \"b\"}\n", to: "test.jsonl")
        let fits = try await Tool.run(workspace.train("fits") + ["--test", "test.jsonl"], in: workspace)
        #expect(fits.code == 0, "\(fits.errors)")
    }

    @Test func examplesThatAreLeftOutAreCounted() async throws {
        let workspace = try Workspace()
        let long = Array(repeating: "the cat", count: 40).joined(separator: " ")
        try workspace.write(Workspace.data + "{\"prompt\": \"\(long)\", \"completion\": \"b\"}\n", to: "data.jsonl")
        let run = try await Tool.run(workspace.train("run") + ["--too-long", "skip"], in: workspace)
        #expect(run.code == 0)
        #expect(
            run.errors.hasPrefix("1 of 6 examples does not fit and is left out\n5 examples, 4 steps; "), "\(run.errors)"
        )
    }

    @Test func aFinishedRunSaysThatItIs() async throws {
        let workspace = try Workspace()
        #expect(try await Tool.run(workspace.train("run"), in: workspace).code == 0)
        let again = try await Tool.run(["train", "--resume", "--output", "run"], in: workspace)
        #expect(again.code == 0)
        #expect(
            again.errors.contains(
                "\nnothing is left to do: the run is finished; give more --steps (or --epochs) than it has to go on\n"),
            "\(again.errors)")
    }

    @Test func aDryRunShowsTheFirstExample() async throws {
        let workspace = try Workspace()
        let trial = try await Tool.run(
            workspace.train("run") + ["--dry-run", "--prompt-template", "Say: {prompt}\\nA:"], in: workspace)
        #expect(trial.code == 0, "\(trial.errors)")
        let lines = trial.output.split(separator: "\n").map(String.init)
        #expect(lines.contains(#"first prompt     "Say: the cat\nA:""#), "\(trial.output)")
        #expect(lines.contains { $0.hasPrefix(#"to be written    " sat on the mat."#) }, "\(trial.output)")
    }

    @Test func aTextHasAPromptOnEachLine() async throws {
        let workspace = try Workspace()
        try workspace.write("the cat\r\na dog, it said\n", to: "prompts.txt")
        try workspace.write(
            "{\"prompt\": \"the cat\"}\n{\"prompt\": \"a dog, it said\"}\n", to: "prompts.jsonl")
        var outputs: [String] = []
        for input in ["prompts.txt", "prompts.jsonl"] {
            let result = try await Tool.run(
                ["generate", "--model", "model", "--input", input, "--max-new-tokens", "4", "--threads", "1"],
                in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            outputs.append(result.output)
        }
        #expect(outputs[0] == outputs[1] && outputs[0].split(separator: "\n").count == 2)
        // The paper's tables are told from texts.
        try workspace.write("name : X||The X pub .\n", to: "table.txt")
        for command in [["generate", "--input"], ["train", "--output", "run", "--data"], ["score", "--data"]] {
            #expect(
                try await refusal(command + ["table.txt", "--model", "model"], in: workspace)
                    == "Error: \(workspace["table.txt"].path) looks like data of the task e2e, not like JSON lines or a table; give "
                    + "--task e2e\n")
        }
    }

    @Test func referencesOfOnesOwnFields() async throws {
        let workspace = try Workspace()
        try workspace.write("b\n", to: "texts.txt")
        try workspace.write("q;a\nx;b\n", to: "own.csv")
        try workspace.write("{\"q\": \"x\", \"a\": \"b\"}\n", to: "own.jsonl")
        let command = ["evaluate", "--predictions", "texts.txt", "--references"]
        let fields = "--prompt-field and --completion-field"
        #expect(
            try await refusal(command + ["own.csv"], in: workspace)
                == "Error: \(workspace["own.csv"].path), line 1: found no \"prompt\" in the first line, which names the columns, but "
                + "\"q\" and \"a\"; give \(fields), or --prompt-template with fields in braces\n")
        #expect(
            try await refusal(command + ["own.jsonl"], in: workspace)
                == "Error: \(workspace["own.jsonl"].path):1: no reference: give \"references\" with at least one text, or "
                + "\"completion\"; other fields are named with \(fields)\n")
        try workspace.write("name : X||The X pub .\nname : X||X .\n", to: "table.txt")
        try workspace.write("b\nb\nb\n", to: "three.txt")
        #expect(
            try await refusal(["evaluate", "--predictions", "three.txt", "--references", "table.txt"], in: workspace)
                == "Error: 3 predictions in \(workspace["three.txt"].path) stand against 2 texts in \(workspace["table.txt"].path), "
                + "which looks like data of the task e2e; give --task e2e\n")
        for file in ["own.csv", "own.jsonl"] {
            let result = try await Tool.run(
                command + [file, "--prompt-field", "q", "--completion-field", "a"], in: workspace)
            #expect(result.code == 0 && result.output.hasPrefix("1 prediction, 1 reference,"), "\(result.errors)")
        }
    }
}
