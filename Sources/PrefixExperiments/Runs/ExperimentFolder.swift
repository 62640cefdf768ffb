import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors

/// The folder of an experiment: of one process, or of several that share its runs.
///
/// A run belongs to the process that has the lock of its folder; the lock of the whole is held only while `experiment.json` or
/// the report is written.
struct ExperimentFolder {
    /// What an experiment is: runs of two different ones do not go into one table.
    struct Identity: Codable, Equatable, Sendable {
        struct DataSet: Codable, Equatable, Sendable {
            var name: String
            var train: Int
            var validation: Int
            var test: Int
            var checksum: String
        }
        var experiment: String
        var settings: ExperimentSettings
        var model: String
        var precision: WeightPrecision
        var modelParameters: Int
        /// Of the model's weights.
        var weights: Digest?
        var data: [DataSet]

        private enum CodingKeys: String, CodingKey {
            case experiment, settings, model, precision, modelParameters = "model_parameters", weights, data
        }
    }

    private let url: URL
    /// Where the runs are.
    var runs: URL { url.appendingPathComponent("runs") }
    private var file: URL { url.appendingPathComponent("experiment.json") }

    /// Opens or makes a folder, whose `experiment.json` is then what is asked now: it may have more runs than before, or
    /// fewer. Nothing is removed, and results of runs that are not asked for stay where they are.
    ///
    /// - Parameter runs: Those that are asked for.
    /// - Throws: ``ExperimentError/otherExperiment(folder:difference:)`` where another experiment is there, or this one with a
    ///   setting that decides what all runs mean; ``ExperimentError/otherRun(file:difference:)`` where a run was done in
    ///   another way than it is asked for.
    init(_ url: URL, identity: Identity, runs: [RunPlan]) throws {
        self.url = url
        try locked {
            if FileManager.default.fileExists(atPath: file.path) {
                guard let found = try? self.identity() else {
                    throw ExperimentError.otherExperiment(
                        folder: url.path, difference: "its experiment.json cannot be read by this version")
                }
                if let difference = try Self.difference(found, identity) {
                    throw ExperimentError.otherExperiment(folder: url.path, difference: difference)
                }
                for plan in runs { _ = try result(of: plan) }
                if found == identity { return }
            } else {
                let content = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
                guard content.allSatisfy({ $0 == FolderLock.fileName }) else {
                    throw ExperimentError.otherExperiment(
                        folder: url.path, difference: "the folder is not empty and no experiment made it")
                }
            }
            try ModelFolder.makeFolder(self.runs)
            try AtomicFile.write(JSONText.document(identity).utf8, to: file)
        }
    }

    /// What the experiment is now: another process may have asked for more.
    func identity() throws -> Identity { try JSONDecoder().decode(Identity.self, from: Data(contentsOf: file)) }

    /// Does something while no other process writes to the folder itself.
    ///
    /// - Throws: `CheckpointError.inUse` where another process has it for half a minute: one that trains a single run, say.
    func locked<Value>(_ body: () throws -> Value) throws -> Value {
        let start = ContinuousClock.now
        while true {
            do {
                let lock = try FolderLock(url)
                return try withExtendedLifetime(lock) { try body() }
            } catch let error as CheckpointError {
                guard case .inUse = error, start.duration(to: .now) < .seconds(30) else { throw error }
                usleep(20_000)
            }
        }
    }

    /// Takes a run for this process, until the lock is let go or the process ends.
    ///
    /// - Returns: Nil where another process has it.
    func claim(_ plan: RunPlan) throws -> FolderLock? {
        for isLast in [false, false, true] {
            do { return try FolderLock(folder(of: plan)) } catch let error as CheckpointError {
                if case .inUse = error { return nil }
                // One that lets go takes its empty folder away, maybe while this one opens a file in it.
                if isLast { throw error }
            }
        }
        return nil
    }

    static func difference(_ found: Identity, _ asked: Identity) throws -> String? {
        if found.experiment != asked.experiment { return "it is \(found.experiment), not \(asked.experiment)" }
        if found.model != asked.model { return "its model is \(found.model), not \(asked.model)" }
        if found.precision != asked.precision {
            return "its precision is \(found.precision.rawValue), not \(asked.precision.rawValue)"
        }
        if found.modelParameters != asked.modelParameters { return "its model has other sizes" }
        if found.weights != asked.weights { return "its model has other weights" }
        if let setting = try JSONDifference(found.settings, asked.settings, besides: ExperimentSettings.choosingRuns) {
            return
                "its \(setting.key) was \(setting.found), not \(setting.asked), which changes what all its runs mean (what "
                + "only chooses runs may change: \(ExperimentSettings.choosingRuns.sorted().joined(separator: ", ")))"
        }
        return found.data == asked.data ? nil : "its data was another"
    }

    /// Reads a file of an experiment's folder.
    ///
    /// - Throws: ``ExperimentError/noReport(file:)``.
    static func read<Value: Decodable>(_ type: Value.Type, _ name: String, in folder: URL) throws -> Value {
        let file = folder.appendingPathComponent(name)
        guard let data = try? Data(contentsOf: file), let value = try? JSONDecoder().decode(type, from: data) else {
            throw ExperimentError.noReport(file: file.path)
        }
        return value
    }

    private func folder(of plan: RunPlan) -> URL {
        runs.appendingPathComponent(plan.identifier)
    }

    private func resultFile(of plan: RunPlan) -> URL { folder(of: plan).appendingPathComponent("result.json") }

    /// Whether a run is done, by the presence of its result alone.
    func isDone(_ plan: RunPlan) -> Bool { FileManager.default.fileExists(atPath: resultFile(of: plan).path) }

    /// The result of a run; nil where it is not done.
    ///
    /// - Throws: ``ExperimentError/badResult(file:)``; ``ExperimentError/otherRun(file:difference:)`` where it is the result
    ///   of another plan of the same name. Doing the run again would lose it, so that is left to whoever asks.
    func result(of plan: RunPlan) throws -> RunResult? {
        let file = resultFile(of: plan)
        guard let data = try? Data(contentsOf: file) else { return nil }
        guard let result = try? JSONDecoder().decode(RunResult.self, from: data) else {
            throw ExperimentError.badResult(file: file.path)
        }
        if let difference = try JSONDifference(result.plan, plan) {
            throw ExperimentError.otherRun(
                file: file.path, difference: "\(difference.key) was \(difference.found), not \(difference.asked)")
        }
        return result
    }

    /// Writes what came of a run; its result last, which makes it done.
    @Compute func write(_ result: RunResult, texts: [String], method: any TuningMethod) throws {
        let folder = folder(of: result.plan)
        try ModelFolder.makeFolder(folder)
        struct Line: Codable { var text: String }
        let lines = try texts.map { try JSONText.line(Line(text: $0)) }
        try AtomicFile.write(lines.joined().utf8, to: folder.appendingPathComponent("texts.jsonl"))
        // Whole models would fill the disk.
        if result.failure == nil, !result.plan.method.method.trainsWeights,
            result.plan.federation?.leavesAdapter ?? true
        {
            try method.write(to: folder.appendingPathComponent("adapter"))
        }
        try AtomicFile.write(JSONText.document(result).utf8, to: folder.appendingPathComponent("result.json"))
    }

    /// The texts of a run.
    func texts(of plan: RunPlan) throws -> [String] {
        struct Line: Codable { var text: String }
        let data = try Data(contentsOf: folder(of: plan).appendingPathComponent("texts.jsonl"))
        return try data.split(separator: UInt8(ascii: "\n"))
            .map { try JSONDecoder().decode(Line.self, from: $0).text }
    }

    /// Writes all results in one file, the report, and settings that the runs chose.
    func write(_ record: ExperimentRecord, _ page: ReportPage, settings: String?) throws {
        if let settings { try AtomicFile.write(settings.utf8, to: url.appendingPathComponent("settings.json")) }
        try AtomicFile.write(JSONText.document(record).utf8, to: url.appendingPathComponent("results.json"))
        try AtomicFile.write(page.html.utf8, to: url.appendingPathComponent("report.html"))
    }
}
