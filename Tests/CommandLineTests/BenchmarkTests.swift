import Foundation
import Testing

@Suite struct BenchmarkTests {
    /// What a line of JSON must hold at least.
    private struct Line: Decodable {
        let work: String
        let cache_type: String
        let tokens_per_second: [Double]
        let median_tokens_per_second: Double
        let tokens_per_round: Double
        let operations: [Operation]

        struct Operation: Decodable {
            let name: String
            let calls: Int
            let seconds: Double
            let floor_seconds: Double
        }
    }

    private static let small = [
        "benchmark", "--model", "model", "--batch-size", "2", "--prefix-length", "3", "--prompt-length", "5",
        "--new-tokens", "4", "--rounds", "2",
    ]

    @Test func allKindsOfWork() async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        let result = try await Tool.run(Self.small + ["--beams", "2", "--prefixes", "2", "--json"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let lines = try result.output.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        #expect(lines.map(\.work) == ["train", "prefill", "decode"])
        #expect(lines.map(\.cache_type) == ["f32", "f32", "f32"])
        // Two examples of prompt and answer, two prompts, and for each three tokens after the first.
        #expect(lines.map(\.tokens_per_round) == [40, 10, 6])
        for line in lines {
            #expect(line.tokens_per_second.count == 2)
            #expect(line.tokens_per_second.allSatisfy { $0 > 0 && $0.isFinite })
            #expect(line.median_tokens_per_second == line.tokens_per_second.reduce(0, +) / 2)
            #expect(line.operations.isEmpty)
        }
        #expect(try workspace.snapshot() == before)
    }

    @Test func everyOperationHasAFloor() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(Self.small + ["--work", "train", "--profile", "--json"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let line = try JSONDecoder().decode(Line.self, from: Data(result.output.utf8))
        let names = Set(line.operations.map(\.name))
        #expect(names.isSuperset(of: ["attention", "attention, back", "layer norm", "cross-entropy", "AdamW", "add"]))
        #expect(names.contains { $0.hasPrefix("product ") })
        #expect(line.operations.allSatisfy { $0.calls > 0 && $0.seconds > 0 && $0.floor_seconds > 0 })
    }

    @Test func aTableForPeople() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(Self.small + ["--work", "decode", "--profile"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        for text in ["at best: ", "\ndecode ", "  operation ", "  attention ", "  between operations", "  all "] {
            #expect(result.output.contains(text), "\(text)")
        }
    }

    @Test func keysAndValuesInSixteenBits() async throws {
        let workspace = try Workspace(), arguments = Self.small + ["--cache-type", "bf16"]
        let result = try await Tool.run(arguments + ["--json"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let lines = try result.output.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        #expect(lines.map(\.cache_type) == ["f32", "bf16", "bf16"])
        let table = try await Tool.run(arguments + ["--work", "decode", "--profile"], in: workspace)
        #expect(table.output.contains(", f32, keys and values in bf16, "), "\(table.output)")
        let refused = try await Tool.run(arguments + ["--work", "train"], in: workspace)
        #expect(refused.code == 2)
        #expect(
            refused.errors.contains(
                "--cache-type bf16 has no meaning with --work train, which holds keys and values in 32 bits; leave it out."
            ))
    }

    @Test func theExchangeNeedsSeveralProcesses() async throws {
        let workspace = try Workspace()
        let alone = try await Tool.run(Self.small + ["--work", "exchange"], in: workspace)
        #expect(alone.code == 1 && alone.output == "")
        #expect(alone.errors.contains("one process exchanges nothing; start several: mpirun -n 2 "), "\(alone.errors)")
        for (options, sentence) in [
            (["--work", "exchange", "train"], "--work exchange is measured by itself."),
            (["--work", "exchange", "--profile"], "--profile has no meaning with --work exchange."),
            (["--values", "10"], "--values has no meaning without --work exchange."),
            (["--work", "exchange", "--latency", "10"], "--latency has no meaning without --bandwidth."),
            (["--work", "exchange", "--values", "0"], "--values is 0, but 1 to 268435456 are possible."),
            (
                ["--work", "exchange", "--bandwidth", "0"],
                "--bandwidth is 0.0, but a number of Mbit/s above 0 is needed."
            ),
        ] {
            let refused = try await Tool.run(Self.small + options, in: workspace)
            #expect(refused.code == 2 && refused.errors.contains(sentence), "\(refused.errors)")
        }
    }

    @Test func sizesThatDoNotFit() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(Self.small + ["--new-tokens", "100000"], in: workspace)
        #expect(result.code == 1)
        #expect(result.output == "")
        #expect(result.errors.contains("prefix, prompt and new tokens take 100008 positions, but the model has "))
    }
}
