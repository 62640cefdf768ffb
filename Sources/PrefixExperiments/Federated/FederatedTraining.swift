import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Federated rounds in one process: the clients of a round train one after the other, each from the server's values and with an
/// optimiser of its own, and the server's strategy makes the values of the next round.
///
/// It is what the Flower app in `Federated/` does between machines, with the same seeds: client c trains in round r with the seed
/// of the run + 1000 r + c.
@Compute final class FederatedTraining: TrainedRun {
    let plan: RunPlan
    private(set) var method: any TuningMethod
    let settings: TrainingSettings
    private(set) var examples = 0
    private(set) var stepCount = 0
    private(set) var tokens = 0
    private(set) var seconds = 0.0
    private(set) var failure: TrainingError?
    private(set) var validations: [RunResult.Point] = []
    private var losses: [RunResult.Point] = []
    private var result = FederatedResult()
    private let federation: Federation
    private let clients: [[TokenizedExample]]
    private let topics: TopicLosses
    private let make: @Compute (BaseModel, _ seed: UInt64) throws -> any TuningMethod
    private var stacked: StackedBase?
    private var strategy: any ServerStrategy

    /// Prepares the rounds of a plan.
    ///
    /// - Throws: ``ExperimentError/unsuitable(experiment:reason:)`` where a client has no examples; what the method or the tokenizing
    ///   throws.
    init(_ plan: RunPlan, data: ExperimentDataSet, base: BaseModel, settings: ExperimentSettings, passTape: Tape) throws
    {
        self.plan = plan
        let federation = plan.federation ?? Federation()
        self.federation = federation
        var training = plan.method.training(data.task)
        training.duration = .steps(federation.localSteps ?? 1)
        training.tokensPerPass = plan.method.tokensPerPass ?? settings.tokensPerPass
        self.settings = training
        make = { try plan.method.method(on: $0, task: data.task, seed: $1, passTape: passTape) }
        let method = try plan.method.method(on: base, task: data.task, seed: plan.seed, passTape: passTape)
        self.method = method
        let format = settings.format(of: data.task), words = plan.method.textBeforeSource
        @Compute func tokenize(_ examples: [Example]) throws -> [TokenizedExample] {
            try method.tokenize(examples.map { $0.preceded(by: words) }, format: format)
        }
        let groups = data.train.map(\.group)
        let parts = (federation.split ?? .equal)
            .clients(of: groups, count: federation.clients ?? 1, seed: plan.seed)
        clients = try parts.map { part in try tokenize(part.map { data.train[$0] }) }
        if let empty = clients.firstIndex(where: \.isEmpty) {
            throw ExperimentError.unsuitable(
                experiment: "federated",
                reason: "client \(empty) of \(clients.count) has no examples of \(data.name); take fewer clients")
        }
        var held = data.validation
        if settings.validationExamples > 0, held.count > settings.validationExamples {
            held = (0..<settings.validationExamples).map { held[$0 * held.count / settings.validationExamples] }
        }
        topics = try TopicLosses(held, clients: parts.map { $0.map { groups[$0] } }, tokenize: tokenize)
        strategy = federation.strategy == .fedAdam ? FederatedAdam(eta: federation.eta ?? 0.1) : FederatedMean()
        stacked = federation.stacks == true ? try StackedBase(base) : nil
        examples = clients.reduce(0) { $0 + $1.count }
        result.clientExamples = clients.map(\.count)
    }

    /// Does all rounds.
    ///
    /// - Parameters:
    ///   - note: Told each step of each client, and how many a round has.
    ///   - shouldStop: Asked before every step.
    /// - Returns: False where asked to stop.
    func run(note: (Trainer.Step, _ steps: Int) -> Void, shouldStop: () -> Bool) throws -> Bool {
        do {
            try validate()
            for round in 1...(federation.rounds ?? 1) {
                guard try self.round(round, note, shouldStop) else { return false }
            }
        } catch let error as TrainingError {
            failure = error
        }
        account()
        return true
    }

    private func round(
        _ round: Int, _ note: (Trainer.Step, Int) -> Void, _ shouldStop: () -> Bool
    ) throws -> Bool {
        var chance = SeededGenerator(seed: plan.seed &* 0xbf58_476d_1ce4_e5b9 &+ UInt64(round))
        let start = method.trainedValues, products = LowRankProducts(of: method)
        var answers: [(client: Int, values: [Float])] = []
        for client in asked(&chance) {
            let isLost = chance.uniform() < federation.dropout ?? 0
            count(products, isAnswered: !isLost)
            if isLost { continue }
            guard let values = try train(client, from: start, round, note, shouldStop) else { return false }
            answers.append((client, values))
            if federation.strategy == .alone { measureOwn(client) }
        }
        method.trainedValues = start
        result.answers.append(answers.count)
        stepCount = round * (federation.localSteps ?? 1)
        if federation.strategy == .alone {
            finishAlone()
            return true
        }
        try aggregate(answers, from: start, products, round)
        try validate()
        return true
    }

    /// The clients of a round. With privacy each takes part independently, which the accountant's formula is of; else there are always
    /// as many, as with Flower.
    private func asked(_ chance: inout SeededGenerator) -> [Int] {
        let share = federation.participation ?? 1
        if share >= 1 { return Array(clients.indices) }
        if federation.isPrivate { return clients.indices.filter { _ in chance.uniform() < share } }
        let count = max(1, Int(Double(clients.count) * share))
        return clients.indices.shuffled(using: &chance).prefix(count).sorted()
    }

    /// A client's steps in a round.
    private func train(
        _ client: Int, from start: [Float], _ round: Int, _ note: (Trainer.Step, Int) -> Void, _ shouldStop: () -> Bool
    ) throws -> [Float]? {
        method.trainedValues = start
        var settings = settings
        settings.seed = plan.seed &+ 1000 &* UInt64(round) &+ UInt64(client)
        let trainer = try Trainer(method, examples: clients[client], settings: settings)
        while !trainer.isFinished {
            if shouldStop() { return nil }
            let begun = ContinuousClock.now
            let step = try trainer.step()
            seconds += begun.duration(to: .now).seconds
            tokens += step.tokens
            losses.append(.init(step: (round - 1) * trainer.totalSteps + step.number, loss: step.tokenLoss))
            note(step, trainer.totalSteps)
        }
        return method.trainedValues
    }

    /// What the answers of a round come to.
    private func aggregate(
        _ answers: [(client: Int, values: [Float])], from start: [Float], _ products: LowRankProducts?, _ round: Int
    ) throws {
        // A round that nobody answers leaves all as it is; but noise tells by its absence, too.
        guard !answers.isEmpty || federation.isPrivate else { return }
        let weights = weights(of: answers.map(\.client)), values = answers.map(\.values)
        if let stacked, let products {
            result.aggregationErrors =
                (result.aggregationErrors ?? [])
                + [products.stackingError(of: values, weights: weights)]
            try stacked.add(products, of: values, weights: weights, scale: scale)
            // As the app does: another A for each round, and B = 0.
            method = try make(stacked.base, plan.seed &+ UInt64(round))
            return
        }
        let privacy = ClientPrivacy(clip: federation.clip ?? .infinity, noise: federation.noise ?? 0)
        var change = [Double](repeating: 0, count: start.count)
        for (values, weight) in zip(values, weights) {
            let own = privacy.clipped(zip(values, start).map { Double($0) - Double($1) })
            for index in change.indices { change[index] += weight * own[index] }
        }
        var chance = SeededGenerator(seed: plan.seed &* 0x94d0_49bb_1331_11eb &+ UInt64(round))
        change = privacy.noisy(change, clients: federation.meanClients, &chance)
        let next = strategy.next(start, change: change, round: round)
        guard next.allSatisfy(\.isFinite) else {
            throw TrainingError.diverged(
                step: stepCount, loss: .nan, gradientNorm: .nan, learningRate: settings.learningRate)
        }
        method.trainedValues = next
        if let products, !values.isEmpty, federation.strategy != .fedAdam, !federation.isPrivate {
            result.aggregationErrors =
                (result.aggregationErrors ?? [])
                + [products.error(of: values, weights: weights, mean: next)]
        }
    }

    /// Weights that sum to 1; with privacy 1/n each, n being the clients of a round on average, whoever answers.
    private func weights(of answered: [Int]) -> [Double] {
        if federation.isPrivate { return answered.map { _ in 1 / federation.meanClients } }
        let counts = answered.map { federation.weights == .equal ? 1 : Double(clients[$0].count) }
        let sum = counts.reduce(0, +)
        return counts.map { $0 / sum }
    }

    /// α/r.
    private var scale: Double {
        let usual = LowRankMethod.Settings()
        return Double(plan.method.alpha ?? usual.alpha) / Double(plan.method.rank ?? usual.rank)
    }

    private func validate() throws {
        let measured = topics.measure(try Trainer(method, examples: clients[0], settings: settings))
        result.topicLosses = measured
        result.clientLosses = clients.indices.map { topics.loss(measured, of: $0) }
        if !measured.isEmpty { validations.append(.init(step: stepCount, loss: topics.mean(measured))) }
    }

    private var own: [[FederatedResult.Topic]] = []

    /// What a client has come to by itself.
    private func measureOwn(_ client: Int) {
        guard let trainer = try? Trainer(method, examples: clients[client], settings: settings) else { return }
        own.append(topics.measure(trainer))
    }

    private func finishAlone() {
        result.clientLosses = own.enumerated().map { topics.loss($1, of: $0) }
        result.topicLosses = result.topicLosses.enumerated().map { index, topic in
            .init(name: topic.name, loss: own.reduce(0) { $0 + $1[index].loss } / Double(max(1, own.count)))
        }
        validations.append(.init(step: stepCount, loss: result.meanLoss ?? .nan))
    }

    /// Counts what is sent to a client, and what comes back, as the app sends it: of LoRA with A frozen A goes along, of stacked
    /// matrices what earlier rounds have added.
    private func count(_ products: LowRankProducts?, isAnswered: Bool) {
        guard federation.strategy != .alone, clients.count > 1 else { return }
        let trained = method.trainableParameterCount
        let beside = (products?.frozenCount ?? 0) + (stacked.map { products?.count(rank: $0.rank) ?? 0 } ?? 0)
        (result.bytesDown, result.bytesUp) = (4 * (trained + beside), 4 * trained)
        result.bytesInAll += result.bytesDown + (isAnswered ? result.bytesUp : 0)
    }

    private func account() {
        guard let noise = federation.noise, noise > 0 else { return }
        let delta = federation.delta ?? 1e-5
        let epsilon = PrivacyAccountant.epsilon(
            noise: noise, sampling: federation.participation ?? 1, rounds: federation.rounds ?? 1, delta: delta)
        // Noise next to nothing bounds nothing, and JSON has no word for that.
        if epsilon.isFinite { (result.delta, result.epsilon) = (delta, epsilon) }
    }

    func restoreBest() -> Int { stepCount }
    var thinnedTraining: [RunResult.Point] { RunTraining.thinned(losses) }
    var federated: FederatedResult? { result }
}

extension TuningMethod {
    /// All that is trained, in one list.
    fileprivate var trainedValues: [Float] {
        get { parameters.flatMap { $0.value.values } }
        set {
            var rest = newValue[...]
            for (_, tensor) in parameters {
                let values = rest.prefix(tensor.count)
                rest = rest.dropFirst(tensor.count)
                tensor.withMutableValues { _ = $0.update(fromContentsOf: values) }
            }
        }
    }
}
