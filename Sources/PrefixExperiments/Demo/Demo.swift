import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors
import TextMetrics

/// The main job in small: tune the embedded model to write about tables, and compare base model, prefix and fine-tuning.
///
/// Topics seen in training and topics held out are scored apart. Rates and lengths of the runs were chosen on the
/// validation tables (see `Benchmarks/NOTES.md`), never on the test tables.
@Compute public final class Demo {
    /// How the two runs go.
    public struct Settings: Codable, Equatable, Sendable {
        /// Positions of the prefix.
        public var prefixLength = 8
        /// Hidden width of its reparametrisation.
        public var hiddenWidth = 256
        /// Steps of prefix-tuning.
        public var prefixSteps = 1200
        /// Peak rate of prefix-tuning.
        public var prefixLearningRate = 5e-3
        /// Steps of fine-tuning.
        public var fineTuningSteps = 300
        /// Peak rate of fine-tuning.
        public var fineTuningLearningRate = 1e-3
        /// Examples per step of both.
        public var batchSize = 16
        /// Beams of the decoding.
        public var beams = 5
        /// How the frozen model's weights are held while a prefix is trained and used; nil for 32 bits.
        public var precision: WeightPrecision?
        /// Fixes everything random.
        public var seed: UInt64 = 101

        /// The settings of `prefixtune demo`.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case prefixLength = "prefix_length", hiddenWidth = "hidden_width", prefixSteps = "prefix_steps"
            case prefixLearningRate = "prefix_learning_rate", fineTuningSteps = "fine_tuning_steps"
            case fineTuningLearningRate = "fine_tuning_learning_rate", batchSize = "batch_size", beams, precision
            case seed
        }
    }

    /// What happens, for whoever shows it.
    public enum Event: Sendable {
        /// A part of the work begins.
        case stage(String)
        /// A step of a run is done.
        case step(Trainer.Step, total: Int, tokensPerSecond: Double, secondsLeft: Double)
        /// The run was validated.
        case validation(step: Int, loss: Double)
    }

    private let base: URL
    private let settings: Settings
    private let output: URL
    private let report: (Event) -> Void

    /// A demonstration.
    ///
    /// - Parameters:
    ///   - base: A model folder; nil for the embedded one.
    ///   - output: The folder to write to; an earlier demonstration there is replaced.
    ///   - report: Told what happens.
    public init(
        base: URL? = nil, settings: Settings = Settings(), output: URL, report: @escaping (Event) -> Void = { _ in }
    ) throws {
        self.base = try base ?? EmbeddedModel.folder()
        self.settings = settings
        self.output = output
        self.report = report
    }

    /// Runs everything and writes the report.
    ///
    /// - Returns: The results, also in `results.json`.
    public func run() throws -> DemoResults {
        let start = Date(), lock = try FolderLock(output)
        defer { withExtendedLifetime(lock) {} }
        try prepareFolder()
        let model = try LanguageModel.load(base, for: .tuning, precision: settings.precision ?? .float32)
        let train = try TuningTask.embedded.readForTraining([EmbeddedModel.tables(.train)])
        let validation = try TuningTask.embedded.readForTraining([EmbeddedModel.tables(.validation)])
        var systems = [try evaluate("base model, no prefix", model, after: nil, summary: nil, fileBytes: 0)]

        report(.stage("prefix-tuning"))
        var prefixSettings = PrefixMethod.Settings()
        prefixSettings.length = settings.prefixLength
        prefixSettings.hiddenWidth = settings.hiddenWidth
        let prefix = try PrefixMethod(model: model, settings: prefixSettings, seed: settings.seed)
        var summary = try tune(prefix, train, validation, settings.prefixSteps, settings.prefixLearningRate)
        systems.append(
            try evaluate(
                "prefix", model, after: prefix.prefix().keyValues(for: model.network.shape), summary: summary,
                fileBytes: bytes(of: "prefix/adapter_model.safetensors")))

        report(.stage("fine-tuning"))
        let tuned = try FineTuning(folder: base, dropout: 0, attentionDropout: 0)
        summary = try tune(tuned, train, validation, settings.fineTuningSteps, settings.fineTuningLearningRate)
        systems.append(
            try tuned.passTape.withoutRecording {
                try evaluate(
                    "fine-tuning", tuned.model, after: nil, summary: summary,
                    fileBytes: bytes(of: "fine-tune/model.safetensors"))
            })

        let results = DemoResults(
            systems: systems, settings: settings, modelParameters: model.configuration.parameterCount,
            seconds: Date().timeIntervalSince(start), threads: Compute.threads)
        try write(results)
        return results
    }

    /// Trains one method in its folder, warming up for 20 steps.
    private func tune(
        _ method: any TuningMethod, _ train: [Example], _ validation: [Example], _ steps: Int, _ rate: Double
    ) throws -> TrainingSummary {
        var training = TrainingSettings()
        training.duration = .steps(steps)
        training.batchSize = settings.batchSize
        training.learningRate = rate
        training.warmupSteps = 20
        training.reduction = .mean
        training.seed = settings.seed
        training.tokensPerPass = 2048
        training.validateEvery = max(1, steps / 6)
        training.saveEvery = steps
        let trainer = try Trainer(
            method, examples: try method.tokenize(train, format: .plain), settings: training)
        let run = try TrainingRun(
            trainer, validation: try method.tokenize(validation, format: .plain),
            folder: output.appendingPathComponent(method.name),
            resumes: false)
        let (_, summary) = try run.run { event in
            switch event {
            case .step(let step, let rate, let left):
                self.report(.step(step, total: trainer.totalSteps, tokensPerSecond: rate, secondsLeft: left))
            case .validation(let step, let loss, _): self.report(.validation(step: step, loss: loss))
            case .saved, .ranks: break
            }
        }
        return summary
    }

    /// Writes about all test tables and scores the texts.
    private func evaluate(
        _ name: String, _ model: LanguageModel, after start: InitialKeyValues?, summary: TrainingSummary?,
        fileBytes: Int
    ) throws -> DemoResults.System {
        report(.stage("generating: \(name)"))
        var options = DecodingOptions(.beam(width: settings.beams), maxNewTokens: 90)
        options.endTokens = [model.endOfText]
        func score(_ split: EmbeddedTables.Split) throws -> DemoResults.Scores {
            let tables = try TuningTask.embedded.read(EmbeddedModel.tables(split))
            let texts = try model.answers(to: tables.map(\.prompt), after: start, options: options)
                .map { TuningTask.embedded.text(ofAnswer: $0) }
            let scores = try EvaluationReport.evaluate(
                predictions: texts, references: tables.map(\.references), suite: TuningTask.embedded.suite)
            return DemoResults.Scores(
                bleu: scores["BLEU"] ?? .nan, rougeL: scores["ROUGE-L"] ?? .nan, texts: texts)
        }
        return DemoResults.System(
            name: name, trainableParameters: summary?.trainable_parameters ?? 0,
            storedParameters: summary?.stored_parameters ?? 0, fileBytes: fileBytes,
            trainingSeconds: summary?.seconds ?? 0, tokensPerSecond: summary?.tokens_per_second ?? 0,
            seen: try score(.testSeen), unseen: try score(.testUnseen))
    }

    /// Empties the folder of what an earlier demonstration left, finished or not; anybody else's files are not touched.
    private func prepareFolder() throws {
        let files = FileManager.default, marker = output.appendingPathComponent(".prefixtune-demo")
        let content = (try? files.contentsOfDirectory(atPath: output.path)) ?? []
        guard content.allSatisfy({ $0 == FolderLock.fileName }) || files.fileExists(atPath: marker.path) else {
            throw ExperimentError.notOurFolder(output.path)
        }
        for name in ["prefix", "fine-tune", "results.json", "report.html"] where content.contains(name) {
            try files.removeItem(at: output.appendingPathComponent(name))
        }
        try ModelFolder.makeFolder(output)
        try AtomicFile.write([UInt8](), to: marker)
    }

    private func write(_ results: DemoResults) throws {
        try AtomicFile.write(JSONText.document(results).utf8, to: output.appendingPathComponent("results.json"))
        let page = try DemoReport(results, folder: output).page()
        try AtomicFile.write(page.html.utf8, to: output.appendingPathComponent("report.html"))
    }

    private func bytes(of file: String) -> Int {
        let path = output.appendingPathComponent(file).path
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
}
