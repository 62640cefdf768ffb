import Foundation
import Testing

/// A user's own data, from a table to an answer: fields, templates, and what an adapter remembers of them.
@Suite struct OwnDataTests {
    private static let template = #"Q: {q}\nA:"#
    private static let csv =
        "q,a,n\r\nthe cat,\" sat, it \"\"said\"\".\",1\r\n\"a\r\ndog\", ran.,2\r\nthe river, is long,3\r\n"
    private static let semicolons =
        "\u{feff}q;a;n\r\nthe cat;\" sat, it \"\"said\"\".\";1,5\r\n\"a\r\ndog\"; ran.;2\r\nthe river; is long;3\r\n"
    private static let rows = [
        #"{"q": "the cat", "a": " sat, it \"said\".", "n": 1}"#, #"{"a": [" ran."], "q": "a\r\ndog"}"#,
        #"{"q": "the river", "a": " is long", "b": {}}"#,
    ]
    private static let prompts = """
        {"prompt": "Q: the cat\\nA:", "completion": " sat, it \\"said\\"."}
        {"prompt": "Q: a\\r\\ndog\\nA:", "completion": " ran."}
        {"prompt": "Q: the river\\nA:", "completion": " is long"}
        """
    private static let mapping = ["--prompt-template", template, "--completion-field", "a"]

    private func workspace() throws -> Workspace {
        let workspace = try Workspace()
        try workspace.write(Self.csv, to: "own.csv")
        try workspace.write(Self.rows.joined(separator: "\n"), to: "own.jsonl")
        // As spreadsheets export it where numbers have a decimal comma.
        try workspace.write(Self.semicolons, to: "semicolons.csv")
        try workspace.write("PK\u{3}\u{4}\u{0}", to: "table.xlsx")
        try workspace.write("[" + Self.rows.joined(separator: ",") + "]", to: "own.json")
        try workspace.write(Self.prompts, to: "prompts.jsonl")
        return workspace
    }

    /// Trains on a file of the workspace.
    private func train(
        _ output: String, on data: String, in workspace: Workspace, _ more: [String] = []
    ) async throws {
        let arguments = workspace.train(output).map { $0 == "data.jsonl" ? data : $0 } + ["--quiet"] + more
        let result = try await Tool.run(arguments, in: workspace)
        #expect(result.code == 0 && result.errors == "", "\(result.errors)")
    }

    private func answer(_ arguments: [String], in workspace: Workspace) async throws -> [String: String] {
        let result = try await Tool.run(
            ["generate", "--model", "model", "--max-new-tokens", "6", "--json"] + arguments, in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
        return [
            "prompt": object["prompt"] as? String ?? "", "text": object["text"] as? String ?? "",
            "notes": result.errors,
        ]
    }

    @Test func tablesListsAndLinesTrainTheSamePrefixWhichRemembersItsTemplate() async throws {
        let workspace = try workspace()
        try await train("plain", on: "prompts.jsonl", in: workspace)
        let expected = try Data(contentsOf: workspace["plain/adapter_model.safetensors"])
        for data in ["own.csv", "semicolons.csv", "own.jsonl", "own.json"] {
            try await train(data + "-prefix", on: data, in: workspace, Self.mapping)
            #expect(try Data(contentsOf: workspace[data + "-prefix/adapter_model.safetensors"]) == expected, "\(data)")
        }
        // The run's own options, and a test on the same table.
        try FileManager.default.createDirectory(at: workspace["elsewhere"], withIntermediateDirectories: true)
        let again = try await Tool.run(
            [
                "train", "--config", "own.csv-prefix/run.json", "--output", "elsewhere/again", "--test", "own.csv",
                "--quiet",
            ], in: workspace)
        #expect(
            again.code == 0 && again.output.contains("3 predictions, 3 references, plain rules\n"), "\(again.errors)")
        #expect(try Data(contentsOf: workspace["elsewhere/again/adapter_model.safetensors"]) == expected)
        #expect(try workspace.text("elsewhere/again/test.jsonl").hasPrefix(#"{"prompt":"Q: the cat\nA:","#))
        let piped = try await Tool.shell(
            Tool.line(workspace.train("piped").map { $0 == "data.jsonl" ? "-" : $0 } + Self.mapping) + " < own.csv",
            in: workspace)
        #expect(piped.code == 0, "\(piped.errors)")
        #expect(try Data(contentsOf: workspace["piped/adapter_model.safetensors"]) == expected)

        // Every way of answering takes the template from the adapter.
        let typed = try await answer(["--prefix", "own.csv-prefix", "--prompt", "the cat"], in: workspace)
        let whole = try await answer(["--prefix", "plain", "--prompt", "Q: the cat\nA:"], in: workspace)
        #expect(typed == whole && typed["prompt"] == "Q: the cat\nA:" && typed["notes"] == "")
        let line = try await Tool.shell(
            "echo 'the cat' | "
                + Tool.line(["generate", "--model", "model", "--prefix", "own.csv-prefix", "--prompt", "-", "--json"]),
            in: workspace)
        #expect(line.output.hasPrefix(#"{"prompt":"Q: the cat\nA:","text":"#), "\(line.output)\(line.errors)")
        let raw = try await answer(
            ["--prefix", "own.csv-prefix", "--prompt", "the cat", "--raw-prompt"], in: workspace)
        #expect(raw == (try await answer(["--prefix", "plain", "--prompt", "the cat"], in: workspace)))
        #expect(raw["prompt"] == "the cat")
        let other = try await answer(["--prefix", "own.csv-prefix", "--prompt", "x", "--task", "jsonl"], in: workspace)
        #expect(other["prompt"] == "x", "what is asked for wins")
        let named = try await answer(
            ["--prefix", "own.csv-prefix", "--prompt", "x", "--prompt-template", "{b}!"], in: workspace)
        #expect(named["prompt"] == "x!")
        for command in [
            ["generate", "--prefix", "FOLDER", "--max-new-tokens", "4", "--input"],
            ["score", "--prefix", "FOLDER", "--data"],
            ["attention", "--prefix", "FOLDER", "--json", "--input"],
            ["compare", "--prefixes", "FOLDER", "--max-new-tokens", "4", "--input"],
        ] {
            var outputs: [String] = []
            for (folder, data) in [("plain", "prompts.jsonl"), ("own.csv-prefix", "own.json")] {
                let result = try await Tool.run(
                    command.map { $0 == "FOLDER" ? folder : $0 } + [data, "--model", "model", "--quiet"], in: workspace)
                #expect(result.code == 0 && !result.output.isEmpty, "\(result.errors)")
                outputs.append(
                    result.output.replacingOccurrences(of: "own.csv-prefix", with: "plain").filter { $0 != " " })
            }
            #expect(outputs[0] == outputs[1], "\(command)")
        }

        let inspection = try await Tool.run(["inspect", "own.csv-prefix"], in: workspace)
        #expect(
            inspection.output.contains(
                """

                Prompts
                  task        jsonl
                  template    Q: {q}\\nA:
                  completion  a

                Training run

                """), "\(inspection.output)")

        // References of the same table.
        let texts = try await Tool.run(
            [
                "generate", "--model", "model", "--prefix", "own.csv-prefix", "--input", "own.csv", "--max-new-tokens",
                "4",
                "--output", "texts.jsonl",
            ], in: workspace)
        #expect(texts.code == 0, "\(texts.errors)")
        var reports: [String] = []
        for references in [["prompts.jsonl"], ["own.csv"] + Self.mapping] {
            let report = try await Tool.run(
                ["evaluate", "--predictions", "texts.jsonl", "--references"] + references, in: workspace)
            #expect(report.code == 0, "\(report.errors)")
            reports.append(report.output)
        }
        #expect(reports[0] == reports[1] && reports[0].hasPrefix("3 predictions, 3 references, plain rules\n"))
    }

    @Test("every kind of adapter, and a fine-tuned model, remembers what it answers")
    func everyMethod() async throws {
        let workspace = try workspace()
        let data =
            ["--data", "own.jsonl", "--validation", "0.4", "--steps", "2", "--threads", "1", "--quiet"] + Self.mapping
        for (method, option) in [
            ("prefix", "--prefix"), ("lora", "--lora"), ("adapter", "--adapter"), ("prompt-tuning", "--prefix"),
            ("infix", "--prefix"), ("fine-tune", "--model"), ("embedding-only", "--prefix"),
        ] {
            let result = try await Tool.run(
                ["train", "--model", "model", "--method", method, "--output", method] + data, in: workspace)
            #expect(result.code == 0 && result.errors == "", "\(method): \(result.errors)")
            for folder in [method, method + "/best"] {
                let model = option == "--model" ? [option, folder] : ["--model", "model", option, folder]
                let answer = try await Tool.run(
                    ["generate", "--prompt", "the cat", "--json", "--max-new-tokens", "2"] + model, in: workspace)
                #expect(answer.output.hasPrefix(#"{"prompt":"Q: the cat\nA:","text":"#), "\(method): \(answer.errors)")
            }
        }
    }

    @Test("a prefix that was trained on a task of the paper answers in its template and with its search")
    func paperTask() async throws {
        let workspace = try Workspace()
        try workspace.write("name : X | Type : pub||The X pub . \nname : Y||Y is here . \n", to: "tables.txt")
        try await train("tables", on: "tables.txt", in: workspace, ["--task", "e2e"])
        try FileManager.default.copyItem(at: workspace["tables"], to: workspace["bare"])
        try FileManager.default.removeItem(at: workspace["bare/prefixtune_task.json"])
        let prompt = ["--prompt", "name : Y | Type : pub"]
        let remembered = try await answer(["--prefix", "tables"] + prompt, in: workspace)
        #expect(remembered == (try await answer(["--prefix", "bare", "--task", "e2e"] + prompt, in: workspace)))
        let before = try await answer(["--prefix", "bare"] + prompt, in: workspace)
        #expect(before == (try await answer(["--prefix", "tables", "--task", "jsonl"] + prompt, in: workspace)))
        #expect(before["text"] != remembered["text"])
        let raw = try await answer(["--prefix", "tables", "--raw-prompt"] + prompt, in: workspace)
        #expect(
            raw["text"] != remembered["text"] && raw["prompt"] == remembered["prompt"], "without the template's marks")
        // Several answers need beams, which the task has.
        let several = try await Tool.run(
            ["generate", "--model", "model", "--prefix", "tables", "--answers", "3", "--max-new-tokens", "4"] + prompt,
            in: workspace)
        #expect(several.code == 0, "\(several.errors)")
        let none = try await Tool.run(
            ["generate", "--model", "model", "--prefix", "bare", "--answers", "3"] + prompt, in: workspace)
        #expect(none.code == 2, "\(none.errors)")

        let lengths = ["--max-source-tokens", "4"]
        try await train("short", on: "data.jsonl", in: workspace, lengths)
        let long = ["--prompt", "the cat the cat the cat"]
        #expect(
            try await answer(["--prefix", "short"] + long, in: workspace)
                == answer(["--prefix", "short", "--task", "jsonl"] + lengths + long, in: workspace))

        try workspace.write(#"{"task": "weather"}"#, to: "bare/prefixtune_task.json")
        for (arguments, message) in [
            (
                ["compare", "--prefixes", "tables", "short"],
                "\(workspace["tables"].path) and \(workspace["short"].path) were trained on different tasks or templates; give "
                    + "--task"
            ),
            (
                ["generate", "--prefix", "bare"],
                "the adapter was trained on the task \"weather\", which is none of e2e, webnlg, dart, xsum, jsonl, chat; give --task"
            ),
        ] {
            let result = try await Tool.run(arguments + ["--model", "model"] + prompt, in: workspace)
            #expect(result.code == 1 && result.errors == "Error: \(message)\n", "\(result.errors)")
            let told = try await Tool.run(
                arguments + ["--model", "model", "--task", "jsonl", "--max-new-tokens", "2"] + prompt, in: workspace)
            #expect(told.code == 0, "\(told.errors)")
        }
    }

    @Test("white space that all training prompts end with is put behind a prompt, and missed in files")
    func endings() async throws {
        let workspace = try Workspace()
        let lines = Workspace.data.replacingOccurrences(of: "\", \"", with: "\\n\", \"")
        try workspace.write(lines, to: "lines.jsonl")
        try await train("prefix", on: "lines.jsonl", in: workspace)
        let note =
            #"the prompt gets the white space that all training prompts end with ("\n"); --raw-prompt leaves it as it is"#
        let prompt = ["--prefix", "prefix", "--prompt", "a dog"]
        let helped = try await answer(prompt, in: workspace)
        #expect(helped["prompt"] == "a dog\n" && helped["notes"] == note + "\n")
        #expect(try await answer(prompt + ["--quiet"], in: workspace)["notes"] == "")
        let raw = try await answer(prompt + ["--raw-prompt"], in: workspace)
        #expect(raw["prompt"] == "a dog" && raw["notes"] == "")
        let given = try await answer(["--prefix", "prefix", "--prompt", "a dog\n"], in: workspace)
        #expect(given["notes"] == "" && given["text"] == helped["text"])
        #expect(try await answer(["--prompt", "a dog"], in: workspace)["prompt"] == "a dog", "no adapter, no record")

        try workspace.write(Workspace.data + "{\"prompt\": \"the end\\n\"}\n", to: "mixed.jsonl")
        for (file, warning) in [
            (
                "mixed.jsonl",
                "Warning: 4 of 5 prompts in \(workspace["mixed.jsonl"].path) do not end as all training prompts did, with "
                    + "\"\\n\"\n"
            ), ("lines.jsonl", ""),
        ] {
            let result = try await Tool.run(
                ["generate", "--model", "model", "--prefix", "prefix", "--input", file, "--max-new-tokens", "2"],
                in: workspace)
            #expect(result.code == 0 && result.errors == warning)
            #expect(
                result.output.hasPrefix(file == "mixed.jsonl" ? #"{"prompt":"the cat","# : #"{"prompt":"the cat\n","#))
        }
    }

    @Test("a share of the data is held out, the same one when the run is resumed")
    func heldOut() async throws {
        let workspace = try Workspace()
        func run(_ more: String...) async throws -> Tool.Result {
            try await Tool.run(workspace.train("run") + more, in: workspace)
        }
        let first = try await run("--validation", "0.25", "--seed", "5")
        #expect(first.code == 0 && first.errors.contains("4 examples, 4 steps"), "\(first.errors)")
        #expect(first.errors.contains("validation loss"))
        struct Summary: Decodable { let details: [String: String] }
        let details = try JSONDecoder().decode(Summary.self, from: Data(workspace.text("run/summary.json").utf8))
            .details
        #expect(details["validation"] == "0.25" && details["held_out"] == "1 of 5 examples, chosen by seed 5")
        let same = try await run("--validation", "0.25", "--seed", "5", "--resume")
        #expect(same.code == 0, "\(same.errors)")
        #expect(try await run("--validation", "0.5", "--seed", "5", "--resume").code == 1)
        #expect(
            try await Tool.run(["train", "--resume", "--output", "run"], in: workspace).code == 0, "by its run.json")
        // Each seed has a split of its own.
        let seeds = try await Tool.run(
            workspace.train("seeds") + ["--validation", "0.25", "--seeds", "5", "6"], in: workspace)
        #expect(seeds.code == 0, "\(seeds.errors)")
        for seed in 5...6 {
            let text = try workspace.text("seeds/seed-\(seed)/summary.json")
            #expect(text.contains("1 of 5 examples, chosen by seed \(seed)\""), "\(text)")
        }
        // A file of such a name, and one among several.
        try workspace.write(Workspace.data, to: "0.5")
        for (index, values) in [["./0.5"], ["0.5", "data.jsonl"]].enumerated() {
            let files = try await Tool.run(workspace.train("files\(index)") + ["--validation"] + values, in: workspace)
            #expect(files.code == 0 && files.errors.contains("5 examples, 4 steps"), "\(files.errors)")
        }
        try workspace.write("{\"prompt\": \"a\", \"references\": [\"b\", \"c\"]}\n", to: "one.jsonl")
        let few = try await Tool.run(
            workspace.train("few").map { $0 == "data.jsonl" ? "one.jsonl" : $0 } + ["--validation", "0.5"],
            in: workspace)
        #expect(few.code == 1)
        #expect(
            few.errors
                == "Error: the training data has 1 different prompt, of which none can be held out for validation; give "
                + "more data, or files with --validation\n")
    }

    @Test("sentences that tell how to map fields")
    func sentences() async throws {
        let workspace = try workspace()
        let needed = "give --prompt-field and --completion-field, or --prompt-template with fields in braces"
        func file(_ name: String) -> String { workspace[name].path }
        for (data, more, message) in [
            (
                "own.csv", [],
                "\(file("own.csv")), line 1: found no \"prompt\" in the first line, which names the columns, but \"q\", \"a\" and "
                    + "\"n\"; \(needed)"
            ),
            (
                "semicolons.csv", ["--prompt-template", "{Q}", "--completion-field", "a"],
                "\(file("semicolons.csv")), line 1: found no \"Q\" in the first line, which names the columns, but \"q\", \"a\" and "
                    + "\"n\"; did you mean \"q\"? Else \(needed)"
            ),
            (
                "table.xlsx", [],
                "\(file("table.xlsx")) is a zip archive, as spreadsheets (.xlsx, .ods) are, not a text; export it as CSV or JSON "
                    + "lines, in UTF-8"
            ),
            (
                "own.json", ["--prompt-field", "question"],
                #"\#(file("own.json")), entry 1: found no "question" in "{"q": "the cat", "a": " sat, it \"said\".", "n": 1}", but "#
                    + "\"a\", \"n\" and \"q\"; \(needed)"
            ),
            (
                "own.jsonl", ["--prompt-field", "q"],
                "\(file("own.jsonl")), line 1: there is no text to learn; add one (\"completion\", \"references\", \"summary\", or "
                    + "the .target file of a .source file), or name its field with --completion-field"
            ),
        ] {
            let result = try await Tool.run(
                ["train", "--model", "model", "--data", data, "--output", "run"] + more, in: workspace)
            #expect(result.code == 1 && result.errors == "Error: \(message)\n", "\(result.errors)")
        }
        let piped = try await Tool.shell("\"$tool\" score --model model --data - < own.csv", in: workspace)
        #expect(piped.code == 1)
        #expect(
            piped.errors
                == "Error: standard input, line 1: found invalid JSON: \"q,a,n\", but {\"prompt\": \"…\"} with "
                + "\"completion\": \"…\" or \"references\": [\"…\"] where texts are learnt or compared, or a first line that names "
                + "the columns, \"prompt\" among them, is needed; other columns are named with --prompt-field and "
                + "--completion-field\n")
        let several = try await Tool.run(
            ["generate", "--model", "model", "--prompt", "a", "--prompt-template", "{a} {b}"], in: workspace)
        #expect(several.code == 1)
        #expect(
            several.errors
                == "Error: --prompt, line 1: found \"a\", but a JSON object of the fields that the prompt is made of, "
                + "{\"a\": \"…\", \"b\": \"…\"}, is needed\n")
        let object = ["--prompt", #"{"b": "x", "a": "y"}"#, "--prompt-template", "{a} {b}"]
        #expect(try await answer(object, in: workspace)["prompt"] == "y x")
    }

    @Test(
        "options that have no meaning",
        arguments: [
            (
                ["train", "--data", "own.csv", "--output", "run", "--task", "e2e", "--prompt-field", "q"],
                "--prompt-field has no meaning with --task e2e, which has layouts of its own; leave one of them out."
            ),
            (
                ["score", "--data", "own.csv", "--task", "xsum", "--completion-field", "q"],
                "--completion-field has no meaning with --task xsum, which has layouts of its own; leave one of them out."
            ),
            (
                ["generate", "--prompt", "a", "--task", "dart", "--prompt-template", "{q}"],
                "--prompt-template has no meaning with --task dart, which has layouts of its own; leave one of them out."
            ),
            (
                ["generate", "--prompt", "a", "--prompt-field", "q", "--prompt-template", "{q}"],
                "Give --prompt-template or --prompt-field, not both."
            ),
            (
                ["generate", "--prompt", "a", "--prompt-template", "q"],
                "--prompt-template: the template \"q\" has no field; write the name of one in braces, as in \"Question: {question}\"."
            ),
            (
                ["generate", "--input", "own.csv", "--raw-prompt"],
                "--raw-prompt has no meaning without --prompt; add it or leave it out."
            ),
            (
                ["generate", "--prompt", "a", "--raw-prompt", "--prompt-template", "{q}"],
                "Give --prompt-template or --raw-prompt, not both."
            ),
        ])
    func usage(_ arguments: [String], _ message: String) async throws {
        let result = try await Tool.run(arguments + ["--model", "model"], in: workspace())
        #expect(result.code == 2 && result.errors.hasPrefix("Error: \(message)\nUsage: "), "\(result.errors)")
    }
}
