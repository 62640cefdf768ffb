import Foundation
import PrefixTuning
import Tensors

/// What a benchmark found out about the exchange between processes, for people and as JSON.
@Compute struct ExchangeReport: Encodable {
    /// Of one way to add gradients.
    struct Sum: Encodable {
        let reduction: TrainingSettings.GradientSums
        /// What each process gives, and gets back.
        let bytes_per_step: Int
        /// What each process sends on the way, and receives, at least.
        let wire_bytes_per_step: Int
        /// Of each step, on the process that took longest.
        let seconds: [Double]
        let median_seconds: Double
        /// By ``AllReduceModel``; nil where no link was described.
        let paper_seconds: Double?
    }

    let work = Benchmark.Work.exchange
    /// What the values are those of; nil where their number was given.
    let model: String?
    let processes: Int
    let library: String
    let values: Int
    /// The middle time of an all-reduce of one number.
    let smallest_seconds: Double
    let link_bits_per_second: Double?
    let link_latency_seconds: Double?
    let sums: [Sum]

    init(
        _ results: [RankExchange.Result], smallest: Double, values: Int, model: String?, link: AllReduceModel?,
        on ranks: MPIRanks
    ) {
        self.model = model
        self.values = values
        (processes, library) = (ranks.count, ranks.library)
        smallest_seconds = smallest
        (link_bits_per_second, link_latency_seconds) = (link?.bandwidth, link?.latency)
        sums = results.map { result in
            Sum(
                reduction: result.sums, bytes_per_step: result.bytes,
                wire_bytes_per_step: Int(result.wireBytes(ranks: ranks.count).rounded()), seconds: result.seconds,
                median_seconds: result.median, paper_seconds: link.map { result.seconds(by: $0, ranks: ranks.count) })
        }
    }

    var text: String {
        var text = String(
            format: "exchange  %d processes, %@, %d values%@; the least takes %.3f ms\n", processes, library, values,
            model.map { " of a prefix of \($0)" } ?? "", smallest_seconds * 1e3)
        for sum in sums {
            let least = sum.seconds.min() ?? 0, most = sum.seconds.max() ?? 0
            text += String(
                format:
                    "  %@  %.2f ms a step (%.2f to %.2f over %d rounds), %.3f MB from each process and as much back",
                sum.reduction.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0), sum.median_seconds * 1e3,
                least * 1e3, most * 1e3, sum.seconds.count, Double(sum.bytes_per_step) * 1e-6)
            if let paper = sum.paper_seconds {
                text += String(
                    format: "; %.2f ms on paper (%+.0f%%)", paper * 1e3, (sum.median_seconds / paper - 1) * 100)
            }
            text += "\n"
        }
        return text
    }
}
