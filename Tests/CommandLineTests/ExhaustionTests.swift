import Foundation
import PrefixExperiments
import TestSupport
import Testing

/// Memory that runs out: at any block, and at any limit, a sentence and exit code 1, and nothing is lost.
@Suite struct ExhaustionTests {
    private static let steps = 2

    private func arguments(_ workspace: Workspace, _ output: String, _ more: String...) -> [String] {
        workspace.train(
            output, steps: Self.steps, "--save-every", "1", "--validation", "data.jsonl", "--validate-every", "1",
            "--prefix-dropout", "0.1", "--quiet") + more
    }

    /// What must not depend on interruptions: everything but times.
    private func essence(_ workspace: Workspace, _ folder: String) throws -> [String: Data] {
        var files = try workspace.snapshot(folder)
        files["summary.json"] = nil
        files["report.html"] = nil
        let text = try workspace.text("\(folder)/metrics.jsonl")
        files["metrics.jsonl"] = Data(text.replacing(/"seconds":[^,}]*/, with: "").utf8)
        return files
    }

    /// One sentence on standard error, exit code 1, no signal.
    private func expectSentence(_ result: Tool.Result, _ place: String) {
        #expect(result.code == 1 && !result.wasKilled, "\(place): \(result.code) \(result.errors)")
        #expect(result.errors.hasPrefix("Error: out of memory"), "\(place): \(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(place): \(result.errors)")
    }

    /// For the n-th block there is no memory: n = 1, 2, … through loading and two steps, the first ones and some of the others.
    @Test func aBlockThatIsNotToBeHad() async throws {
        let workspace = try Workspace()
        #expect(try await Tool.run(arguments(workspace, "whole"), in: workspace).code == 0)
        let whole = try essence(workspace, "whole")
        // As many as a run takes: doubled until it ends well.
        var end = 64
        while try await failing(end, "end", in: workspace).code == 1 {
            try FileManager.default.removeItem(at: workspace["end"])
            end *= 2
            guard end < 1 << 20 else { break }
        }
        var generator = Seeded(state: 5), saved = 0, failures = 0
        // Most blocks are those of the page's sample answers, after the steps: small numbers are as many as large ones here.
        let blocks = (0..<24).map { _ in
            Int(exp(Double.random(in: log(4)..<log(Double(end)), using: &generator)))
        }
        for block in [1, 2, 3] + blocks {
            let place = "block \(block)"
            let result = try await failing(block, "parts", in: workspace)
            if result.code != 0 {
                failures += 1
                expectSentence(result, place)
            }
            let hasState = FileManager.default.fileExists(
                atPath: workspace["parts/training-state/state.safetensors"].path)
            if result.errors.contains(" is saved in ") { saved += 1 }
            if result.code != 0 {
                let more = hasState ? ["--resume"] : []
                let again = try await Tool.run(arguments(workspace, "parts") + more, in: workspace)
                #expect(again.code == 0, "\(place): \(again.errors)")
            }
            let found = try essence(workspace, "parts")
            #expect(found.keys.sorted() == whole.keys.sorted(), "\(place)")
            for (name, data) in whole { #expect(found[name] == data, "\(place): \(name)") }
            try FileManager.default.removeItem(at: workspace["parts"])
        }
        #expect(
            failures >= 12 && saved >= 4,
            "\(failures) failures, \(saved) saved in the middle of a step, of \(end) blocks")
    }

    private func failing(_ block: Int, _ output: String, in workspace: Workspace) async throws -> Tool.Result {
        try await Tool.start(
            arguments(workspace, output), in: workspace, environment: ["PREFIXTUNE_FAIL_BLOCK": "\(block)"]
        ).result()
    }

    #if os(Linux)
        /// The whole of memory is limited, so that it is not only ours that runs out: oneDNN's, the kernels', Swift's.
        @Test(
            .disabled(
                if: Sanitizer.reservesAddresses, "a sanitizer reserves terabytes, so that no limit lets a process start"
            ))
        func aLimitOfAddresses() async throws {
            let workspace = try Workspace()
            let lines = try String(contentsOf: EmbeddedModel.tables(.train), encoding: .utf8).split(separator: "\n")
            try workspace.write(lines.prefix(60).joined(separator: "\n"), to: "many.jsonl")
            let arguments = [
                "train", "--model", try EmbeddedModel.folder().path, "--data", "many.jsonl", "--output", "run",
                "--steps",
                "1", "--batch-size", "60", "--tokens-per-pass", "4096", "--prefix-length", "8", "--quiet", "--threads",
                "2",
            ]
            var failures = 0
            // Below are windows of some 10 MB (320, and 375 to 385, now) where libdispatch waits for a thread that it cannot have, for ever: a
            // wait that is not ours to end. Memory of ours runs out from here on.
            for megabytes in stride(from: 410, through: 710, by: 30) {
                let result = try await Tool.start(
                    arguments, in: workspace, limits: "ulimit -v \(megabytes * 1024)"
                ).result()
                if result.code != 0 {
                    failures += 1
                    expectSentence(result, "\(megabytes) MB")
                }
                try? FileManager.default.removeItem(at: workspace["run"])
            }
            #expect(failures >= 4, "the limits are too high")
        }
    #endif
}

/// SplitMix64 (Steele et al. 2014).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
