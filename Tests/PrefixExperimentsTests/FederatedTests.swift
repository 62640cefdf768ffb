import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

/// Parts of federated rounds: who has which data, what a server makes of answers, what noise hides.
@Suite("Parts of federated rounds") struct FederatedPartsTests {
    private static let groups = (0..<600).map { "topic \($0 % 6)" }

    @Test(
        "every example is at one client, in the order of the data",
        arguments: [ClientSplit.equal, .topics, .dirichlet(0.1), .dirichlet(1), .dirichlet(.infinity)])
    func partition(split: ClientSplit) {
        for count in [1, 3, 6] {
            let clients = split.clients(of: Self.groups, count: count, seed: 3)
            #expect(clients.count == count && clients.allSatisfy { $0.count >= 10 && $0 == $0.sorted() })
            #expect(clients.joined().sorted() == Array(0..<600))
        }
        #expect(
            split.clients(of: Self.groups, count: 6, seed: 3) == split.clients(of: Self.groups, count: 6, seed: 3))
    }

    @Test("a topic at each client; the smaller α, the less alike clients are")
    func unlikeness() {
        /// The mean share of a client's most frequent topic.
        func purity(_ split: ClientSplit) -> Double {
            let clients = split.clients(of: Self.groups, count: 6, seed: 5)
            return clients.reduce(0) { sum, client in
                let counts = Dictionary(grouping: client) { Self.groups[$0] }.values.map(\.count)
                return sum + Double(counts.max() ?? 0) / Double(client.count) / 6
            }
        }
        #expect(purity(.topics) > 0.999_999)
        #expect(purity(.equal) < 0.3)
        #expect(purity(.dirichlet(0.1)) > purity(.dirichlet(1)) && purity(.dirichlet(1)) > purity(.dirichlet(100)))
        // Two topics each, and the larger ones apart.
        let uneven = ["a", "a", "a", "b", "b", "c", "c", "d"]
        #expect(ClientSplit.topics.clients(of: uneven, count: 2, seed: 1) == [[0, 1, 2, 7], [3, 4, 5, 6]])
    }

    @Test("gamma variates have the mean and variance of their shape", arguments: [0.1, 1, 4.5])
    func gamma(shape: Double) {
        var generator = SeededGenerator(seed: 7)
        let values = (0..<40_000).map { _ in generator.gamma(shape: shape) }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        #expect(abs(mean / shape - 1) < 0.05 && abs(variance / shape - 1) < 0.1, "\(mean) \(variance)")
    }

    @Test("FedAdam comes to what Flower 1.42's does")
    func adam() {
        // strategy.FedAdam of flwr 1.42.0, with its defaults, from these means.
        var strategy = FederatedAdam(), values: [Float] = [0.5, -1, 2, 0]
        let means: [[Float]] = [[0.6, -1, 1.5, 1e-4], [0.9, -1.2, 1, -0.3]]
        let expected = [
            [0.567_496_350_686_401_3, -1, 1.927_209_822_220_529, 0.000_735_108_677_559_088_7],
            [0.642_743_742_902_792_1, -1.060_565_729_264_665, 1.844_759_578_515_417_6, -0.060_793_917_270_955_87],
        ]
        for (round, mean) in means.enumerated() {
            let change = zip(mean, values).map { Double($0) - Double($1) }
            values = strategy.next(values, change: change, round: round + 1)
            for (a, b) in zip(values, expected[round]) { #expect(abs(Double(a) - b) < 1e-6, "\(a) \(b)") }
        }
    }

    @Test("ε is that of dp-accounting 0.6")
    func accountant() {
        // RdpAccountant with GaussianDpEvent, sampled with PoissonSampledDpEvent; where q < 1 with integer orders.
        for (sampling, noise, rounds, expected) in [
            (1, 1, 10, 19.053_597_531_631_39), (1, 5, 10, 2.813_653_247_129_839_7),
            (0.1, 1, 10, 3.551_502_669_659_792_7), (0.1, 2, 10, 0.935_504_985_853_510_8),
            (0.01, 1.1, 1000, 1.725_290_818_044_944_8), (256.0 / 60_000, 1.1, 14_063, 2.597_079_519_656_661_6),
        ] {
            let found = PrivacyAccountant.epsilon(noise: noise, sampling: sampling, rounds: rounds, delta: 1e-5)
            #expect(abs(found - expected) < 1e-9 * expected, "\(found) \(expected)")
        }
        #expect(PrivacyAccountant.epsilon(noise: 0, sampling: 1, rounds: 1, delta: 1e-5) == .infinity)
    }

    @Test("changes are clipped to the norm, and noise has the stated size")
    func privacy() {
        let privacy = ClientPrivacy(clip: 2, noise: 3)
        #expect(privacy.clipped([3, 4]) == [1.2000000000000002, 1.6] || privacy.clipped([3, 4]) == [1.2, 1.6])
        #expect(privacy.clipped([0.1, 0.2]) == [0.1, 0.2])
        var generator = SeededGenerator(seed: 1)
        let values = privacy.noisy([Double](repeating: 5, count: 20_000), clients: 4, &generator).map { $0 - 5 }
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / 20_000).squareRoot()
        #expect(abs(deviation - 3 * 2 / 4) < 0.03, "\(deviation)")
        #expect(ClientPrivacy(clip: .infinity, noise: 0).noisy([1, 2], clients: 4, &generator) == [1, 2])
    }

    @Test(
        "what has no meaning is refused, and named",
        arguments: [
            ("federated.rounds=0", "federated.rounds: a number from 1 to 1048576 is needed"),
            ("federated.round=1", "\"federated.round\" is not a setting"),
            ("federated.scenarios.iid.sigma=1", "\"federated.scenarios.iid.sigma\" is not a setting"),
            ("federated.scenarios.iid.split=even", "it is \"even\", but iid, topics or dirichlet:ALPHA"),
            ("federated.scenarios.iid.split=dirichlet:-1", "dirichlet:ALPHA with a number above 0"),
            ("federated.scenarios.iid.participation=0", "scenarios.iid.participation: a number above 0, up to 1"),
            ("federated.scenarios.iid.dropout=1", "scenarios.iid.dropout: a number from 0 to below 1"),
            ("federated.scenarios.iid.noise=1", "scenarios.iid.clip: with noise a bound of each client's change"),
            (
                "federated.scenarios.iid={\"clip\":1,\"weights\":\"examples\"}",
                "equal weights (or none given) is needed"
            ),
            ("federated.scenarios.topics-stacked.strategy=fedadam", "where matrices are stacked"),
        ])
    func refusals(assignment: String, message: String) throws {
        let error = failure(ExperimentError.self) {
            _ = try ExperimentSettings.settings(
                for: "federated", suitsEmbeddedModel: true, assignments: [assignment])
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "no error")")
    }
}
