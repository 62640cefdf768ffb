import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// What a training run will be, without doing it.
extension Train {
    /// What was found.
    struct Trial {
        var examples, validation, steps: Int
        var longest, median: Int
        /// How the first example begins for the model, and what it learns to write there.
        var prompt, completion: String
        var positions: Int
        var trainable, stored, model: Int
        var secondsPerStep: Double
        var bytes: Int
    }

    /// Tries a few steps, and writes nothing.
    @Compute func trial(of material: Material) throws -> Trial {
        let (trainer, validation, _) = try trainer(material, seed: seeds.first), method = trainer.method
        let (prompt, completion) = try firstExample(material, for: method)
        let lengths = trainer.lengths.sorted(), shape = method.model.network.shape
        common.warn(trainer.prefixReach, of: lengths, ("example", "examples"))
        let count = min(4, trainer.totalSteps)
        // The first step compiles kernels, where there is another one to be timed.
        if count > 1 { _ = try trainer.step() }
        let start = ContinuousClock.now
        for _ in 0..<max(1, count - 1) { _ = try trainer.step() }
        let elapsed = start.duration(to: .now) / max(1, count - 1)
        return Trial(
            examples: trainer.exampleCount, validation: validation.count, steps: trainer.totalSteps,
            longest: lengths.last ?? 0, median: lengths[lengths.count / 2], prompt: prompt, completion: completion,
            positions: shape.positionCount - method.reservedPositions, trainable: method.trainableParameterCount,
            stored: method.storedParameterCount, model: method.model.configuration.parameterCount,
            secondsPerStep: elapsed / .seconds(1), bytes: ProcessMemory.peak)
    }

    /// The first example as the model reads it: whoever sees it sees a wrong field, a template without a blank, a cut.
    @Compute private func firstExample(
        _ material: Material, for method: any TuningMethod
    ) throws -> (prompt: String, completion: String) {
        let format = limits.format(of: material.task), tokenizer = method.model.tokenizer
        for example in material.examples.prefix(100) {
            guard let tokens = try training.tokenize([example], format: format, for: method).first else { continue }
            let source = tokens.source.isEmpty ? tokens.tokens[..<tokens.targetStart] : tokens.source[...]
            return (tokenizer.decode(source), tokenizer.decode(tokens.targets))
        }
        return ("", "")
    }

    /// The end of a text, or its beginning, in quotes.
    private static func shown(_ text: String, fromEnd: Bool) -> String {
        guard text.count > 60 else { return TerminalText.quoted(text) }
        return fromEnd ? TerminalText.quoted("…" + text.suffix(60)) : TerminalText.quoted(text.prefix(60) + "…")
    }

    /// Prints what was found.
    func show(_ trial: Trial) throws {
        let runs = max(1, seeds.count)
        let share = 100 * Double(trial.stored) / Double(max(1, trial.model))
        var lines = [
            (
                "examples",
                "\(trial.examples)" + (trial.validation > 0 ? ", and \(trial.validation) for validation" : "")
            ),
            (
                "longest example",
                "\(counted(trial.longest, "token")) (median \(trial.median)); "
                    + (trial.positions == .max ? "no limit" : "\(trial.positions) fit")
            ),
            ("first prompt", Self.shown(trial.prompt, fromEnd: true)),
            ("to be written", Self.shown(trial.completion, fromEnd: false)),
            ("trained", "\(counted(trial.trainable, "parameter"))"),
            (
                "stored",
                "\(counted(trial.stored, "parameter")), "
                    + String(format: "%.2f%% of the model's %d", share, trial.model)
            ),
            ("steps", "\(trial.steps)" + (runs > 1 ? ", for each of \(runs) seeds" : "")),
            (
                "time",
                "about " + ProgressDisplay.time(Double(runs * trial.steps) * trial.secondsPerStep)
                    + String(format: " (%.3f s a step here, validation not counted)", trial.secondsPerStep)
            ),
            ("memory", String(format: "about %.2f GB at most", Double(trial.bytes) / 1e9)),
        ]
        lines = lines.map { ($0.0.padding(toLength: 17, withPad: " ", startingAt: 0), $0.1) }
        try ResultOutput.write(to: nil) { write in try write(lines.map { $0.0 + $0.1 + "\n" }.joined()) }
    }
}
