import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import TextMetrics

/// The same training with several seeds.
extension Train {
    /// Mean and standard deviation of a figure over the seeds.
    struct Spread: Encodable {
        let mean: Double
        /// With n - 1 in the denominator; nil of one value.
        let standard_deviation: Double?
        let values: [Double]

        init(_ values: [Double]) {
            let found = SampleMean(values)
            self.values = values
            mean = found?.value ?? .nan
            standard_deviation = found?.deviation
        }
    }

    /// What seeds.json holds.
    private struct Overview: Encodable {
        let seeds: [UInt64]
        let figures: [String: Spread]
    }

    /// Refuses a folder of one run for several, and of several for one; and of several for others than those that it has.
    func checkSeeds(of folder: URL) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let begun = Set(
            names.filter { $0.hasPrefix("seed-") && TrainingRun.isBegun(in: folder.appendingPathComponent($0)) })
        if seeds.isEmpty ? !begun.isEmpty : TrainingRun.isBegun(in: folder) {
            throw CommandError.otherSeeds(folder: folder.path, hasSeeds: seeds.isEmpty)
        }
        // With --resume there may be more of them than before.
        if !begun.isSubset(of: resume ? Set(seeds.map { "seed-\($0)" }) : []) {
            throw CommandError.otherSeeds(folder: folder.path, hasSeeds: true)
        }
    }

    /// Trains with each seed, then says how far the results lie apart. With --resume, runs that are done are not done again, and
    /// runs that were not begun begin.
    @Compute func trainEach() async throws {
        try checkSeeds(of: output)
        let lock = try FolderLock(output)
        defer { withExtendedLifetime(lock) {} }
        let material = try await material()
        try options(of: material, seed: nil).write(to: OptionFile.run(in: output))
        var figures: [(name: String, values: [Double])] = []
        func add(_ name: String, _ value: Double) {
            if let index = figures.firstIndex(where: { $0.name == name }) {
                figures[index].values.append(value)
            } else {
                figures.append((name, [value]))
            }
        }
        for seed in seeds {
            let folder = output.appendingPathComponent("seed-\(seed)")
            common.note("seed \(seed)")
            var command = self
            // One that was not begun when the others were interrupted.
            if resume, !TrainingRun.isBegun(in: folder) { command.resume = false }
            let lock = try TrainingRun.claim(folder, resumes: command.resume)
            guard try command.train(material, seed: seed, into: folder, lock: lock) else {
                return common.note("prefixtune train --resume --output \(output.path) continues with all seeds")
            }
            let summary = try TrainingSummary(contentsOf: folder)
            if let loss = summary.last_loss { add("last training loss", loss) }
            if let loss = summary.best_validation_loss { add("best validation loss", loss) }
            for score in try command.test(folder, material)?.report.scores ?? [] { add(score.name, score.value) }
        }
        let spreads = figures.map { ($0.name, Spread($0.values)) }
        let overview = Overview(seeds: seeds, figures: Dictionary(spreads) { $1 })
        try AtomicFile.write(Data(JSONText.document(overview).utf8), to: output.appendingPathComponent("seeds.json"))
        try ResultOutput.write(to: nil) { write in
            for (name, spread) in spreads {
                try write(
                    name.padding(toLength: max(22, name.count), withPad: " ", startingAt: 0)
                        + String(format: "%.4f", spread.mean)
                        + (spread.standard_deviation.map { String(format: " ± %.4f", $0) } ?? "")
                        + "   " + spread.values.map { String(format: "%.4f", $0) }.joined(separator: ", ") + "\n")
            }
        }
    }
}
