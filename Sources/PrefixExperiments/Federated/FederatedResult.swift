/// What federated rounds came to beside their scores.
struct FederatedResult: Codable, Equatable, Sendable {
    /// Validation loss of a topic.
    struct Topic: Codable, Equatable, Sendable {
        var name: String
        /// Nats per target token.
        var loss: Double
    }

    /// Training examples of each client.
    var clientExamples: [Int] = []
    /// What each client would measure at the end: the losses of the topics by its share of them, in nats per target token.
    var clientLosses: [Double] = []
    /// Losses of the topics at the end; of clients by themselves the means.
    var topicLosses: [Topic] = []
    /// Clients that answered, by round.
    var answers: [Int] = []
    /// Bytes of 32-bit values to a client, in the last round; and back from it.
    var bytesDown = 0
    var bytesUp = 0
    /// Bytes to and from all clients in all rounds.
    var bytesInAll = 0
    /// LoRA: how far what the server sends is from the mean of the clients' products, relative to it, by round.
    var aggregationErrors: [Double]?
    /// Privacy: ε of all rounds together; nil where there is none.
    var epsilon: Double?
    /// Privacy: δ.
    var delta: Double?

    enum CodingKeys: String, CodingKey {
        case clientExamples = "client_examples", clientLosses = "client_losses", topicLosses = "topic_losses", answers
        case bytesDown = "bytes_down", bytesUp = "bytes_up", bytesInAll = "bytes_in_all"
        case aggregationErrors = "aggregation_errors", epsilon, delta
    }

    /// The mean over clients that all count the same.
    var meanLoss: Double? { clientLosses.isEmpty ? nil : clientLosses.reduce(0, +) / Double(clientLosses.count) }
    /// Of the client that is worst off; where one has all data, of the worst topic.
    var worstLoss: Double? { clientLosses.count == 1 ? topicLosses.map(\.loss).max() : clientLosses.max() }
}
