import Foundation
import PrefixExperiments
import PrefixTuning
import Tensors

/// What a benchmark found out about one kind of work, for people and as JSON.
struct BenchmarkReport: Encodable {
    struct Operation: Encodable {
        let name: String
        let calls: Int
        let seconds: Double
        let floor_seconds: Double
    }

    let model: String
    let precision: String
    let cache_type: CacheType
    let threads: Int
    let work: SpeedBenchmark.Work
    let setup: SpeedBenchmark.Setup
    /// Of each round.
    let tokens_per_second: [Double]
    let median_tokens_per_second: Double
    let tokens_per_round: Double
    let seconds: Double
    let peak_memory_bytes: Int
    let machine: MachineRates?
    /// Where the seconds went, the longest first; empty without a profile.
    let operations: [Operation]

    @Compute init(
        _ result: SpeedBenchmark.Result, setup: SpeedBenchmark.Setup, model: String, precision: String,
        cacheType: CacheType, rates: MachineRates?
    ) {
        self.model = model
        self.precision = precision
        cache_type = cacheType
        self.setup = setup
        threads = Compute.threads
        work = result.work
        tokens_per_second = result.rates
        median_tokens_per_second = result.median
        tokens_per_round = result.tokens
        seconds = result.seconds
        peak_memory_bytes = ProcessMemory.peak
        machine = rates
        operations = result.profile.entries.sorted { $0.seconds > $1.seconds }.map {
            Operation(
                name: $0.name, calls: $0.calls, seconds: $0.seconds, floor_seconds: rates.map($0.floor) ?? 0)
        }
    }

    var text: String {
        let least = tokens_per_second.min() ?? 0, most = tokens_per_second.max() ?? 0
        var text = String(
            format: "%@  %.0f tokens/s (%.0f to %.0f over %d rounds of %.0f tokens), %.2f GB at most\n",
            work.rawValue.padding(to: 8), median_tokens_per_second, least, most, tokens_per_second.count,
            tokens_per_round, Double(peak_memory_bytes) * 1e-9)
        guard machine != nil else { return text }
        text += "  operation               calls  ms/round   share  floor ms   floor/time\n"
        let rounds = Double(max(1, tokens_per_second.count)), total = max(seconds, 1e-9)
        func line(_ name: String, _ calls: String, _ time: Double, _ floor: Double?) {
            text += String(
                format: "  %@ %@ %9.2f %6.1f%%", name.padding(to: 22),
                String(repeating: " ", count: max(0, 6 - calls.count)) + calls,
                time * 1e3 / rounds, time / total * 100)
            if let floor {
                text += String(format: " %9.2f %11.0f%%", floor * 1e3 / rounds, floor / max(time, 1e-12) * 100)
            }
            text += "\n"
        }
        for operation in operations {
            line(
                operation.name, "\(operation.calls / max(1, tokens_per_second.count))", operation.seconds,
                operation.floor_seconds)
        }
        let known = operations.reduce(0) { $0 + $1.seconds }
        line("between operations", "", seconds - known, nil)
        line("all", "", seconds, operations.reduce(0) { $0 + $1.floor_seconds })
        return text
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
