import Foundation
import LanguageModels

/// What the folder of a training run says of it, whether the run is finished, interrupted or still going on.
public struct TrainingRecord: Sendable {
    /// The run's folder.
    public let folder: URL
    /// What came of it; nil until it ends for the first time.
    public let summary: TrainingSummary?
    /// Whether the summary is of the last step: that of a run that was resumed tells of the time before.
    public var isCurrent: Bool { summary?.steps == lastStep }
    /// The options that the run was begun with, by name, as `run.json` has them; none where there is no such file.
    let options: [(name: String, value: String)]
    let steps: [MetricsLine]
    let validations: [ValidationLine]
    /// Validation prompts with their answers.
    public let samples: [TrainingSample]

    /// The last step that was written down; 0 for none.
    public var lastStep: Int { steps.last?.step ?? 0 }

    /// Reads a folder.
    ///
    /// - Throws: ``TrainingError/noRun(folder:)`` where it is none of a training run, `CheckpointError` where its summary is
    ///   damaged.
    public init(_ folder: URL) throws {
        self.folder = folder
        func data(_ name: String) -> Data? { try? Data(contentsOf: folder.appendingPathComponent(name)) }
        func lines<Line: Decodable>(_ name: String, _ type: Line.Type) -> [Line] {
            let decoder = JSONDecoder()
            // A run may be writing its last line at this moment.
            return (data(name) ?? Data()).split(separator: UInt8(ascii: "\n")).compactMap {
                try? decoder.decode(type, from: $0)
            }
        }
        let summary = data("summary.json"), metrics = data("metrics.jsonl")
        guard summary != nil || metrics != nil else { throw TrainingError.noRun(folder: folder.path) }
        self.summary = try summary.map { data in
            do {
                return try JSONDecoder().decode(TrainingSummary.self, from: data)
            } catch {
                throw CheckpointError.invalidConfiguration(
                    file: folder.appendingPathComponent("summary.json").path, path: "",
                    reason: "it is not the summary of a training run; remove it")
            }
        }
        let options = data("run.json").flatMap { try? JSONSerialization.jsonObject(with: $0) } as? [String: Any]
        self.options = Self.flat(options ?? [:], "")
        steps = lines("metrics.jsonl", MetricsLine.self)
        validations = lines("validation.jsonl", ValidationLine.self)
        samples = lines("samples.jsonl", TrainingSample.self)
    }

    /// The model's name.
    var model: String? { summary?.model ?? options.first { $0.name == "model" }?.value }

    /// The validation of least loss.
    var best: ValidationLine? { validations.min { $0.loss < $1.loss } }

    /// Settings and what else fixes the run, by name; of a run that has not ended yet, the options that it was begun with.
    var settings: [(name: String, value: String)] {
        guard let summary else { return options }
        var rows = [("method", summary.method), ("model", summary.model)]
        if let form = summary.form { rows.append(("form of the method", form)) }
        rows += ["task", "data", "validation"].compactMap { name in
            summary.details[name].flatMap { $0.isEmpty ? nil : (name, $0) }
        }
        let values = (try? JSONSerialization.jsonObject(with: JSONEncoder().encode(summary.settings))) as? [String: Any]
        return rows + Self.flat(values ?? [:], "") + [("threads", "\(summary.threads)")]
    }

    /// `{"duration": {"steps": 200}}` → `duration steps`: 200.
    private static func flat(_ object: [String: Any], _ path: String) -> [(String, String)] {
        object.sorted { $0.key < $1.key }.flatMap { key, value -> [(String, String)] in
            let name = path + key.replacing("_", with: " ")
            if let inner = value as? [String: Any] { return flat(inner, name + " ") }
            // A number that JSON has as 0 or 1 is also a Bool to Foundation.
            if key == "shuffles", let flag = value as? Bool { return [(name, flag ? "yes" : "no")] }
            if let list = value as? [Any] { return [(name, list.map { "\($0)" }.joined(separator: " "))] }
            return [(name, "\(value)")]
        }
    }
}
