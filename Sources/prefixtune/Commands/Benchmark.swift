import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors

/// Measures training, reading and generating on this machine.
struct Benchmark: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure training, reading and generating on this machine, by operation.",
        discussion: """
            Trains a prefix for a few steps, reads prompts and generates, on random tokens after random prefixes, or trains on \
            --data. With --profile, each operation's time stands beside its floor: operations over the rate of the unit \
            that does them, or bytes over bandwidth, both measured here. A ratio above 100% means that the cache held \
            what the floor takes from memory.

            Under mpirun, --work exchange measures what the processes exchange in a training step, without a model's work: with \
            sums of integers, as in training, and of floats.

            EXAMPLE
              prefixtune benchmark --model gpt2 --work train --batch-size 10 --profile
              mpirun -n 2 prefixtune benchmark --model gpt2 --work exchange --bandwidth 1000
            """)

    @Option(help: ModelName.help) var model: ModelName?
    /// What is measured.
    enum Work: String, CaseIterable, Codable, ExpressibleByArgument {
        case train, prefill, decode, exchange

        /// What one process can do by itself.
        var alone: SpeedBenchmark.Work? { SpeedBenchmark.Work(rawValue: rawValue) }
    }

    @Option(
        parsing: .upToNextOption,
        help: "train, prefill (reading prompts) or decode; all three by default. Or exchange, under mpirun.") var work:
        [Work] = []
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: CacheType.help) var cacheType = CacheType.float32
    @Option(help: .n("Examples per training step, or prompts answered side by side.")) var batchSize = 1
    @Option(help: .n("Beams per prompt; 1 is greedy search.")) var beams = 1
    @Option(help: .n("Positions of the prefix; 0 for none.")) var prefixLength = 10
    @Option(help: .n("Different prefixes among the prompts of a batch, or trained together, each on its own batch."))
    var prefixes = 1
    @Option(help: .n("Hidden width of the prefix's MLP in training; 0 for a flat prefix.")) var hiddenWidth = 512
    @Option(help: "What training computes twice: none, attention or layer.") var recompute = Recomputation.Part.none
    @Option(help: .n("Tokens that pass through the model at a time in training.")) var tokensPerPass: Int?
    @Option(help: .n("Tokens of a prompt.")) var promptLength = 64
    @Option(help: .n("Tokens of an answer.")) var newTokens = 64
    @Option(help: .n("Timed rounds: training steps, or answers to the whole batch.")) var rounds = 5
    @Option(parsing: .upToNextOption, help: .file("Train on these examples instead.")) var data: [InputFile] = []
    @Option(help: "Format of the data: \(TuningTask.choices).") var task = TuningTask.jsonl
    @Flag(help: "Show every operation beside its floor.") var profile = false
    @Flag(help: "Print JSON, one line per kind of work.") var json = false
    @OptionGroup(title: "Exchange between processes") var exchange: ExchangeOptions
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if exchange.values == nil { try ModelName.validate(model, orAdapter: false) }
        if work.contains(.exchange) {
            guard work == [.exchange] else { throw ValidationError("--work exchange is measured by itself.") }
            guard !profile else { throw ValidationError("--profile has no meaning with --work exchange.") }
        } else if let name = exchange.given {
            throw ValidationError("\(name) has no meaning without --work exchange.")
        }
        for (name, value, least) in [
            ("batch-size", batchSize, 1), ("beams", beams, 1), ("prefix-length", prefixLength, 0),
            ("prefixes", prefixes, 1), ("hidden-width", hiddenWidth, 0), ("prompt-length", promptLength, 1),
            ("new-tokens", newTokens, 2), ("rounds", rounds, 1),
        ] where value < least {
            throw ValidationError("--\(name) is \(value), but at least \(least) is needed.")
        }
        if work == [.train], cacheType != .float32 {
            throw ValidationError(
                "--cache-type \(cacheType.rawValue) has no meaning with --work train, which holds keys and values in 32 bits; "
                    + "leave it out.")
        }
    }

    @Compute func compute() async throws {
        if work == [.exchange] { return try await measureExchange() }
        if profile { Compute.startProfiling() }
        let rates = profile ? try MachineRates.measured() : nil
        let works = work.isEmpty ? SpeedBenchmark.Work.allCases : work.compactMap(\.alone)
        let model = try ModelName.chosen(self.model, adapters: [], common)
        let folder = try await model.located(quiet: common.quiet)
        let loaded = try LanguageModel.load(
            folder, for: works.contains(.train) ? .tuning : .inference, precision: precision, name: model.description,
            cacheType: cacheType)
        let benchmark = try SpeedBenchmark(loaded, setup: setup, examples: examples(for: loaded))
        try ResultOutput.write(to: nil) { write in
            if !json {
                let cache = cacheType == .float32 ? "" : ", keys and values in \(cacheType.rawValue)"
                try write("\(loaded.name), \(precision.rawValue)\(cache), \(counted(Compute.threads, "thread"))\n")
                if let rates { try write(rates.line) }
            }
            for work in works {
                let result = try benchmark.run(work)
                let report = BenchmarkReport(
                    result, setup: setup, model: loaded.name, precision: precision.rawValue,
                    cacheType: work == .train ? .float32 : cacheType, rates: rates)
                try write(json ? try JSONText.line(report) : report.text)
            }
        }
    }

    private var setup: SpeedBenchmark.Setup {
        var setup = SpeedBenchmark.Setup()
        setup.batchSize = batchSize
        setup.beams = beams
        setup.prefixLength = prefixLength
        setup.prefixes = prefixes
        setup.hiddenWidth = hiddenWidth > 0 ? hiddenWidth : nil
        setup.recomputation = recompute
        setup.tokensPerPass = tokensPerPass ?? setup.tokensPerPass
        setup.promptLength = promptLength
        setup.newTokens = newTokens
        setup.rounds = rounds
        return setup
    }

    @Compute private func examples(for model: LanguageModel) throws -> [TokenizedExample]? {
        guard !data.isEmpty else { return nil }
        let tokenizer = ExampleTokenizer(model, format: task.format, reservedPositions: prefixLength)
        return try task.readForTraining(data.map(\.url)).compactMap { try tokenizer.example($0) }
    }
}

extension MachineRates {
    fileprivate var line: String {
        let bfloat16 = bfloat16.map { String(format: "%.0f GFLOP/s bf16, ", $0 * 1e-9) } ?? ""
        return String(format: "at best: %.0f GFLOP/s f32, ", float32 * 1e-9) + bfloat16
            + String(
                format: "%.0f GOP/s int8, %.1f GB/s memory, %.0f GB/s cache\n", int8 * 1e-9,
                memoryBytesPerSecond * 1e-9, cacheBytesPerSecond * 1e-9)
    }
}
