import Foundation
import Testing

/// What files are read from: pipes, standard input, the user's folder; and what is hostile in them.
@Suite struct InputTests {
    private static let limits = Tool.limits(megabytes: 684, seconds: 40)
    private static let score = "\"$tool\" score --quiet --threads 1 --model model"

    private func expectScores(_ script: String, _ comment: String) async throws {
        let workspace = try Workspace()
        let expected = try await Tool.shell("\(Self.score) --data data.jsonl", in: workspace)
        #expect(expected.code == 0 && !expected.output.isEmpty, "\(expected.errors)")
        let result = try await Tool.shell(script, in: workspace)
        #expect(result.code == 0, "\(comment): \(result.errors)")
        #expect(result.output == expected.output, "\(comment)")
    }

    @Test(arguments: [
        "cat data.jsonl | SCORE --data -", "SCORE --data - < data.jsonl", "SCORE --data /dev/stdin < data.jsonl",
        "cat data.jsonl | SCORE --data /dev/stdin", "gzip < data.jsonl | SCORE --data -",
        "SCORE --data <(cat data.jsonl)", "SCORE --data <(gzip < data.jsonl)",
        "mkfifo pipe; cat data.jsonl > pipe & SCORE --data pipe",
        "while IFS= read -r line; do printf '%s\\n' \"$line\"; sleep 0.01; done < data.jsonl | SCORE --data -",
        "mkdir home; cp data.jsonl home; HOME=$PWD/home SCORE --data '~/data.jsonl'",
        "mkdir home; cp -r model home; HOME=$PWD/home \"$tool\" score --quiet --threads 1 --model '~/model' --data data.jsonl",
    ])
    func pipes(_ script: String) async throws {
        try await expectScores(script.replacingOccurrences(of: "SCORE", with: Self.score), script)
    }

    @Test func everyCommandReadsStandardInput() async throws {
        let workspace = try Workspace()
        let length = "--max-new-tokens 2 --threads 1"
        for (fromFile, fromPipe) in [
            ("generate --model model \(length) --input data.jsonl", "generate --model model \(length) --input -"),
            (
                "evaluate --predictions texts.txt --references refs.txt",
                "evaluate --predictions - --references refs.txt < texts.txt"
            ),
            (
                "evaluate --predictions texts.txt --references data.jsonl",
                "evaluate --predictions texts.txt --references -"
            ),
        ] {
            try workspace.write("a\nb\nc\nd\n", to: "texts.txt")
            try workspace.write("a\nb\nx\nd\n", to: "refs.txt")
            let expected = try await Tool.shell("\"$tool\" \(fromFile)", in: workspace)
            #expect(expected.code == 0 && !expected.output.isEmpty, "\(expected.errors)")
            let result = try await Tool.shell("cat data.jsonl | \"$tool\" \(fromPipe)", in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.output == expected.output, "\(fromPipe)")
        }
        let training = try await Tool.shell(
            "cat data.jsonl | \"$tool\" \(workspace.train("run").map { $0 == "data.jsonl" ? "-" : $0 }.joined(separator: " "))"
                + " --validation <(cat data.jsonl)", in: workspace)
        #expect(training.code == 0, "\(training.errors)")
    }

    @Test func standardInputIsReadOnce() async throws {
        let workspace = try Workspace()
        for command in [
            "train --model model --output run --data - --validation /dev/stdin",
            "evaluate --predictions - --references -", "pretrain --output run --text - -",
        ] {
            let result = try await Tool.shell("\"$tool\" \(command) < data.jsonl", in: workspace)
            #expect(result.code == 2)
            #expect(
                result.errors.hasPrefix("Error: Standard input is named twice, but can be read once; write it into"))
        }
        let pipe = try await Tool.shell(
            "twice() { \"$tool\" evaluate --predictions $1 --references $1; }; twice <(cat data.jsonl | tr -d {})",
            in: workspace)
        #expect(pipe.code == 1)
        #expect(
            pipe.errors.contains(" is to be read twice, but what comes through a pipe can be read once"),
            "\(pipe.errors)")
    }

    /// A hundred gzip members in a row, each of 16 MB or so unpacked.
    private static func bomb(_ start: String, _ repeated: String) -> String {
        "(printf '\(start)' | gzip; yes '\(repeated)' | head -c 16777216 | gzip > member; "
            + "for i in {1..100}; do cat member; done) > bomb.source.gz; "
    }

    @Test(
        "1.6 GB in a few MB of gzip end with a sentence in 700 MB of addresses, of which the program alone needs over 600",
        arguments: [
            (task: "jsonl", bomb: bomb("", "aaaaaaaaaaaaaaa"), says: "found invalid JSON"),
            ("jsonl", bomb("{\"prompt\": \"", "\\n\\n\\n\\n"), "found invalid JSON"),
            (
                "jsonl", bomb("{", "\"a\":1,").replacingOccurrences(of: "| head", with: "| tr -d '\\n' | head"),
                "it goes on beyond"
            ),
            ("jsonl", bomb("", "{\"prompt\":\"a\",\"completion\":\"b\"}  "), "unpack it by hand"),
            ("e2e", bomb("mr,ref\\n\"", "abc"), "unpack it by hand"),
            ("e2e", bomb("", "a||b"), "unpack it by hand"),
            ("dart", bomb("[", "[[[[\"a\",\"b"), "it goes on beyond"),
            ("webnlg", bomb("{\"entries\":[", "\"a\",\"b\""), "entry 1"),
            ("xsum", bomb("", "abc"), "unpack it by hand"),
        ])
    func bombs(_ task: String, bomb: String, says: String) async throws {
        let workspace = try Workspace()
        let result = try await Tool.shell(
            bomb + "\(Self.limits); exec \(Self.score) --data bomb.source.gz --task \(task)", in: workspace)
        #expect(result.code == 1 && !result.wasKilled)
        #expect(result.errors.hasPrefix("Error: ") && result.errors.contains(says), "\(result.errors)")
        #expect(result.errors.filter { $0 == "\n" }.count == 1)
    }

    @Test func predictionsThatAreABomb() async throws {
        let workspace = try Workspace()
        let result = try await Tool.shell(
            Self.bomb("", "a")
                + "\(Self.limits); exec \"$tool\" evaluate --predictions bomb.source.gz --references data.jsonl",
            in: workspace)
        #expect(result.code == 1 && !result.wasKilled)
        #expect(result.errors.contains("unpack it by hand (gunzip) and name the result"), "\(result.errors)")
    }

    @Test func namesThatAreNoFolders() async throws {
        let workspace = try Workspace()
        for (model, says) in [
            ("model/model.safetensors", "/model/model.safetensors: it is a file; give the folder that it lies in\n"),
            (
                "https://example.org/gpt2",
                "https://example.org/gpt2 is an address of the web; give a folder, or the name of"
            ),
            ("https://huggingface.co/datasets/a/b", "is an address of the web"),
        ] {
            let result = try await Tool.run(["score", "--model", model, "--data", "data.jsonl"], in: workspace)
            #expect(result.code == 1)
            #expect(result.errors.contains(says), "\(result.errors)")
        }
        for address in ["https://huggingface.co/gpt2", "https://huggingface.co/gpt2/tree/main", "https://hf.co/gpt2/"] {
            let result = try await Tool.run(["score", "--model", address, "--data", "data.jsonl"], in: workspace)
            #expect(result.code == 1)
            #expect(result.errors.contains("gpt2") && !result.errors.contains("https://h"), "\(result.errors)")
        }
    }

    @Test func foldersOfResultsAreMade() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(
            ["score", "--model", "model", "--data", "data.jsonl", "--output", "a/b/c.jsonl"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        #expect(try workspace.text("a/b/c.jsonl").hasPrefix("{"))
        let text = try await Tool.run(["synthesize", "--megabytes", "0.001", "--output", "d/e.jsonl"], in: workspace)
        #expect(text.code == 0 && FileManager.default.fileExists(atPath: workspace["d/e.jsonl"].path), "\(text.errors)")
    }

    @Test func negativeNumbersAreValues() async throws {
        let workspace = try Workspace()
        for (arguments, says) in [
            (["train", "--prefix-length", "-1"], "--prefix-length is -1, but at least 1 is needed."),
            (["train", "--prefix-dropout", "-1e3"], "--prefix-dropout is -1000.0, but a number from 0"),
            (["train", "--learning-rate", "-0.5"], "--learning-rate is -0.5, but a number from 0 on is needed."),
        ] {
            let result = try await Tool.run(
                arguments + ["--model", "model", "--data", "data.jsonl", "--output", "run", "--steps", "1"],
                in: workspace)
            #expect(result.code == 1 || result.code == 2)
            #expect(result.errors.contains(says), "\(result.errors)")
            #expect(!result.errors.contains("Missing value"), "\(result.errors)")
        }
    }

    @Test func helpNamesPathsAsTheyAreTyped() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(["demo", "--help"], in: workspace)
        #expect(
            result.output.contains("(default: prefixtune-demo)") && !result.output.contains("file:"), "\(result.output)"
        )
    }
}
