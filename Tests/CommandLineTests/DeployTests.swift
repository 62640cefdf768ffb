import Foundation
import PrefixTuning
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
            ([lora, "out", "--to", "llama-slot", "--model", "model"], 1, "a LoRA adapter changes the model's weights"),
        ] {
            let result = try await run(["convert"] + arguments, workspace)
            #expect(
                result.code == Int32(code) && result.errors.contains(says),
                "\(arguments): \(result.code) \(result.errors)")
        }
        #expect(try workspace.snapshot() == before)
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
        let nobody = try await run(arguments + [evaluated.address()], workspace)
        #expect(
            nobody.code == 1 && nobody.errors.contains("start the server, or give its address with --url"),
            "\(nobody.errors)")
        let wrong = try await run(arguments + ["ftp://x"], workspace)
        #expect(wrong.code == 2 && wrong.errors.contains("--url is \"ftp://x\", but an address"))
    }
}
