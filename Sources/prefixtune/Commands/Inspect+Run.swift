import Foundation
import LanguageModels
import PrefixTuning

/// What a training run's folder says of the run.
struct RunFacts: Encodable {
    let method: String?
    let model: String?
    let task: String?
    /// "finished", "interrupted", or "not finished" where the process went away.
    let state: String
    let step: Int
    let total_steps: Int?
    let last_loss: Double?
    let best_validation_loss: Double?
    let tokens_per_second: Double?
    let trainable_parameters: Int?
    /// Whether `--resume` has something to do.
    let can_resume: Bool
    /// How it is done, where the run's options are beside it.
    let resume_command: String?

    private struct Progress: Decodable {
        let method: String?
        let total_steps: Int?
        let step_count: Int?
        let best_validation_loss: Double?
    }

    /// Reads the summary, and the header of the saved state.
    ///
    /// - Throws: `CheckpointError` where the saved state is damaged.
    init(_ folder: URL) throws {
        let summaryFile = folder.appendingPathComponent("summary.json")
        var summary: TrainingSummary?
        if let data = try? Data(contentsOf: summaryFile) {
            do {
                summary = try JSONDecoder().decode(TrainingSummary.self, from: data)
            } catch {
                throw CheckpointError.invalidConfiguration(
                    file: summaryFile.path, path: "", reason: "it is not the summary of a training run; remove it")
            }
        }
        let stateFile = folder.appendingPathComponent("training-state/state.safetensors")
        var progress: Progress?
        if FileManager.default.fileExists(atPath: stateFile.path) {
            let text = try SafetensorsFile(stateFile).metadata["prefixtune.progress"]
            progress = text.flatMap { try? JSONDecoder().decode(Progress.self, from: Data($0.utf8)) }
        }
        // A run that has not ended yet has no summary.
        let file = OptionFile.run(in: folder)
        let options = CommandDescription.subcommand("train").flatMap { try? OptionFile(file, of: $0) }
        method = summary?.method ?? progress?.method
        model = summary?.model ?? options?.values["model"]?.first
        task = summary?.details["task"] ?? options?.values["task"]?.first
        step = progress?.step_count ?? summary?.steps ?? 0
        total_steps = progress?.total_steps
        // A summary is written at the end only: of a resumed run that was killed it tells of the time before.
        let isCurrent = summary?.steps == step
        let isFinished = isCurrent && summary?.ending == .finished
        state = isFinished ? "finished" : isCurrent ? "interrupted" : "not finished"
        last_loss = isCurrent ? summary?.last_loss : nil
        best_validation_loss = progress?.best_validation_loss ?? summary?.best_validation_loss
        tokens_per_second = isCurrent ? summary?.tokens_per_second : nil
        trainable_parameters = summary?.trainable_parameters
        can_resume = progress != nil && !isFinished
        resume_command =
            can_resume && options != nil
            ? ShellWords.joined(["prefixtune", "train", "--resume", "--output", folder.path]) : nil
    }

    var lines: [(String, String)] {
        func nats(_ loss: Double) -> String { String(format: "%.4f nats per token (perplexity %.2f)", loss, exp(loss)) }
        let rows: [(String, String?)] = [
            ("method", method), ("model", model), ("task", task),
            ("progress", "step \(step)" + (total_steps.map { " of \($0)" } ?? "") + ", \(state)"),
            ("last loss", last_loss.map(nats)), ("best validation", best_validation_loss.map(nats)),
            ("speed", tokens_per_second.map { String(format: "%.0f tokens/s", $0) }),
            ("trainable", trainable_parameters.map { Readable.count($0) + " parameters" }),
            ("to continue", resume_command ?? (can_resume ? "repeat the command with --resume" : nil)),
        ]
        return rows.compactMap { row in row.1.map { (row.0, $0) } }
    }
}
