import Foundation
import PrefixTuning
import Testing

/// The same command again and again, as a queue starts it.
@Suite struct ResumeAutoTests {
    @Test func beginsGoesOnAndIsDone() async throws {
        let workspace = try Workspace()
        let alone = try await Tool.run(
            workspace.train("alone", steps: 40, "--save-every", "3"), in: workspace)
        #expect(alone.code == 0, "\(alone.errors)")
        let command = workspace.train("out", steps: 40, "--resume", "auto", "--save-every", "3")
        // Ended once in the middle; begun where there was nothing.
        let stopped = try await Tool.shell(
            Tool.interruption(command, by: SIGTERM, after: 5, linesOf: "out/metrics.jsonl"), in: workspace)
        #expect(stopped.code == 143 || stopped.code == 0, "\(stopped.errors)")
        #expect(TrainingRun.isBegun(in: workspace["out"]))
        for turn in 0..<2 {
            let result = try await Tool.run(command, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                result.errors.contains("nothing is left to do: the run is finished") == (turn == 1 || stopped.code == 0)
            )
            for name in ["adapter_model.safetensors", "training-state/state.safetensors"] {
                #expect(try Data(contentsOf: workspace["out/\(name)"]) == Data(contentsOf: workspace["alone/\(name)"]))
            }
        }
        // What the run recorded is enough, as with --resume alone.
        let short = try await Tool.run(["train", "--resume=auto", "--output", "out"], in: workspace)
        #expect(short.code == 0 && short.errors.contains("nothing is left to do"), "\(short.errors)")
    }

    @Test func ofSeveralSeeds() async throws {
        let workspace = try Workspace()
        let command = workspace.train("out", steps: 2, "--seeds", "1", "2", "--resume", "auto")
        for _ in 0..<2 {
            let result = try await Tool.run(command, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
        }
    }

    @Test func whatIsNoWordForIt() async throws {
        let workspace = try Workspace()
        let other = try await Tool.run(workspace.train("out", steps: 2, "--resume", "always"), in: workspace)
        #expect(other.code == 2 && other.errors.contains("always"), "\(other.errors)")
        // Nothing to go on from, and nothing to begin with.
        let nothing = try await Tool.run(["train", "--resume", "auto", "--output", "out"], in: workspace)
        #expect(nothing.code == 2 && nothing.errors.contains("--data"), "\(nothing.errors)")
    }

    @Test func theSummaryNamesTheSums() async throws {
        let workspace = try Workspace()
        for (more, expected) in [
            ([], TrainingSettings.GradientSums.exact), (["--reduction", "fast"], .fast),
        ] {
            let output = "out-\(expected.rawValue)"
            let result = try await Tool.run(workspace.train(output, steps: 2) + more, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            let summary = try TrainingSummary(contentsOf: workspace[output])
            #expect(
                summary.gradient_sums == expected && summary.ranks == nil && summary.exchanged_bytes_per_step == nil)
        }
    }
}
