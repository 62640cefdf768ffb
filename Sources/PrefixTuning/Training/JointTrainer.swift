import LanguageModels
import Tensors

/// Trains several prefixes of one frozen model at once: seeds, learning rates, lengths, subsets of the data, tasks.
///
/// The examples of all runs pass through the model side by side, each attending to the prefix of its own run, so that
/// small batches share the large products with the frozen matrices. Each run keeps its own data order, optimiser and
/// schedule, and comes to what it would come to alone, but for the passes that its examples fall into.
///
/// ```swift
/// let tape = Tape()
/// let trainers = try (1...16).map { seed in
///     try Trainer(
///         PrefixMethod(model: model, settings: settings, seed: seed, passTape: tape), examples: examples, settings: training)
/// }
/// let together = try JointTrainer(trainers)
/// while !together.isFinished { for step in together.step() { … } }
/// ```
@Compute public final class JointTrainer {
    /// What became of a run's step.
    public typealias Outcome = Result<Trainer.Step, TrainingError>

    /// The trainers whose steps are taken together.
    public let trainers: [Trainer]
    private let tape: Tape
    private var hasDiverged: [Bool]

    /// Prepares runs.
    ///
    /// - Parameter trainers: At least one. Their methods put keys and values in front of the text of one model, which is
    ///   the same object, and record passes on one tape.
    /// - Throws: ``TrainingError/cannotJoin(reason:)``.
    public init(_ trainers: [Trainer]) throws {
        guard let first = trainers.first else { throw TrainingError.cannotJoin(reason: "there are none") }
        func refuse(_ isWrong: (Trainer) -> Bool, _ reason: String) throws {
            if trainers.contains(where: isWrong) { throw TrainingError.cannotJoin(reason: reason) }
        }
        try refuse({ $0.method.model !== first.method.model }, "their models are not one and the same")
        try refuse({ $0.method.passTape !== first.method.passTape }, "they do not record on one tape")
        try refuse(
            { $0.method.dropout(seed: 0) != nil },
            "one drops activations inside the model, whose masks are of a whole pass")
        try refuse({ $0.method.changesModel }, "one trains weights inside the model")
        try refuse(
            { $0.settings.tokensPerPass != first.settings.tokensPerPass }, "their passes are of different sizes")
        try refuse(
            { $0.settings.recomputation != first.settings.recomputation }, "they recompute different parts")
        self.trainers = trainers
        tape = first.method.passTape
        hasDiverged = trainers.map { _ in false }
    }

    /// Whether all runs have ended.
    public var isFinished: Bool { trainers.indices.allSatisfy { !isRunning($0) } }

    private func isRunning(_ index: Int) -> Bool { !trainers[index].isFinished && !hasDiverged[index] }

    /// One step of each run that has not ended.
    ///
    /// - Returns: For each run its step or its error, after which the run stands still while the others go on; nil for a
    ///   run that had ended before.
    public func step() -> [Outcome?] {
        let running = trainers.indices.filter(isRunning)
        return step(of: running)
    }

    /// One step of some runs.
    func step(of running: [Int]) -> [Outcome?] {
        var outcomes = [Outcome?](repeating: nil, count: trainers.count)
        guard let model = running.first.map({ trainers[$0].method.model.network }) else { return outcomes }
        let settings = trainers[0].settings
        let drafts = running.map { trainers[$0].draft() }
        let passes = TargetLoss.passes(drafts.flatMap(\.rows), tokensPerPass: settings.tokensPerPass)
        var gradients = zip(running, Self.passCounts(drafts.map(\.rows.count), of: passes.map(\.count))).map {
            let method = trainers[$0].method
            return PassGradients(
                of: method.passLeaves, passes: $1, isExact: trainers[$0].gradientSums == .exact,
                ranks: trainers[$0].ranks)
        }
        var perTarget: [Float] = []
        for pass in passes {
            let (loss, losses) = TargetLoss.evaluate(
                pass, model: model, recomputation: Recomputation(settings.recomputation ?? .none, on: tape))
            tape.backward(from: loss)
            for index in gradients.indices { gradients[index].takePass() }
            perTarget += losses
        }
        var rest = perTarget[...]
        for (place, (index, draft)) in zip(running, drafts).enumerated() {
            var loss = 0.0, own: [Float] = []
            for row in draft.rows {
                let losses = rest.prefix(row.example.targetCount)
                rest = rest.dropFirst(losses.count)
                loss += losses.reduce(0) { $0 + Double($1) } * Double(row.weight)
                own += losses
            }
            do {
                try gradients[place].finish()
                let tokenLoss = own.reduce(0) { $0 + Double($1) } / Double(max(1, own.count))
                outcomes[index] = .success(try trainers[index].finish(draft, loss: loss, tokenLoss: tokenLoss))
            } catch {
                hasDiverged[index] = true
                outcomes[index] = (error as? TrainingError).map { .failure($0) }
            }
        }
        return outcomes
    }

    /// How many passes have rows of each run, where rows of runs follow each other.
    ///
    /// - Parameters:
    ///   - rows: Of each run.
    ///   - passes: Rows of each pass.
    static func passCounts(_ rows: [Int], of passes: [Int]) -> [Int] {
        var start = 0
        return rows.map { count in
            let own = start..<start + count
            start += count
            var first = 0
            return passes.count { length in
                defer { first += length }
                return own.overlaps(first..<first + length)
            }
        }
    }
}
