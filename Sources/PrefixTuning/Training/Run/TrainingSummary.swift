import Foundation
import LanguageModels
import Tensors

/// What a run was and what came of it: `summary.json`, everything needed to repeat it.
public struct TrainingSummary: Codable, Sendable {
    /// Method, as on the command line.
    public let method: String
    /// Its form in words: everything in which two methods of this name can differ.
    public let form: String?
    /// The model's folder or name.
    public let model: String
    /// How the run ended.
    public let ending: TrainingRun.Ending
    /// How many steps the run took.
    public let steps: Int
    /// Real tokens seen, prompts and completions.
    public let tokens: Int
    /// Seconds of training, without validation and saving.
    public let seconds: Double
    /// Real tokens per second, the first two steps not counted (kernels are compiled then).
    public let tokens_per_second: Double
    /// Largest resident memory of the process.
    public let peak_memory_bytes: Int
    /// Values that training changes, the reparametrisation included.
    public let trainable_parameters: Int
    /// Values that are kept per task.
    public let stored_parameters: Int
    /// Values of the model.
    public let model_parameters: Int
    /// Loss per target token of the last step, in nats.
    public let last_loss: Double?
    /// Least validation loss per target token, in nats.
    public let best_validation_loss: Double?
    /// The settings that the run was made with.
    public let settings: TrainingSettings
    /// How the gradients of a step's passes were added; nil in summaries of older runs, which did as the method does.
    public let gradient_sums: TrainingSettings.GradientSums?
    /// How many processes trained together at the end; nil for one.
    public let ranks: Int?
    /// Bytes that each of them gave to the others in the last step, of which as much came back; nil for one process.
    public let exchanged_bytes_per_step: Int?
    /// Threads of tensor work.
    public let threads: Int
    /// The processor, where the system says what it is.
    public let processor: String?
    /// Data files, command and the like.
    public let details: [String: String]

    /// Reads the summary of a run.
    ///
    /// - Parameter folder: The run's.
    /// - Throws: What reading and decoding `summary.json` throws.
    public init(contentsOf folder: URL) throws {
        self = try JSONDecoder().decode(
            Self.self, from: Data(contentsOf: folder.appendingPathComponent("summary.json")))
    }

    @Compute init(
        _ trainer: Trainer, ending: TrainingRun.Ending, seconds: Double, metrics: MetricsFile,
        details: [String: String]
    ) {
        method = trainer.method.name
        form = trainer.method.fingerprint
        model = trainer.method.model.name
        self.ending = ending
        steps = trainer.stepCount
        tokens = trainer.tokensSeen
        self.seconds = seconds
        var start = (metrics.count > 2 ? metrics.start : nil) ?? (tokens: 0, seconds: 0)
        // The lines are what the file says, which anybody may have changed.
        if !(0...Double(tokens)).contains(start.tokens) || !(0...max(0, seconds)).contains(start.seconds) {
            start = (0, 0)
        }
        tokens_per_second = (Double(trainer.tokensSeen) - start.tokens) / max(1e-9, seconds - start.seconds)
        peak_memory_bytes = ProcessMemory.peak
        trainable_parameters = trainer.method.trainableParameterCount
        stored_parameters = trainer.method.storedParameterCount
        model_parameters = trainer.method.model.configuration.parameterCount
        last_loss = metrics.last["token_loss"]
        best_validation_loss = trainer.bestValidationLoss
        settings = trainer.settings
        gradient_sums = trainer.gradientSums
        ranks = trainer.ranks.isAlone ? nil : trainer.ranks.count
        exchanged_bytes_per_step = trainer.ranks.isAlone || trainer.exchangedBytes == 0 ? nil : trainer.exchangedBytes
        threads = Compute.threads
        processor = Processor.name
        self.details = details
    }
}
