import Foundation
import Tensors
import Testing

/// Runs that end early: by a signal, by divergence, by a crash.
@Suite struct InterruptionTests {
    private static let steps = 4000

    private func arguments(_ workspace: Workspace, _ output: String, _ more: String...) -> [String] {
        workspace.train(
            output, steps: Self.steps, "--save-every", "100", "--validation", "data.jsonl",
            "--validate-every", "250", "--prefix-dropout", "0.1")
            + more
    }

    /// The number of lines in the run's metrics, waited for.
    private func wait(for lines: Int, of folder: URL, while process: Process) async throws -> Int {
        let file = folder.appendingPathComponent("metrics.jsonl")
        while process.isRunning {
            let count = (try? Data(contentsOf: file))?.filter { $0 == UInt8(ascii: "\n") }.count ?? 0
            if count >= lines { return count }
            try await Task.sleep(for: .milliseconds(1))
        }
        return 0
    }

    /// What must not depend on interruptions: everything but times.
    private func essence(_ workspace: Workspace, _ folder: String) throws -> [String: Data] {
        var files = try workspace.snapshot(folder)
        for name in ["summary.json", "report.html"] { files[name] = nil }
        let lines = try workspace.text("\(folder)/metrics.jsonl").split(separator: "\n")
        files["metrics.jsonl"] = try lines.reduce(into: Data()) { data, line in
            var values = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            values["seconds"] = nil
            data += try JSONSerialization.data(withJSONObject: values, options: .sortedKeys)
        }
        return files
    }

    @Test(arguments: [SIGKILL, SIGINT, SIGTERM, SIGHUP])
    func aResumedRunEndsWithTheSameBits(_ number: Int32) async throws {
        let workspace = try Workspace()
        let whole = try await Tool.run(arguments(workspace, "whole"), in: workspace)
        #expect(whole.code == 0, "\(whole.errors)")

        let running = try Tool.start(arguments(workspace, "parts"), in: workspace)
        let seen = try await wait(for: 350, of: workspace["parts"], while: running.process)
        #expect(seen >= 350)
        kill(running.process.processIdentifier, number)
        let stopped = try await running.result()
        // By the signal itself: a shell's loop ends, too.
        #expect(stopped.wasKilled && stopped.code == number)
        if number != SIGKILL {
            #expect(
                stopped.errors.contains(
                    " and saved; prefixtune train --resume --output \(workspace["parts"].path) continues\n"))
        }
        let state = try await Tool.run(["inspect", "parts", "--json"], in: workspace)
        #expect(state.output.contains(number == SIGKILL ? "\"not finished\"" : "\"interrupted\""), "\(state.output)")

        let resumed = try await Tool.run(arguments(workspace, "parts", "--resume"), in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        let expected = try essence(workspace, "whole"), found = try essence(workspace, "parts")
        #expect(expected.keys.sorted() == found.keys.sorted())
        #expect(expected.keys.contains("adapter_model.safetensors"))
        #expect(expected.keys.contains("training-state/state.safetensors"))
        for (name, data) in expected { #expect(found[name] == data, "\(name)") }
        #expect(try workspace.text("parts/metrics.jsonl").split(separator: "\n").count == Self.steps)
    }

    @Test func resumingWhereThereIsNothing() async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        let result = try await Tool.run(workspace.train("run", steps: 2, "--resume"), in: workspace)
        #expect(result.code == 1)
        #expect(
            result.errors
                == "Error: there is no training state in \(workspace["run/training-state"].path); "
                + "leave out --resume to start a new run\n")
        #expect(try workspace.snapshot() == before)
    }

    @Test func aUsedFolder() async throws {
        let workspace = try Workspace()
        #expect(try await Tool.run(workspace.train("run"), in: workspace).code == 0)
        let before = try workspace.snapshot()
        let again = try await Tool.run(workspace.train("run"), in: workspace)
        #expect(again.code == 1)
        #expect(
            again.errors
                == "Error: \(workspace["run"].path) already holds a training run; continue it with --resume, or choose "
                + "another output folder\n")
        let other = try await Tool.run(workspace.train("run", steps: 3, "--resume"), in: workspace)
        #expect(other.code == 1)
        #expect(
            other.errors
                == "Error: the training state in \(workspace["run/training-state"].path) belongs to another run: the number "
                + "of steps was 4, not 3; repeat the run's settings, or leave out --resume and choose another output "
                + "folder\n")
        #expect(try workspace.snapshot() == before)
    }

    @Test func aDamagedState() async throws {
        let workspace = try Workspace()
        #expect(try await Tool.run(workspace.train("run"), in: workspace).code == 0)
        try Tampering.truncate(workspace["run/training-state/state.safetensors"], by: 10)
        let before = try workspace.snapshot()
        let result = try await Tool.run(workspace.train("run", steps: 4, "--resume"), in: workspace)
        #expect(result.code == 1)
        #expect(result.errors.contains("training-state/state.safetensors is damaged at tensor "), "\(result.errors)")
        #expect(try workspace.snapshot() == before)
    }

    @Test(arguments: [
        ["--reparametrization", "none"], ["--reparametrization", "16"], ["--method", "fine-tune"],
    ])
    func aRateThatDiverges(_ method: [String]) async throws {
        let workspace = try Workspace()
        // The first step has rate 0, and what is saved after it is the last good checkpoint.
        let result = try await Tool.run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "run", "--steps", "50", "--batch-size",
                "2",
                "--learning-rate", "1e39", "--warmup", "3", "--save-every", "1", "--validation", "data.jsonl",
                "--validate-every", "1",
            ] + method, in: workspace)
        #expect(result.code == 1)
        let sentence = result.errors.split(separator: "\n").last ?? ""
        #expect(sentence.hasPrefix("Error: training diverged at step "), "\(sentence)")
        #expect(
            sentence.hasSuffix(
                "; the last good checkpoint was kept, so start again with a lower --learning-rate or a --warmup"))
        let tuned = method[1] == "fine-tune" ? ["--model", "run"] : ["--model", "model", "--prefix", "run"]
        let score = try await Tool.run(["score", "--data", "data.jsonl"] + tuned, in: workspace)
        #expect(score.code == 0, "\(score.errors)")
        #expect(score.errors.hasPrefix("perplexity "))
        #expect(try await Tool.run(["inspect", "run"], in: workspace).output.contains(", not finished\n"))
    }

    @Test func aSignalAtAnyMomentEndsARunThatCanBeResumed() async throws {
        let workspace = try Workspace()
        let arguments = workspace.train(
            "whole", steps: 60, "--save-every", "7", "--validation", "data.jsonl", "--validate-every", "5",
            "--tokens-per-pass", "12")
        let begin = Date()
        let whole = try await Tool.run(arguments, in: workspace)
        #expect(whole.code == 0, "\(whole.errors)")
        let length = Date().timeIntervalSince(begin)
        let expected = try essence(workspace, "whole")
        var generator = SeededGenerator(seed: 5)
        for trial in 0..<6 {
            let name = "run\(trial)", number = [SIGTERM, SIGINT, SIGHUP][trial % 3]
            let mine = arguments.map { $0 == "whole" ? name : $0 }
            let running = try Tool.start(mine, in: workspace)
            try await Task.sleep(for: .seconds(length * Double.random(in: 0..<1, using: &generator)))
            kill(running.process.processIdentifier, number)
            let stopped = try await running.result()
            #expect(stopped.code == (stopped.wasKilled ? number : 0), "\(stopped.errors)")
            let state = workspace["\(name)/training-state/state.safetensors"].path
            let resumes = FileManager.default.fileExists(atPath: state)
            let resumed = try await Tool.run(mine + (resumes ? ["--resume"] : []), in: workspace)
            #expect(resumed.code == 0, "\(resumed.errors)")
            let found = try essence(workspace, name)
            #expect(found.keys.sorted() == expected.keys.sorted())
            for (file, data) in expected { #expect(found[file] == data, "\(name)/\(file)") }
        }
    }

    @Test func aReaderOfProgressThatGoesAwayDoesNotEndARun() async throws {
        let workspace = try Workspace()
        let shell = Process(), tool = try Tool.binary().path
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The reader is gone before the first line.
        let line = ([tool] + workspace.train("run", steps: 30, "--validation", "data.jsonl", "--validate-every", "1"))
            .map { "'\($0)'" }.joined(separator: " ")
        shell.arguments = ["-c", "{ sleep 0.2; \(line); echo $? > code; } 2>&1 | true"]
        shell.currentDirectoryURL = workspace.folder
        try shell.run()
        shell.waitUntilExit()
        let deadline = Date(timeIntervalSinceNow: 60)
        while !FileManager.default.fileExists(atPath: workspace["code"].path), Date() < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(50))
        #expect(try workspace.text("code") == "0\n")
        #expect(try workspace.text("run/summary.json").contains("\"finished\""))
    }

    @Test func aFolderBelongsToOneProcess() async throws {
        let workspace = try Workspace()
        let others = [[], ["--resume"]].enumerated().map { index, more in
            "\(Tool.line(arguments(workspace, "run") + more)) 2> other\(index); echo $? > code\(index)"
        }
        let result = try await Tool.shell(
            Tool.interruption(
                arguments(workspace, "run"), by: SIGKILL, after: 120, linesOf: "run/metrics.jsonl",
                first: others.joined(separator: "\n") + "\necho $pid > pid"),
            in: workspace)
        #expect(result.code == 128 + SIGKILL)
        let pid = try workspace.text("pid").dropLast()
        for index in 0..<2 {
            #expect(try workspace.text("code\(index)") == "1\n")
            let other = try workspace.text("other\(index)")
            #expect(
                other.hasPrefix(
                    "Error: \(workspace["run/training-state"].path) is being written to by process \(pid) on "),
                "\(other)")
        }
        let resumed = try await Tool.run(arguments(workspace, "run", "--resume"), in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        #expect(try workspace.text("run/metrics.jsonl").split(separator: "\n").count == Self.steps)
        #expect(!FileManager.default.fileExists(atPath: workspace["run/training-state/lock"].path))
    }

    @Test func anotherBaseModelOfTheSameSizes() async throws {
        let workspace = try Workspace()
        let arguments = workspace.train("run", steps: 4)
        #expect(try await Tool.run(arguments, in: workspace).code == 0)
        let file = workspace["model/model.safetensors"]
        var data = try Data(contentsOf: file)
        data[data.count - 4] ^= 1
        try data.write(to: file)
        let resumed = try await Tool.run(arguments + ["--resume"], in: workspace)
        #expect(resumed.code == 1 && resumed.errors.contains("its base model had other weights"), "\(resumed.errors)")
        for command in [
            ["generate", "--prompt", "the cat", "--max-new-tokens", "2"], ["score", "--data", "data.jsonl"],
        ] {
            let result = try await Tool.run(command + ["--model", "model", "--prefix", "run"], in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            let warnings = result.errors.components(separatedBy: "Warning: ").count - 1
            #expect(warnings == 1 && result.errors.contains("run was trained on other weights"), "\(result.errors)")
        }
    }
}
