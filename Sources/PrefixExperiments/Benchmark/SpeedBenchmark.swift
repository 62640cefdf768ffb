import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Measures how fast a model trains a prefix, reads prompts and generates, on made-up or given examples.
///
/// Speed depends on sizes alone, so that random tokens and random prefixes serve as well as real ones.
@Compute public struct SpeedBenchmark {
    /// What is measured.
    public enum Work: String, CaseIterable, Codable, Sendable {
        /// Steps of training a prefix: forward, backward, update.
        case train
        /// Reading prompts up to the first token of each answer.
        case prefill
        /// Each further token of the answers.
        case decode
    }

    /// Sizes.
    public struct Setup: Codable, Sendable {
        /// Examples of a training step, or prompts answered side by side.
        public var batchSize = 1
        /// Beams per prompt; 1 for greedy search.
        public var beams = 1
        /// Positions of the prefix; 0 for none.
        public var prefixLength = 10
        /// Different prefixes among the prompts of a batch, or trained together, each on a batch of its own.
        public var prefixes = 1
        /// Hidden width of the reparametrisation in training; nil for a flat prefix.
        public var hiddenWidth: Int? = 512
        /// What training computes twice.
        public var recomputation = Recomputation.Part.none
        /// Tokens that pass through the model at a time in training.
        public var tokensPerPass = TrainingSettings().tokensPerPass
        /// Tokens of a prompt.
        public var promptLength = 64
        /// Tokens of an answer, or of a made-up training example after its prompt.
        public var newTokens = 64
        /// Steps of training, or answers to a whole batch, that are timed, after two that are not.
        public var rounds = 5

        /// The sizes that the command `benchmark` has by default.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case batchSize = "batch_size", beams, prefixLength = "prefix_length", prefixes
            case hiddenWidth = "hidden_width", recomputation, tokensPerPass = "tokens_per_pass"
            case promptLength = "prompt_length", newTokens = "new_tokens", rounds
        }
    }

    /// Times of one kind of work.
    public struct Result: Sendable {
        /// What was measured.
        public let work: Work
        /// Tokens per second of each round.
        public let rates: [Double]
        /// Tokens of a round, on average: real ones, without padding or prefix.
        public let tokens: Double
        /// Seconds of all timed rounds.
        public let seconds: Double
        /// Where they went.
        public let profile: OperationProfile

        /// The middle one of the rates.
        public var median: Double {
            let sorted = rates.sorted(), half = sorted.count / 2
            return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
        }
    }

    /// The model, loaded for tuning where training is measured; generation holds keys and values as it says.
    public let model: LanguageModel
    /// Sizes.
    public let setup: Setup
    /// Training examples; made up where nil.
    public let examples: [TokenizedExample]?

    /// A benchmark.
    ///
    /// - Throws: ``BenchmarkError`` where sizes have no meaning or do not fit the model.
    public init(_ model: LanguageModel, setup: Setup, examples: [TokenizedExample]? = nil) throws {
        self.model = model
        self.setup = setup
        self.examples = examples
        for (name, value, least, most) in [
            ("batch size", setup.batchSize, 1, 1 << 16), ("number of beams", setup.beams, 1, 256),
            ("number of prefixes", setup.prefixes, 1, 1 << 16),
            ("number of tokens per pass", setup.tokensPerPass, 1, .max),
            ("prompt length", setup.promptLength, 1, 1 << 30),
            ("number of new tokens", setup.newTokens, 1, 1 << 30), ("number of rounds", setup.rounds, 1, 1 << 30),
            ("prefix length", setup.prefixLength, 0, 1 << 30),
        ] {
            guard value >= least else { throw BenchmarkError.badSetting(name: name, value: value, least: least) }
            guard value <= most else { throw BenchmarkError.tooGreat(name: name, value: value, most: most) }
        }
        let needed = setup.prefixLength + setup.promptLength + setup.newTokens
        let positions = model.network.shape.positionCount
        guard needed <= positions else { throw BenchmarkError.tooLong(needed: needed, positions: positions) }
    }

    /// Measures.
    ///
    /// - Throws: ``BenchmarkError``, or what training and generation throw.
    public func run(_ work: Work) throws -> Result {
        switch work {
        case .train: try train()
        case .prefill: try generate(newTokens: 1, timing: .prefill)
        case .decode: try generate(newTokens: setup.newTokens, timing: .decode)
        }
    }

    private func train() throws -> Result {
        guard setup.prefixLength > 0 else {
            throw BenchmarkError.badSetting(name: "prefix length for training", value: 0, least: 1)
        }
        var prefix = PrefixMethod.Settings()
        prefix.length = setup.prefixLength
        prefix.hiddenWidth = setup.hiddenWidth
        var settings = TrainingSettings()
        settings.batchSize = setup.batchSize
        settings.duration = .steps(setup.rounds + 2)
        settings.shuffles = false
        settings.reduction = .mean
        settings.recomputation = setup.recomputation
        settings.tokensPerPass = setup.tokensPerPass
        let examples = examples ?? madeUpExamples(), tape = Tape()
        let trainers = try (0..<setup.prefixes).map { index in
            let method = try PrefixMethod(model: model, settings: prefix, seed: UInt64(index) + 1, passTape: tape)
            return try Trainer(method, examples: examples, settings: settings)
        }
        let together = try JointTrainer(trainers)
        @Compute func step() throws -> Int {
            guard trainers.count > 1 else { return try trainers[0].step().tokens }
            return try together.step().reduce(0) { sum, outcome in sum + (try outcome?.get().tokens ?? 0) }
        }
        for _ in 0..<2 { _ = try step() }
        var clock = RoundClock()
        for _ in 0..<setup.rounds {
            clock.begin()
            clock.end(tokens: try step())
        }
        return clock.result(.train)
    }

    private func madeUpExamples() -> [TokenizedExample] {
        let source = model.network.shape.encoder == nil ? [] : tokens(setup.promptLength, seed: 0)
        return (0..<setup.batchSize).map { index in
            let tokens = tokens((source.isEmpty ? setup.promptLength : 0) + setup.newTokens + 1, seed: index)
            return TokenizedExample(
                source: source, tokens: tokens, targetStart: source.isEmpty ? setup.promptLength : 1)
        }
    }

    private func generate(newTokens: Int, timing: Work) throws -> Result {
        let prompts = (0..<setup.batchSize).map { tokens(setup.promptLength, seed: $0) }
        let prefixes = (0..<setup.prefixes).map { randomPrefix(seed: $0) }
        var options = DecodingOptions(
            setup.beams == 1 ? .greedy : .beam(width: setup.beams), maxNewTokens: newTokens,
            endTokens: [model.endOfText])
        options.minNewTokens = newTokens
        let limits = GenerationRun.Limits(rows: setup.batchSize * setup.beams, promptTokens: .max)
        var clock = RoundClock()
        for round in 0..<setup.rounds + 1 {
            let run = try GenerationRun(
                model.network, prompts: prompts, after: prompts.indices.map { prefixes[$0 % prefixes.count] },
                options: options, limits: limits, cacheType: model.cacheType)
            let isTimed = round > 0
            if timing == .prefill, isTimed { clock.begin() }
            _ = try run.next()
            if timing == .decode, isTimed { clock.begin() }
            while try run.next() != nil {}
            guard isTimed else { continue }
            clock.end(tokens: setup.batchSize * (timing == .prefill ? setup.promptLength : newTokens - 1))
        }
        return clock.result(timing)
    }

    private func randomPrefix(seed: Int) -> InitialKeyValues? {
        guard setup.prefixLength > 0 else { return nil }
        let shape = model.network.shape
        var generator = SeededGenerator(seed: UInt64(seed) &+ 1)
        let matrices = shape.attentionKinds.map { kind -> (AttentionKind, Tensor) in
            let width = shape.stack(kind)?.prefixRowWidth ?? 0
            let values = (0..<setup.prefixLength * width).map { _ in Float(generator.normal()) }
            return (kind, Tensor(values, shape: [setup.prefixLength, width]))
        }
        return InitialKeyValues(
            matrices: Dictionary(uniqueKeysWithValues: matrices), shape: shape,
            textPosition: shape.encoder == nil ? .afterPrefix : .zero, as: model.cacheType)
    }

    private func tokens(_ count: Int, seed: Int) -> [Int32] {
        var generator = SeededGenerator(seed: UInt64(seed) &+ 1_000)
        let size = UInt64(model.network.shape.vocabularySize)
        return (0..<count).map { _ in
            let token = Int32(generator.next() % size)
            return token == model.endOfText ? 0 : token
        }
    }
}

/// Times rounds, and takes the profile of what happened within them.
@Compute private struct RoundClock {
    private var started: UInt64 = 0
    private var rates: [Double] = []
    private var tokens = 0
    private var seconds = 0.0
    private var profile = OperationProfile()

    mutating func begin() {
        _ = Compute.takeProfile()
        started = DispatchTime.now().uptimeNanoseconds
    }

    mutating func end(tokens count: Int) {
        let elapsed = Double(DispatchTime.now().uptimeNanoseconds - started) * 1e-9
        profile.add(Compute.takeProfile())
        rates.append(Double(count) / elapsed)
        tokens += count
        seconds += elapsed
    }

    func result(_ work: SpeedBenchmark.Work) -> SpeedBenchmark.Result {
        SpeedBenchmark.Result(
            work: work, rates: rates, tokens: Double(tokens) / Double(max(1, rates.count)), seconds: seconds,
            profile: profile)
    }
}
