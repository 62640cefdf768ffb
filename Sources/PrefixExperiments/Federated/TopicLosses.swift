import PrefixTuning
import Tensors

/// Validation by topic, and what each client would measure on data like its own.
@Compute struct TopicLosses {
    private let topics: [(name: String, examples: [TokenizedExample])]
    /// The share of each topic in a client's data, of the topics that there are validation examples of.
    private let shares: [[Double]]

    /// - Parameters:
    ///   - validation: All validation examples.
    ///   - clients: Of each client, the topics of its examples.
    init(
        _ validation: [Example], clients: [[String]], tokenize: @Compute ([Example]) throws -> [TokenizedExample]
    ) throws {
        var names: [String] = []
        for example in validation where !names.contains(example.group) { names.append(example.group) }
        var topics: [(name: String, examples: [TokenizedExample])] = []
        for name in names {
            let examples = try tokenize(validation.filter { $0.group == name })
            if !examples.isEmpty { topics.append((name, examples)) }
        }
        self.topics = topics
        shares = clients.map { groups in
            let counts = topics.map { topic in Double(groups.count { $0 == topic.name }) }, sum = counts.reduce(0, +)
            // Who has topics that nothing is known of is measured by all.
            return sum > 0 ? counts.map { $0 / sum } : topics.map { _ in 1 / Double(topics.count) }
        }
    }

    /// The loss of each topic.
    func measure(_ trainer: Trainer) -> [FederatedResult.Topic] {
        topics.map { .init(name: $0.name, loss: trainer.validationLoss($0.examples)) }
    }

    /// The loss of a client on data like its own.
    func loss(_ losses: [FederatedResult.Topic], of client: Int) -> Double {
        zip(losses, shares[client]).reduce(0) { $0 + ($1.1 > 0 ? $1.0.loss * $1.1 : 0) }
    }

    /// The loss over all topics.
    func mean(_ losses: [FederatedResult.Topic]) -> Double {
        let counts = topics.map { Double($0.examples.count) }
        return zip(losses, counts).reduce(0) { $0 + $1.0.loss * $1.1 } / max(1, counts.reduce(0, +))
    }
}
