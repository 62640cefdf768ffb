import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors

/// What several processes exchange in a training step. The first tells; the others only say what goes wrong.
extension Benchmark {
    @Compute func measureExchange() async throws {
        guard MPIRanks.launcher(ProcessInfo.processInfo.environment) != nil else {
            throw CommandError.nothingToExchange
        }
        let ranks = try MPIRanks(timeout: 300)
        do {
            try await measureExchange(on: ranks)
            try ranks.leave()
        } catch RankError.noAnswer(let seconds, let place) {
            // Not the usual end: MPI's own would wait for the others, too.
            ranks.say(RankError.noAnswer(seconds: seconds, place: place))
            _exit(75)
        } catch {
            guard ranks.index > 0 else { throw error }
            ranks.say(error)
            _exit(1)
        }
    }

    @Compute private func measureExchange(on ranks: MPIRanks) async throws {
        var name: String?, counts = exchange.values.map { [$0] } ?? []
        if exchange.values == nil {
            guard prefixLength > 0 else {
                throw BenchmarkError.badSetting(name: "prefix length for the exchange", value: 0, least: 1)
            }
            let model = try ModelName.chosen(self.model, adapters: [], common)
            let loaded = try LanguageModel.load(
                try await model.located(quiet: common.quiet || ranks.index > 0), for: .tuning, precision: precision,
                name: model.description)
            var settings = PrefixMethod.Settings()
            settings.length = prefixLength
            // The MLP of a prefix is not exchanged.
            settings.hiddenWidth = nil
            counts = RankExchange.counts(of: try PrefixMethod(model: loaded, settings: settings, seed: 1))
            name = loaded.name
        }
        ranks.place = "in the benchmark"
        let exchange = try RankExchange(of: counts, rounds: rounds, on: ranks)
        let smallest = try exchange.smallest()
        let results = try TrainingSettings.GradientSums.allCases.map { try exchange.measure($0) }
        guard ranks.index == 0 else { return }
        let report = ExchangeReport(
            results, smallest: smallest, values: counts.reduce(0, +), model: name, link: self.exchange.link, on: ranks)
        try ResultOutput.write(to: nil) { write in try write(json ? try JSONText.line(report) : report.text) }
    }
}
