import Foundation
import PrefixTuning
import Synchronization
import TestSupport
import Testing

/// `convert` to the forms of servers and back, and `deploy` against a server on loopback.
@Suite struct DeployTests {
    private func run(_ arguments: [String], _ workspace: Workspace) async throws -> Tool.Result {
        try await Tool.run(arguments + ["--threads", "1"], in: workspace)
    }

    @Test func thereAndBack() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for target in ["llama-slot", "llama-session", "mlx"] {
            let served = try await run(
                ["convert", "prefix", "served-\(target)", "--to", target, "--model", "model", "--cache-type", "f32"],
                workspace)
            #expect(served.code == 0 && served.output == "", "\(target): \(served.errors)")
            #expect(
                served.errors.hasSuffix(
                    ": 3 positions, written as \(target) to \(workspace["served-\(target)"].path); HOWTO.md has the commands\n"
                ))
            let inspected = try await run(["inspect", "served-\(target)", "--json"], workspace)
            #expect(
                inspected.output.contains("\"dialect\" : \"\(target)\"") && inspected.output.contains("\"length\" : 3"))
            let back = try await run(["convert", "served-\(target)", "back-\(target)", "--model", "model"], workspace)
            #expect(back.code == 0, "\(back.errors)")
            let score = try await ["prefix", "served-\(target)", "back-\(target)"].asyncMap { prefix in
                try await run(["score", "--model", "model", "--prefix", prefix, "--data", "data.jsonl"], workspace)
                    .output
            }
            #expect(score[0] == score[1] && score[0] == score[2] && score[0] != "", "\(target)")
        }
        // A cached prompt can be trained further.
        let trained = try await run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "further", "--steps", "1",
                "--batch-size", "2",
                "--init", "adapter:served-llama-slot", "--reparametrization", "none",
            ], workspace)
        #expect(trained.code == 0, "\(trained.errors)")
    }

    @Test func softPromptsGoOutAsPrefixes() async throws {
        let workspace = try Workspace()
        let model = Fixtures.goldens.appendingPathComponent("gguf/gpt2.gguf").path
        let prompt = Fixtures.goldens.appendingPathComponent("dialects/peft-prompt").path
        try workspace.write("{\"prompt\": \"AB\", \"completion\": \"BC\"}\n", to: "own.jsonl")
        let served = try await run(
            ["convert", prompt, "served", "--to", "llama-slot", "--model", model, "--cache-type", "f32"], workspace)
        #expect(
            served.code == 0 && served.errors.contains("PROMPT_TUNING, as PEFT stores it: a soft prompt: 3 positions"))
        let scores = try await [prompt, "served"].asyncMap { prefix in
            try await run(
                ["score", "--model", model, "--prefix", prefix, "--data", "own.jsonl", "--task", "jsonl"], workspace
            )
            .output
        }
        #expect(scores[0] == scores[1] && scores[0] != "")
    }

    @Test func refusalsWriteNothing() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let before = try workspace.snapshot(), lora = Fixtures.goldens.appendingPathComponent("dialects/lora-peft").path
        for (arguments, code, says) in [
            (
                ["prefix", "out", "--to", "mlx"], 1,
                "the prefix cannot be written as mlx: the order of keys, the placeholders"
            ),
            (
                ["prefix", "out", "--to", "mlx", "--model", "layers=2,heads=6,head-width=8"], 1,
                "name its folder or file with --model"
            ),
            (
                ["prefix", "out", "--to", "llama-slot", "--model", "model", "--cache-type", "q8_0"], 2,
                "a cache of type q8_0 keeps blocks"
            ),
            (
                ["prefix", "out", "--to", "llama-slot", "--model", "model", "--llama-version", "b1"], 2,
                "llama.cpp b1 are not known"
            ),
            (
                ["prefix", "out", "--to", "mlx", "--model", "model", "--mlx-version", "1"], 2,
                "known are those of 0.32, 0.31"
            ),
            (
                ["prefix", "out", "--to", "llama-slot", "--model", "model", "--placeholders", "1,x"], 2,
                "\"x\" is no token id"
            ),
            (
                ["prefix", "out", "--to", "llama-slot", "--model", "model", "--placeholders", "1"], 1,
                "1 placeholders were given"
            ),
            (
                [
                    "prefix", "out", "--to", "mlx", "--model",
                    Fixtures.goldens.appendingPathComponent("gguf/llama.gguf").path,
                ], 1,
                "is a GGUF file, which mlx-lm does not load; name the folder or hub name that it is to load with --mlx-model"
            ),
            ([lora, "out", "--to", "llama-slot", "--model", "model"], 1, "a LoRA adapter changes the model's weights"),
        ] {
            let result = try await run(["convert"] + arguments, workspace)
            #expect(
                result.code == Int32(code) && result.errors.contains(says),
                "\(arguments): \(result.code) \(result.errors)")
        }
        #expect(try workspace.snapshot() == before)
    }

    /// Each option where it has no meaning.
    @Test(arguments: [
        (
            ["peft"],
            ["--cache-type f32", "--lora x", "--precision int8", "--canary x", "--streams 4", "--transposed-values"]
        ),
        (["mlx"], ["--streams 1", "--transposed-values", "--placeholders 1,2,3", "--anchor x", "--llama-version 0.5"]),
        (["llama-session"], ["--streams 4", "--mlx-model x"]),
        (["llama-slot"], ["--anchor x", "--mlx-version 0.31", "--mlx-model x"]),
    ])
    func optionsWithoutMeaning(target: [String], options: [String]) async throws {
        let workspace = try Workspace()
        for option in options {
            let words = option.split(separator: " ").map(String.init)
            let result = try await run(["convert", "prefix", "out", "--to"] + target + words, workspace)
            #expect(
                result.code == 2
                    && result.errors.contains("\(words[0]) has no meaning with --to \(target[0]), only with "),
                "\(option): \(result.errors)")
        }
    }

    @Test func canariesOfRoundedWeightsAndNamesForMLX() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for (precision, tolerance) in [("f32", 0.1), ("int8", 1.5)] as [(String, Float)] {
            let result = try await run(
                ["convert", "prefix", precision, "--to", "llama-slot", "--model", "model", "--precision", precision],
                workspace)
            #expect(result.code == 0, "\(result.errors)")
            #expect(try DeploymentFacts(folder: workspace[precision]).tolerance == tolerance)
        }
        for more in [[], ["--mlx-model", "model"]] {
            let result = try await run(
                ["convert", "prefix", "mlx", "--to", "mlx", "--model", "model"] + more, workspace)
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                try workspace.text("mlx/HOWTO.md").contains(
                    "The model is `\(workspace["model"].standardizedFileURL.path)`"))
        }
        let read = try await run(
            [
                "convert", "prefix", "model/adapter", "--to", "llama-slot", "--model", "model", "--lora",
                "model/adapter",
            ],
            workspace)
        #expect(read.code != 0 && !FileManager.default.fileExists(atPath: workspace["model/adapter"].path))
        // Another form in the same folder is what the folder then holds.
        let sizes = "layers=2,heads=4,head-width=8"
        let rows = Fixtures.goldens.appendingPathComponent("dialects/rinna-rows.pt").path
        let back = try await run(["convert", rows, "f32", "--to", "authors", "--model", sizes], workspace)
        let inspected = try await run(["inspect", "f32"], workspace)
        #expect(back.code == 0 && inspected.output.contains("GPT-2 checkpoint of the paper's authors"), "\(inspected)")
    }

    @Test func aServerThatLoadsIsWaitedFor() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        _ = try await run(["convert", "prefix", "served", "--to", "llama-slot", "--model", "model"], workspace)
        let asked = Mutex(0)
        let server = try LoopbackServer { request in
            switch request.path {
            case "/health":
                .init(
                    asked.withLock {
                        $0 += 1; return $0
                    } < 3 ? 503 : 200)
            case "/slots/0": asked.withLock(\.self) < 3 ? .init(503) : .init(200, [:], Data("{\"n_restored\": 3}".utf8))
            default: .init(404)
            }
        }
        let restored = try await run(["deploy", "restore", "served", "--url", server.address()], workspace)
        #expect(
            restored.code == 0
                && restored.errors
                    == "waiting for \(server.address()), up to 60 seconds (--wait)\n3 positions restored into slot 0\n",
            "\(restored.errors)")
        server.stop()
    }

    @Test func aServerIsChecked() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let written = try await run(
            ["convert", "prefix", "served", "--to", "llama-slot", "--model", "model"], workspace)
        #expect(written.code == 0, "\(written.errors)")
        let facts = try DeploymentFacts(folder: workspace["served"])
        func server(cached: Int, _ answer: [Int32]) throws -> LoopbackServer {
            try LoopbackServer { request in
                func reply(_ value: Any) -> LoopbackServer.Reply {
                    .init(200, [:], (try? JSONSerialization.data(withJSONObject: value)) ?? Data())
                }
                return switch request.path {
                case "/tokenize": reply(["tokens": facts.placeholders])
                case "/slots": reply([["id": 0]])
                case "/slots/0": reply(["n_restored": facts.length])
                case "/completion": reply(["tokens": answer, "timings": ["cache_n": cached], "id_slot": 0])
                default: .init(404)
                }
            }
        }
        let healthy = try server(cached: 3, facts.answerTokens)
        let arguments = ["deploy", "check", "served", "--slot", "0", "--url"]
        let good = try await run(arguments + [healthy.address()], workspace)
        #expect(good.code == 0 && good.errors == "", "\(good.errors)")
        let count = facts.answerTokens.count
        #expect(
            good.output
                == "healthy: slot 0 answers with the prefix of 3 positions; \(count) of \(count) tokens of the canary as expected\n"
        )
        let restored = try await run(["deploy", "restore", "served", "--url", healthy.address()], workspace)
        #expect(restored.code == 0 && restored.errors == "3 positions restored into slot 0\n")
        healthy.stop()
        let evaluated = try server(cached: 3, facts.answerToPlaceholders)
        let bad = try await run(arguments + [evaluated.address(), "--json"], workspace)
        #expect(
            bad.code == 1 && bad.errors.hasPrefix("Error: trap C: the placeholders were evaluated"), "\(bad.errors)")
        #expect(bad.output.contains("\"trap\" : \"C\"") && bad.output.contains("\"healthy\" : false"))
        evaluated.stop()
        let nobody = try await run(arguments + [evaluated.address(), "--wait", "1"], workspace)
        #expect(
            nobody.code == 1 && nobody.errors.hasPrefix("waiting for ")
                && nobody.errors.contains("start the server, or give its address with --url"),
            "\(nobody.errors)")
        let wrong = try await run(arguments + ["ftp://x"], workspace)
        #expect(wrong.code == 2 && wrong.errors.contains("--url is \"ftp://x\", but an address"))
    }
}
