import Foundation

/// How a run's rounds go: who has which data, what is averaged how, and what may go wrong. In settings a scenario, of which what
/// is nil is as the settings say for all, or as usual; in a run's plan whole.
struct Federation: Codable, Equatable, Sendable {
    /// What a server makes of its clients' answers.
    enum Strategy: String, Codable, CaseIterable, Sendable {
        /// The weighted mean (McMahan et al. 2017).
        case fedAvg = "fedavg"
        /// Adam, to which the mean change is a gradient (Reddi et al. 2021).
        case fedAdam = "fedadam"
        /// Nothing: each client goes on with its own, and is measured by itself.
        case alone
    }

    /// What a client counts for in a mean.
    enum Weights: String, Codable, CaseIterable, Sendable {
        /// As many as its training examples.
        case examples
        /// All the same.
        case equal
    }

    /// Who has which data.
    var split: ClientSplit?
    /// How many clients there are.
    var clients: Int?
    /// How many times the server asks.
    var rounds: Int?
    /// Steps of a client in a round; its optimiser begins anew in each.
    var localSteps: Int?
    /// FedAvg unless it says otherwise.
    var strategy: Strategy?
    /// η of FedAdam, the server's rate; Flower's 0.1 unless given.
    var eta: Double?
    /// μ of FedProx, for the clients' steps.
    var proximal: Double?
    /// The share of clients that are asked in a round, drawn anew in each; 1 unless given.
    var participation: Double?
    /// The probability that a client that was asked does not answer.
    var dropout: Double?
    /// By examples, unless there is privacy, which needs equal weights.
    var weights: Weights?
    /// Privacy: the greatest norm of a client's change.
    var clip: Double?
    /// Privacy: the deviation of the noise on the sum of changes, by ``clip``.
    var noise: Double?
    /// Privacy: δ; 1e-5 unless given.
    var delta: Double?
    /// LoRA: whether the clients' products are added to the model (FLoRA), not their matrices averaged.
    var stacks: Bool?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case split, clients, rounds, localSteps = "local_steps", strategy, eta, proximal, participation, dropout,
            weights
        case clip, noise, delta, stacks
    }

    /// Whether changes are clipped or noise is added.
    var isPrivate: Bool { clip != nil || noise != nil }
    /// How many clients a round has on average.
    var meanClients: Double { Double(clients ?? 1) * (participation ?? 1) }
    /// Whether what the method holds after the run is what was trained, as one adapter.
    var leavesAdapter: Bool { strategy != .alone && stacks != true }

    /// With what it does not say itself.
    func completed(clients: Int, rounds: Int, localSteps: Int) -> Federation {
        var whole = self
        whole.split = split ?? .equal
        whole.clients = self.clients ?? clients
        whole.rounds = self.rounds ?? rounds
        whole.localSteps = self.localSteps ?? localSteps
        return whole
    }

    /// In words: "6 clients, a topic each; FedAvg".
    var meaning: String {
        if clients == 1 { return "all data in one place" }
        var parts = ["\(clients ?? 1) clients", (split ?? .equal).meaning]
        switch strategy ?? .fedAvg {
        case .fedAvg:
            parts.append(
                stacks == true ? "their products added" : proximal.map { "FedProx with μ = \($0)" } ?? "FedAvg")
        case .fedAdam: parts.append("FedAdam" + (eta.map { " with η = \($0)" } ?? ""))
        case .alone: parts.append("each by itself")
        }
        if let participation { parts.append("\(Self.percent(participation)) of them in a round") }
        if let dropout { parts.append("\(Self.percent(dropout)) of the answers lost") }
        if let clip { parts.append("changes clipped to \(clip)") }
        if let noise, noise > 0 { parts.append("noise \(noise)") }
        return parts.joined(separator: ", ")
    }

    private static func percent(_ share: Double) -> String { "\(Int((100 * share).rounded()))%" }
}

/// The settings of the study of federated rounds.
struct FederationSettings: Codable, Equatable, Sendable {
    /// Clients, rounds, and steps of a client in a round, where a scenario does not say otherwise.
    var clients: Int
    var rounds: Int
    var localSteps: Int
    /// What is compared, by name.
    var scenarios: [String: Federation]
    /// The scenarios of each row, in order.
    var plan: [String: [String]]

    enum CodingKeys: String, CodingKey, CaseIterable {
        case clients, rounds, localSteps = "local_steps", scenarios, plan
    }

    /// The scenario in which one machine has all data, and takes as many steps as a client does in all rounds.
    static let central = "centralised"

    /// A scenario with everything that it does not say itself.
    ///
    /// - Throws: ``ExperimentError/badSettings(source:problem:)``.
    func scenario(_ name: String) throws -> Federation {
        if name == Self.central {
            return Federation(split: .equal, clients: 1, rounds: 1, localSteps: rounds * localSteps)
        }
        guard let found = scenarios[name] else {
            throw ExperimentError.badSettings(
                source: "federated.plan",
                problem: "there is no scenario \"\(name)\"; there are "
                    + ([Self.central] + scenarios.keys.sorted()).joined(separator: ", "))
        }
        // Alone there is nothing to meet for: as many steps, in one go.
        if found.strategy == .alone {
            return found.completed(clients: clients, rounds: 1, localSteps: rounds * localSteps)
        }
        return found.completed(clients: clients, rounds: rounds, localSteps: localSteps)
    }

    /// Throws where a setting has no meaning.
    func validate() throws {
        func check(_ isRight: Bool, _ key: String, _ needed: String) throws {
            if !isRight {
                throw ExperimentError.badSettings(source: "federated.\(key)", problem: "\(needed) is needed")
            }
        }
        let counts = 1...1 << 20
        for (key, value) in [("clients", clients), ("rounds", rounds), ("local_steps", localSteps)] {
            try check(counts.contains(value), key, "a number from 1 to \(1 << 20)")
        }
        for (name, scenario) in scenarios.sorted(by: { $0.key < $1.key }) {
            let path = "scenarios.\(name)"
            for (key, value) in [
                ("clients", scenario.clients), ("rounds", scenario.rounds), ("local_steps", scenario.localSteps),
            ] { try check(value.map(counts.contains) ?? true, "\(path).\(key)", "a number from 1 to \(1 << 20)") }
            func number(_ value: Double?, _ key: String, _ needed: String, _ isRight: (Double) -> Bool) throws {
                try check(value.map { $0.isFinite && isRight($0) } ?? true, "\(path).\(key)", needed)
            }
            try number(scenario.participation, "participation", "a number above 0, up to 1") { $0 > 0 && $0 <= 1 }
            try number(scenario.dropout, "dropout", "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
            try number(scenario.eta, "eta", "a number above 0") { $0 > 0 }
            try number(scenario.proximal, "proximal", "a number from 0 on") { $0 >= 0 }
            try number(scenario.clip, "clip", "a number above 0") { $0 > 0 }
            try number(scenario.noise, "noise", "a number from 0 on") { $0 >= 0 }
            try number(scenario.delta, "delta", "a number between 0 and 1") { $0 > 0 && $0 < 1 }
            try check(
                scenario.noise ?? 0 == 0 || scenario.clip != nil, "\(path).clip",
                "with noise a bound of each client's change")
            try check(
                !scenario.isPrivate || scenario.weights != .examples, "\(path).weights",
                "with privacy, which bounds a client's part, equal weights (or none given)")
            try check(
                scenario.stacks != true || (!scenario.isPrivate && scenario.strategy ?? .fedAvg == .fedAvg),
                "\(path).strategy", "where matrices are stacked there is no mean for another strategy or noise: fedavg")
        }
    }
}
