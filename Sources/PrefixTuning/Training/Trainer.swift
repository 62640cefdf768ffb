import Foundation
import LanguageModels
import Tensors

/// Trains a ``TuningMethod`` on token sequences.
///
/// Same seed, same data, same number of threads: same bits. A trainer restored from a saved state continues as if it
/// had never stopped.
@Compute public final class Trainer {
    /// What one step did.
    public struct Step: Sendable {
        /// 1 for the first.
        public let number: Int
        /// The reduced loss that was minimised.
        public let loss: Double
        /// Mean loss per target token, in nats.
        public let tokenLoss: Double
        /// η of the step: that of the top layer, where rates differ by layer.
        public let learningRate: Double
        /// Norm of the gradient before clipping.
        public let gradientNorm: Double
        /// Tokens of the batch: sources, prompts and completions.
        public let tokens: Int
        /// Epochs finished after the step.
        public let epoch: Int
        /// Whether the step was the last of an epoch.
        public let endsEpoch: Bool
    }

    /// What is trained.
    public let method: any TuningMethod
    /// The settings of the run: data order, schedule, optimiser.
    public let settings: TrainingSettings
    /// Steps of the whole run.
    public let totalSteps: Int
    let optimizer: Optimizer
    var order: BatchOrder
    /// The least validation loss so far, in nats per target token.
    public internal(set) var bestValidationLoss: Double?
    /// Tokens of all batches so far: sources, prompts and completions.
    public internal(set) var tokensSeen = 0
    /// The validation loss before the first step, where it was asked for.
    public internal(set) var startLoss: Double?
    /// What ``bestValidationLoss`` was measured on.
    var validationDigest: Digest?
    /// Validations so far.
    var validationCount = 0
    /// Validations since the one with the least loss.
    public internal(set) var validationsSinceBest = 0
    /// How many steps the run was begun with, where it was continued with more of them.
    public internal(set) var stepsBeforeExtension: Int?
    /// Whether the last step is to be followed by a validation that was not done.
    var owesValidation = false
    private let examples: [TokenizedExample]
    /// The processes that take the steps together.
    let ranks: RankMeter
    /// Who computes which pass of a step, given its number and what the passes cost; a test shares otherwise.
    var sharing: (_ step: Int, _ costs: [Double], _ ranks: Int) -> [Int] = { PassShares.owners(of: $1, ranks: $2) }
    /// Bytes that this rank gave to the others in the last step; 0 where it is alone.
    public private(set) var exchangedBytes = 0
    /// Of this rank, since the last report.
    private var ownTimes = RankTimes.Rank()
    /// Of all ranks, over the last hundred steps; for whoever writes it down.
    var rankTimes: RankTimes?
    /// Whether the parameters are being changed.
    private(set) var isUpdating = false
    private let schedule: LearningRateSchedule

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - method: What is trained.
    ///   - examples: At least one, each within the model's positions less those the method takes up.
    ///   - settings: How it is trained.
    ///   - ranks: The processes that train together; each makes a trainer of the same method, examples and settings. By
    ///     default this one alone. Their number has no part in the bits.
    /// - Throws: ``TrainingError``.
    public init(
        _ method: any TuningMethod, examples: [TokenizedExample], settings: TrainingSettings,
        ranks: any RankGroup = SoleRank()
    ) throws {
        guard !examples.isEmpty else { throw TrainingError.noData }
        try settings.validate()
        try Self.check(examples, for: method)
        self.method = method
        self.examples = examples
        self.settings = settings
        self.ranks = RankMeter(ranks)
        order = BatchOrder(
            exampleCount: examples.count, batchSize: settings.batchSize, shuffles: settings.shuffles,
            seed: settings.seed)
        switch settings.duration {
        case .steps(let steps): totalSteps = steps
        case .epochs(let epochs):
            let (steps, overflows) = epochs.multipliedReportingOverflow(by: order.batchesPerEpoch)
            guard !overflows else {
                throw TrainingError.badSetting(
                    name: "the length of the run", value: "\(epochs) epochs", needed: "a number that can be reached")
            }
            totalSteps = steps
        }
        schedule = LearningRateSchedule(
            settings.schedule, warmupSteps: settings.warmupSteps, totalSteps: totalSteps)
        let decay = LayerDecay(factor: settings.layerDecay ?? 1, method.model.configuration)
        if settings.layerDecay ?? 1 != 1, !method.changesModel {
            throw TrainingError.badSetting(
                name: "the layer decay", value: "\(settings.layerDecay ?? 1)",
                needed: "a method that trains something in the model's layers, or none (1),")
        }
        optimizer = Optimizer(method.parameters, settings: settings.optimizer, rate: decay.rate)
        Compute.releaseFreeMemory()  // Of reading the data: 14 MB of E2E's lines.
    }

    /// Prepares a run over data files.
    ///
    /// - Parameters:
    ///   - task: The files' format, and how prompt and completion are joined.
    ///   - data: Plain or gzip-compressed files.
    /// - Throws: ``DataError`` with file and line, or ``TrainingError``.
    public convenience init(
        _ method: any TuningMethod, task: TuningTask, data: [URL], settings: TrainingSettings
    ) throws {
        let examples = try method.tokenize(task.readForTraining(data), format: task.format)
        try self.init(method, examples: examples, settings: settings)
    }

    /// Throws where an example does not fit the model or has nothing to learn.
    static func check(_ examples: [TokenizedExample], for method: any TuningMethod) throws {
        let shape = method.model.network.shape, limit = shape.positionCount - method.reservedPositions
        for (index, example) in examples.enumerated() {
            let tokens = example.tokens
            guard (1..<max(1, tokens.count)).contains(example.targetStart) else {
                throw TrainingError.noTarget(
                    example: index + 1, tokens: tokens.count, targetStart: example.targetStart)
            }
            // An encoder–decoder model's last token is never read.
            let length = max(tokens.count - (example.source.isEmpty ? 0 : 1), example.source.count)
            guard length <= limit else {
                throw TrainingError.exampleTooLong(example: index + 1, tokens: length, limit: limit)
            }
            guard example.source.isEmpty == (shape.encoder == nil) else {
                throw TrainingError.badSource(example: index + 1, needsSource: shape.encoder != nil)
            }
            let all = example.source + tokens
            if let token = all.first(where: { $0 < 0 || $0 >= Int32(shape.vocabularySize) }) {
                throw TrainingError.tokenOutOfVocabulary(token: token, vocabulary: shape.vocabularySize)
            }
        }
    }

    /// Tells one data set from another.
    var dataDigest: Digest { examples.digest }

    /// How gradients of passes are added.
    public var gradientSums: TrainingSettings.GradientSums {
        settings.gradientSums ?? (method.sumsExactly ? .exact : .fast)
    }
    /// How many steps have been taken.
    public var stepCount: Int { optimizer.stepCount }
    /// How many examples it trains on.
    public var exampleCount: Int { examples.count }
    /// How many of their tokens are learnt.
    public var targetCount: Int { examples.reduce(0) { $0 + $1.targetCount } }
    /// Their lengths in tokens: sources, prompts and completions.
    public var lengths: [Int] { examples.map(\.length) }
    /// Whether the validation loss has not fallen for as long as the settings allow.
    public var isOutOfPatience: Bool { settings.patience.map { validationsSinceBest >= $0 } ?? false }
    /// Whether all steps are done.
    public var isFinished: Bool { stepCount >= totalSteps }
    /// Whether nothing is left to do, the validation after the last step included.
    public var isDone: Bool { (isFinished || isOutOfPatience) && !owesValidation }
    /// How many times all examples have been seen.
    public var epoch: Int { order.epoch }

    /// Trains on the next batch.
    ///
    /// - Throws: ``TrainingError/diverged(step:loss:gradientNorm:learningRate:hasCheckpoint:)`` where the loss or its
    ///   gradient is not finite; the trainer is then as before the step.
    public func step() throws -> Step {
        guard let step = try step(until: { false }) else { throw CancellationError() }
        return step
    }

    /// Trains on the next batch, unless a stop is asked for between two of its passes.
    ///
    /// - Parameter shouldStop: Not asked where several ranks train: they agree on stops between steps.
    /// - Returns: Nil where it was stopped; the trainer is then as before the step.
    func step(until shouldStop: () -> Bool) throws -> Step? {
        let start = ContinuousClock.now, bytes = ranks.bytes
        let draft = draft()
        let passes = TargetLoss.passes(draft.rows, tokensPerPass: settings.tokensPerPass)
        var gradients = PassGradients(
            of: method.passLeaves, passes: passes.count, isExact: gradientSums == .exact, ranks: ranks)
        var losses = PassLosses(passes: passes.count), isFirst = true
        let costs = passes.map(Self.cost), owners = sharing(draft.number, costs, ranks.count)
        for (index, owner) in owners.enumerated() where owner == ranks.index {
            if !isFirst, ranks.isAlone, shouldStop() {
                abandon()
                return nil
            }
            isFirst = false
            // Each pass has masks of its own, whoever computes it.
            let dropout = method.dropout(seed: draft.maskSeed &+ 1 &+ UInt64(index) &* 0x2545_f491_4f6c_dd1d)
            let (loss, perTarget) = TargetLoss.evaluate(
                passes[index], model: method.model.network, dropout: dropout,
                recomputation: Recomputation(settings.recomputation ?? .none, on: method.passTape))
            method.passTape.backward(from: loss)
            gradients.takePass()
            losses.note(pass: index, loss: Double(loss.values[0]), perTarget: perTarget)
        }
        let computed = ContinuousClock.now, together: ContinuousClock.Instant, exchanged: ContinuousClock.Instant
        var times = ownTimes, report: RankTimes?
        do {
            // Small, and the first that all come to: what it takes is waiting.
            try losses.gather(from: ranks)
            together = .now
            try gradients.finish()
            exchanged = .now
            times.pass_seconds += start.duration(to: computed).seconds
            times.wait_seconds += computed.duration(to: together).seconds
            times.exchange_seconds += together.duration(to: exchanged).seconds
            times.work += zip(costs, owners).reduce(0) { $1.1 == ranks.index ? $0 + $1.0 : $0 }
            if !ranks.isAlone, draft.number.isMultiple(of: RankTimes.interval) {
                report = try RankTimes(times, upTo: draft.number, from: ranks)
            }
        } catch {
            abandon()
            throw error
        }
        let step = try finish(draft, loss: losses.loss, tokenLoss: losses.tokenLoss)
        ownTimes = report == nil ? times : RankTimes.Rank()
        ownTimes.own_seconds += exchanged.duration(to: .now).seconds
        if let report { rankTimes = report }
        exchangedBytes = ranks.bytes - bytes
        return step
    }

    /// What a pass takes, in tokens: products by the number of tokens, attention by the square of their texts' lengths,
    /// which is as much where a text has about 4,000 (of models of the paper's widths).
    private static func cost(of pass: [TargetLoss.Row]) -> Double {
        pass.reduce(0) { sum, row in
            let length = Double(row.example.length)
            return sum + length + length * length / 4000
        }
    }

    /// Forgets a step that was begun and not finished: the trainer is then as before it, and its state can be saved.
    func abandon() {
        method.passTape.reset()
        method.endStep()
        for parameter in method.parameters { parameter.value.gradient?.clear() }
    }

    /// A step before its rows pass through the model.
    struct Draft {
        let number: Int
        /// The order of the data after the step.
        let order: BatchOrder
        let rows: [TargetLoss.Row]
        /// Names the masks of the step.
        let maskSeed: UInt64
        let learningRate: Double
    }

    /// Draws the next batch and begins its step.
    func draft() -> Draft {
        let number = stepCount + 1
        var order = order
        let batch = order.next().map { examples[$0] }
        // Masks depend on seed and step alone, so that a resumed run draws the same ones.
        let maskSeed = settings.seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(number) &* 0xbf58_476d_1ce4_e5b9
        let weight: Float =
            switch settings.reduction {
            case .sum: 1 / Float(batch.count)
            case .mean: 1 / Float(max(1, batch.reduce(0) { $0 + $1.targetCount }))
            }
        let start = method.beginStep(dropoutSeed: maskSeed)
        return Draft(
            number: number, order: order, rows: batch.map { TargetLoss.Row(example: $0, start: start, weight: weight) },
            maskSeed: maskSeed,
            learningRate: settings.learningRate * schedule.factor(at: number - 1))
    }

    /// Updates the parameters by what the passes of a step collected.
    ///
    /// - Parameters:
    ///   - loss: The reduced loss of the step.
    ///   - tokenLoss: Its mean per target token, in nats.
    /// - Throws: ``TrainingError/diverged(step:loss:gradientNorm:learningRate:hasCheckpoint:)``; nothing is changed then.
    func finish(_ draft: Draft, loss: Double, tokenLoss: Double) throws -> Step {
        method.endStep()
        guard loss.isFinite else {
            for parameter in method.parameters { parameter.value.gradient?.clear() }
            throw TrainingError.diverged(
                step: draft.number, loss: loss, gradientNorm: .nan, learningRate: draft.learningRate)
        }
        isUpdating = true
        defer { isUpdating = false }
        let norm = optimizer.step(learningRate: draft.learningRate)
        guard norm.isFinite else {
            throw TrainingError.diverged(
                step: draft.number, loss: loss, gradientNorm: norm, learningRate: draft.learningRate)
        }
        order = draft.order
        let tokens = draft.rows.reduce(0) { $0 + $1.example.length }
        tokensSeen += tokens
        return Step(
            number: draft.number, loss: loss, tokenLoss: tokenLoss, learningRate: draft.learningRate,
            gradientNorm: norm, tokens: tokens, epoch: order.epoch, endsEpoch: order.isAtEpochStart)
    }

    /// Forgets what a step under way holds, where no memory is left for ``abandon()``.
    func forgetStep() {
        method.passTape.reset()
        for parameter in method.parameters { parameter.value.gradient?.clear() }
    }

    /// Whether a validation is due after a step.
    func isValidated(after step: Step) -> Bool {
        isFinished || settings.validateEvery.map { step.number.isMultiple(of: $0) } ?? step.endsEpoch
    }

    /// Counts a validation.
    ///
    /// - Returns: Whether its loss is the least so far.
    func note(validationLoss loss: Double) -> Bool {
        let isBest = loss < bestValidationLoss ?? .infinity
        validationsSinceBest = isBest ? 0 : validationsSinceBest + 1
        if isBest { bestValidationLoss = loss }
        return isBest
    }

    /// The remaining steps, each done when it is asked for; ends early where the asking task is cancelled.
    public nonisolated func steps() -> AsyncThrowingStream<Step, any Error> {
        AsyncThrowingStream { try await self.nextStep() }
    }

    private func nextStep() throws -> Step? { isFinished || Task.isCancelled ? nil : try step() }

    /// Mean loss per target token over other examples, without dropout; e to its power is the perplexity.
    ///
    /// - Parameter examples: At least one.
    /// - Returns: Nats per token.
    public func validationLoss(_ examples: [TokenizedExample]) -> Double {
        // Alone, there is nothing to throw.
        (try? validationLoss(examples, of: SoleRank(), until: { false })) ?? .nan
    }

    /// Measures ``startLoss``, unless a step was taken. All ranks have to.
    ///
    /// - Throws: ``RankError``.
    public func measureStart(on examples: [TokenizedExample]) throws {
        guard stepCount == 0, !examples.isEmpty else { return }
        startLoss = try validationLoss(examples, until: { false })
    }

    /// The same, shared out among the ranks; unless a stop is asked for between two passes: then nil. Several do not stop.
    ///
    /// - Throws: ``RankError``.
    func validationLoss(_ examples: [TokenizedExample], until shouldStop: () -> Bool) throws -> Double? {
        try validationLoss(examples, of: ranks, until: shouldStop)
    }

    private func validationLoss(
        _ examples: [TokenizedExample], of ranks: any RankGroup, until shouldStop: () -> Bool
    ) throws -> Double? {
        try method.passTape.withoutRecording {
            let start = method.start()
            let passes = TargetLoss.passes(examples, after: start, tokensPerPass: settings.tokensPerPass)
            var losses = PassLosses(passes: passes.count)
            for (index, pass) in passes.enumerated() where index % ranks.count == ranks.index {
                if index > 0, ranks.isAlone, shouldStop() { return nil }
                let (_, perTarget) = TargetLoss.evaluate(
                    pass, model: method.model.network, start: start, weight: 1)
                losses.note(pass: index, loss: 0, perTarget: perTarget)
            }
            try losses.gather(from: ranks)
            return losses.tokenLoss
        }
    }
}
