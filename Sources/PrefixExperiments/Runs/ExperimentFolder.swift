import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors

/// The folder of an experiment.
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
    private let lock: FolderLock

    /// Opens or makes a folder.
    ///
    /// - Throws: ``ExperimentError/otherExperiment(folder:difference:)`` where another experiment is there.
    init(_ url: URL, lock: FolderLock, identity: Identity) throws {
        self.url = url
        self.lock = lock
        let file = url.appendingPathComponent("experiment.json")
        if let data = try? Data(contentsOf: file) {
            guard let found = try? JSONDecoder().decode(Identity.self, from: data) else {
                throw ExperimentError.otherExperiment(
                    folder: url.path, difference: "its experiment.json cannot be read by this version")
            }
            if let difference = Self.difference(found, identity) {
                throw ExperimentError.otherExperiment(folder: url.path, difference: difference)
            }
        } else {
            let content = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
            guard content.allSatisfy({ $0 == FolderLock.fileName }) else {
                throw ExperimentError.otherExperiment(
                    folder: url.path, difference: "the folder is not empty and no experiment made it")
            }
            try ModelFolder.makeFolder(url)
            try AtomicFile.write(JSONText.document(identity).utf8, to: file)
        }
    }

    private static func difference(_ found: Identity, _ asked: Identity) -> String? {
        if found.experiment != asked.experiment { return "it is \(found.experiment), not \(asked.experiment)" }
        if found.model != asked.model { return "its model is \(found.model), not \(asked.model)" }
        if found.precision != asked.precision {
            return "its precision is \(found.precision.rawValue), not \(asked.precision.rawValue)"
        }
        if found.data != asked.data { return "its data was another" }
        if found.modelParameters != asked.modelParameters { return "its model has other sizes" }
        if found.weights != asked.weights { return "its model has other weights" }
        if found.settings != asked.settings { return "its settings were others (they stand in its experiment.json)" }
        return nil
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
        url.appendingPathComponent("runs").appendingPathComponent(plan.identifier)
    }

    /// The result of a run; nil where it is not done.
    func result(of plan: RunPlan) throws -> RunResult? {
        let file = folder(of: plan).appendingPathComponent("result.json")
        guard let data = try? Data(contentsOf: file) else { return nil }
        // A result of another plan cannot be here: settings and data are the same.
        do {
            return try JSONDecoder().decode(RunResult.self, from: data)
        } catch {
            throw ExperimentError.badResult(file: file.path)
        }
    }

    /// Writes what came of a run; its result last, which makes it done.
    @Compute func write(_ result: RunResult, texts: [String], method: any TuningMethod) throws {
        let folder = folder(of: result.plan)
        try ModelFolder.makeFolder(folder)
        struct Line: Codable { var text: String }
        let lines = try texts.map { try JSONText.line(Line(text: $0)) }
        try AtomicFile.write(lines.joined().utf8, to: folder.appendingPathComponent("texts.jsonl"))
        // Whole models would fill the disk.
        if result.failure == nil, !result.plan.method.method.trainsWeights {
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

    /// Writes all results in one file.
    func write(_ record: ExperimentRecord) throws {
        try AtomicFile.write(JSONText.document(record).utf8, to: url.appendingPathComponent("results.json"))
    }

    /// Writes the report.
    func write(_ page: ReportPage) throws {
        try AtomicFile.write(page.html.utf8, to: url.appendingPathComponent("report.html"))
    }
}
