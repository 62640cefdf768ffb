import Foundation
import Testing

/// Data files that cannot be used: the sentence names file and line.
@Suite struct BadDataTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let contents: String
        var task = "jsonl"
        /// FILE stands for the path.
        let message: String
        var testDescription: String { name }
    }

    private static let good = #"{"prompt": "a", "completion": "b"}"#
    private static let long = String(repeating: "cat dog ", count: 60)

    static let cases = [
        Case(name: "empty", contents: "", message: "FILE is empty; name a file with at least one example"),
        Case(name: "blank", contents: " \n\n", message: "FILE is empty; name a file with at least one example"),
        Case(
            name: "empty line", contents: "\(good)\n\n\(good)\n",
            message: "FILE, line 2: the line is empty; remove it"),
        Case(
            name: "no JSON", contents: "\(good)\n\(good)\nprompt: a\n",
            message: "FILE, line 3: found invalid JSON: \"prompt: a\", but "),
        Case(
            name: "no prompt", contents: "\(good)\n{\"completion\": \"b\"}\n",
            message: "FILE, line 2: found no \"prompt\" in \"{\"completion\": \"b\"}\", but "),
        Case(
            name: "a number for a text", contents: "{\"prompt\": \"a\", \"completion\": 3}\n",
            message: "FILE, line 1: found a value of another type at \"completion\" in "),
        Case(
            name: "nothing to learn", contents: "{\"prompt\": \"a\"}\n",
            message:
                "FILE, line 1: there is no text to learn; add one (\"completion\", \"references\", \"summary\", or the "
                + ".target file of a .source file)"),
        Case(
            name: "too long", contents: "\(good)\n{\"prompt\": \"a\", \"completion\": \"\(long)\"}\n",
            message: "FILE, line 2: the example has "),
        Case(
            name: "E2E without a separator", contents: "name : X | Type : pub||A pub . \nname : X\n", task: "e2e",
            message: "FILE, line 2: found \"name : X\", but \"table||text\", both not empty, is needed"),
        Case(
            name: "WebNLG triple of two", contents: #"{"triples": [["a", "b"]], "references": ["c"]}"#, task: "webnlg",
            message: "FILE, line 1: found triples [[\"a\", \"b\"]], but a list of three texts each is needed"),
        Case(
            name: "DART that is no list", contents: "[{]", task: "dart", message: "FILE: it ends in entry 1; a list of "
        ),
    ]

    @Test(arguments: cases)
    func isRefused(_ item: Case) async throws {
        let workspace = try Workspace()
        try workspace.write(item.contents, to: "bad.txt")
        let before = try workspace.snapshot()
        let expected = "Error: " + item.message.replacingOccurrences(of: "FILE", with: workspace["bad.txt"].path)
        for command in [
            ["train", "--data", "bad.txt", "--output", "run", "--steps", "1", "--prefix-length", "1"],
            ["train", "--data", "data.jsonl", "bad.txt", "--output", "run", "--steps", "1", "--task", item.task],
            ["score", "--data", "bad.txt", "--output", "scores.jsonl"],
        ] {
            // A good file beside the bad one does not help; it is of another format for the tasks, though.
            if command.contains("data.jsonl"), item.task != "jsonl" { continue }
            let result = try await Tool.run(
                command + ["--model", "model"] + (command.contains("--task") ? [] : ["--task", item.task]),
                in: workspace)
            #expect(result.code == 1)
            #expect(result.errors.hasPrefix(expected), "\(result.errors)")
            #expect(result.errors.filter { $0 == "\n" }.count == 1)
            #expect(try workspace.snapshot() == before)
        }
    }

    @Test func bytesThatAreNoText() async throws {
        let workspace = try Workspace()
        try (Data("name : X||A pub .\nname : ".utf8) + [0xff] + Data("||B .\n".utf8)).write(to: workspace["bad.txt"])
        let result = try await Tool.run(
            ["score", "--model", "model", "--task", "e2e", "--data", "bad.txt"], in: workspace)
        #expect(result.code == 1)
        #expect(
            result.errors == "Error: \(workspace["bad.txt"].path), line 2: the text is not UTF-8; convert the file\n")
    }

    @Test func damagedGzip() async throws {
        let workspace = try Workspace()
        try Data([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]).write(to: workspace["bad.gz"])
        let result = try await Tool.run(["score", "--model", "model", "--data", "bad.gz"], in: workspace)
        #expect(result.code == 1)
        #expect(result.errors.hasPrefix("Error: \(workspace["bad.gz"].path) is gzip-compressed but damaged: "))
    }

    @Test func promptLongerThanTheContext() async throws {
        let workspace = try Workspace()
        try workspace.write("{\"prompt\": \"a\"}\n{\"prompt\": \"\(Self.long)\"}\n", to: "bad.txt")
        let file = try await Tool.run(
            ["generate", "--model", "model", "--input", "bad.txt", "--max-new-tokens", "8", "--output", "out.jsonl"],
            in: workspace)
        #expect(file.code == 1)
        #expect(file.errors.hasPrefix("Error: \(workspace["bad.txt"].path), line 2: the prompt has "))
        #expect(file.errors.hasSuffix("; shorten the prompt\n"))
        let text = try await Tool.run(["generate", "--model", "model", "--prompt", Self.long], in: workspace)
        #expect(text.code == 1)
        #expect(text.errors.hasSuffix("; shorten the prompt\n"))
        let many = try await Tool.run(
            ["generate", "--model", "model", "--prompt", "a", "--max-new-tokens", "65"], in: workspace)
        #expect(many.code == 1)
        #expect(
            many.errors
                == "Error: --prompt, line 1: the prompt has 1 token and the answer up to 65, but 64 fit (the model's "
                + "positions less the prefix); give --max-new-tokens 64 or less\n")
        #expect(!FileManager.default.fileExists(atPath: workspace["out.jsonl"].path))
    }

    @Test func predictionsAndReferencesOfOtherNumbers() async throws {
        let workspace = try Workspace()
        try workspace.write("A pub .\nA pub .\nA bar .\n", to: "predictions.txt")
        try workspace.write("n : X||A pub .\nn : X||The X pub .\nn : Y||A bar .\n", to: "test.txt")
        let result = try await Tool.run(
            ["evaluate", "--predictions", "predictions.txt", "--references", "test.txt", "--task", "e2e"], in: workspace
        )
        #expect(result.code == 1)
        #expect(result.output == "")
        #expect(
            result.errors
                == "Error: 3 predictions in \(workspace["predictions.txt"].path) stand against 2 different sources in "
                + "\(workspace["test.txt"].path) (3 entries); entries of equal source count as one, so keep the first "
                + "prediction of each source\n")
    }
}
