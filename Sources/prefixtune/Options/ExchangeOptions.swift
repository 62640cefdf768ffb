import ArgumentParser
import Foundation
import PrefixTuning

/// What processes exchange, and by what links, in `benchmark --work exchange`.
struct ExchangeOptions: ParsableArguments {
    @Option(
        help: .n("Numbers that a step's gradients have; by default those of a prefix of --prefix-length of --model."))
    var values: Int?
    @Option(help: .x("Mbit/s of each process's link; what the exchange takes on paper is shown beside it then."))
    var bandwidth: Double?
    @Option(help: .x("Microseconds that a message takes by it, however small; 50 by default.")) var latency: Double?

    /// The link on paper; nil where no bandwidth is given.
    var link: AllReduceModel? {
        bandwidth.map { AllReduceModel(bandwidth: $0 * 1e6, latency: (latency ?? 50) * 1e-6) }
    }

    /// The name of an option that was given.
    var given: String? {
        if values != nil { return "--values" }
        if bandwidth != nil { return "--bandwidth" }
        return latency != nil ? "--latency" : nil
    }

    func validate() throws {
        if let values, !(1...1 << 28).contains(values) {
            throw ValidationError("--values is \(values), but 1 to \(1 << 28) are possible.")
        }
        if let bandwidth, !(bandwidth > 0 && bandwidth.isFinite) {
            throw ValidationError("--bandwidth is \(bandwidth), but a number of Mbit/s above 0 is needed.")
        }
        if let latency {
            guard latency >= 0, latency.isFinite else {
                throw ValidationError("--latency is \(latency), but a number of microseconds of 0 or more is needed.")
            }
            guard bandwidth != nil else { throw ValidationError("--latency has no meaning without --bandwidth.") }
        }
    }
}
