import Foundation
import Testing

/// Answers of runs that end early: what is there is kept, and a resumed run ends with the same bytes.
@Suite struct ResumedAnswersTests {
    /// Enough for seconds: a signal must come before the end.
    private static let count = 600

    private func workspace() throws -> Workspace {
        let workspace = try Workspace()
        let lines = (0..<Self.count).map { "{\"prompt\": \"the cat \($0 % 37)\"}\n" }
        try workspace.write(lines.joined(), to: "many.jsonl")
        return workspace
    }

    private func arguments(_ output: String, _ more: String...) -> [String] {
        [
            "generate", "--model", "model", "--input", "many.jsonl", "--output", output, "--sample", "--seed", "3",
            "--batch-size", "1", "--threads", "1", "--max-new-tokens", "40",
        ] + more
    }

    /// Ends a run once it has written some lines.
    ///
    /// - Returns: How many were whole, and what the run said.
    private func interrupt(_ workspace: Workspace, by number: Int32, _ more: String...) async throws -> (
        Int, Tool.Result
    ) {
        // A shell waits: tests that run side by side may wake too late.
        let result = try await Tool.shell(
            Tool.interruption(arguments("texts.jsonl") + more, by: number, after: 5, linesOf: "texts.jsonl.partial"),
            in: workspace)
        return (try lines(workspace), result)
    }

    private func lines(_ workspace: Workspace) throws -> Int {
        (try? Data(contentsOf: workspace["texts.jsonl.partial"]))?.count { $0 == UInt8(ascii: "\n") } ?? 0
    }

    @Test(arguments: [SIGKILL, SIGINT])
    func endWithTheSameBytes(_ number: Int32) async throws {
        let workspace = try workspace()
        try workspace.write("what was there before", to: "texts.jsonl")
        #expect(try await Tool.run(arguments("whole.jsonl"), in: workspace).code == 0)
        let (count, stopped) = try await interrupt(workspace, by: number)
        #expect(count >= 5 && count < Self.count)
        #expect(try workspace.text("texts.jsonl") == "what was there before")
        if number == SIGINT {
            #expect(stopped.code == 128 + SIGINT)
            #expect(
                stopped.errors.contains(
                    "Error: interrupted after \(count) of \(Self.count) prompts; their answers are in "
                        + "\(workspace["texts.jsonl.partial"].path), and the same command with --resume goes on after them\n"
                ))
        }
        // What a crash in the middle of a line leaves.
        let partial = workspace["texts.jsonl.partial"]
        var contents = try Data(contentsOf: partial)
        let end = try #require(contents.lastIndex(of: UInt8(ascii: "\n")))
        contents = contents[...end] + Data("{\"prompt\": \"the c".utf8)
        try contents.write(to: partial)

        let kept = try workspace.snapshot()
        let anew = try await Tool.run(arguments("texts.jsonl"), in: workspace)
        #expect(anew.code == 1)
        #expect(
            anew.errors
                == "Error: \(partial.path) has answers of a run that ended early; go on with --resume, or remove the file to "
                + "begin anew\n")
        #expect(try workspace.snapshot() == kept)

        // Names are in snake case; those of earlier versions, which were not, are understood.
        let sidecar = workspace["texts.jsonl.partial.json"]
        let settings = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: sidecar))
        #expect(settings.keys.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "_" } }, "\(settings.keys)")
        let before = [
            "top_k": "topK", "max_new_tokens": "maxNewTokens", "version": "version of prefixtune",
            "fingerprint_of_the_model": "fingerprint of the model",
        ]
        #expect(Set(settings.keys).isSuperset(of: before.keys), "\(settings.keys)")
        try JSONEncoder().encode(
            Dictionary(uniqueKeysWithValues: settings.map { (before[$0.key] ?? $0.key, $0.value) })
        )
        .write(to: sidecar)

        let resumed = try await Tool.run(arguments("texts.jsonl", "--resume", "--verbose"), in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("going on after \(count) of \(Self.count) answers in \(partial.path)\n"))
        #expect(try workspace.text("texts.jsonl") == workspace.text("whole.jsonl"))
        let left = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.path)
        #expect(!left.contains { $0.contains("partial") })
    }

    @Test func refuseOtherSettings() async throws {
        let workspace = try workspace()
        _ = try await interrupt(workspace, by: SIGKILL)
        let before = try workspace.snapshot()
        let partial = workspace["texts.jsonl.partial"].path
        func refusal(_ more: String...) async throws -> String {
            let result = try await Tool.run(arguments("texts.jsonl", "--resume") + more, in: workspace)
            #expect(result.code == 1)
            return result.errors
        }
        let advice = "; repeat the run's settings, or remove the file to begin anew\n"
        #expect(
            try await refusal("--top-k", "5")
                == "Error: \(partial) belongs to another run: its top_k was 0, not 5\(advice)")
        #expect(try await refusal("--precision", "int8").contains("its precision was "))
        #expect(try await refusal("--cache-type", "bf16").contains("its cache_type was f32, not bf16"))
        #expect(try await refusal("--stop", "x").contains("its stop_texts was "))
        #expect(try workspace.snapshot() == before)

        // Another input, another model of the same name, no record.
        let input = try workspace.text("many.jsonl")
        try workspace.write(input + "{\"prompt\": \"more\"}\n", to: "many.jsonl")
        #expect(try await refusal().contains("its fingerprint_of_the_prompts was "))
        try workspace.write(input, to: "many.jsonl")
        let weights = workspace["model/model.safetensors"], original = try Data(contentsOf: weights)
        try Tampering.overwrite(weights, at: -4, with: [0, 0, 0x80, 0x3f])
        #expect(try await refusal().contains("its fingerprint_of_the_model was "))
        try original.write(to: weights)
        try FileManager.default.removeItem(at: workspace["texts.jsonl.partial.json"])
        #expect(try await refusal().contains("which says what it was made with, is not there or damaged"))
    }

    @Test func oneProcessAtATime() async throws {
        let workspace = try workspace()
        let result = try await Tool.shell(
            Tool.interruption(
                arguments("texts.jsonl"), by: SIGTERM, after: 1, linesOf: "texts.jsonl.partial",
                first: Tool.line(arguments("texts.jsonl", "--resume")) + " 2> second; echo $? > code"),
            in: workspace)
        #expect(result.code == SIGTERM + 128)
        let second = try workspace.text("second")
        #expect(try workspace.text("code") == "1\n")
        #expect(second.contains("another process is writing "), "\(second)")
    }

    @Test(.enabled(if: SmallDisk.isPossible, "this process may not mount file systems"))
    func aDiskThatFillsUp() async throws {
        let workspace = try workspace()
        #expect(try await Tool.run(arguments("whole.jsonl"), in: workspace).code == 0)
        let size = try Data(contentsOf: workspace["whole.jsonl"]).count >> 10
        try await SmallDisk.with(kilobytes: size + 64, in: workspace, named: "disk") { disk in
            let filling = disk.folder.appendingPathComponent("filling")
            try Data(count: (size / 2) << 10).write(to: filling)
            let full = try await Tool.run(arguments("disk/x"), in: workspace)
            #expect(full.code == 1)
            #expect(full.errors.contains("answers are kept in \(workspace["disk/x.partial"].path); --resume goes on"))
            #expect(full.errors.contains("cannot write \(workspace["disk/x"].path): No space left on device"))
            try FileManager.default.removeItem(at: filling)
            #expect(try await Tool.run(arguments("disk/x", "--resume"), in: workspace).code == 0)
            #expect(try workspace.text("disk/x") == workspace.text("whole.jsonl"))
        }
    }

    @Test func nothingToResume() async throws {
        let workspace = try Workspace()
        let arguments = ["generate", "--model", "model", "--input", "data.jsonl", "--max-new-tokens", "3", "--output"]
        #expect(try await Tool.run(arguments + ["a.jsonl", "--resume"], in: workspace).code == 0)
        #expect(try await Tool.run(arguments + ["b.jsonl"], in: workspace).code == 0)
        #expect(try workspace.text("a.jsonl") == workspace.text("b.jsonl"))
        #expect(try workspace.text("a.jsonl").split(separator: "\n").count == 4)
        // A failure before the first answer leaves nothing.
        let before = try workspace.snapshot()
        #expect(try await Tool.run(arguments + ["c.jsonl", "--prefix", "none"], in: workspace).code == 1)
        #expect(try workspace.snapshot() == before)
    }
}
