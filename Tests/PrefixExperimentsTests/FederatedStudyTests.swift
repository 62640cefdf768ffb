import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

/// Federated rounds in small, with the embedded model: a few steps of a few examples.
@Suite("Federated rounds", .serialized) @Compute struct FederatedStudyTests {
    private static func experiment(_ folder: URL, _ plan: String, _ more: [String] = []) throws -> Experiment {
        let rows = #"rows=["prefix-flat","lora","lora-ffa","fine-tune"]"#
        let small = [
            "federated.clients=3", "federated.rounds=2", "federated.local_steps=2", "train_examples=36",
            "methods.prefix-flat.batch_size=2", "methods.lora.batch_size=2", "methods.lora-ffa.batch_size=2",
            "methods.fine-tune.batch_size=2", "methods.prefix-flat.length=2", "methods.lora.rank=2",
            "methods.lora-ffa.rank=2", "validation_examples=6", "test_sources=2", "max_new_tokens=2",
        ]
        let empty = ["prefix-flat", "lora", "lora-ffa", "fine-tune"].map { "federated.plan.\($0)=[]" }
        return try ExperimentTests.experiment(
            "federated", in: folder, assignments: [rows] + small + empty + ["federated.plan.\(plan)"] + more)
    }

    private static func run(_ folder: URL, _ plan: String, _ more: [String] = []) throws -> [RunResult] {
        try experiment(folder, plan, more).run()
        return try ExperimentFolder.read(ExperimentRecord.self, "results.json", in: folder).runs
    }

    private static func weights(_ folder: URL, _ run: RunResult) throws -> Data {
        try Data(
            contentsOf: folder.appendingPathComponent(
                "runs/\(run.plan.identifier)/adapter/adapter_model.safetensors"))
    }

    @Test("a round's result is the mean of what its clients come to by themselves, by their examples")
    func mean() throws {
        try withTrainingFolder { folder in
            let experiment = try Self.experiment(
                folder, #"prefix-flat=["topics"]"#, ["federated.rounds=1", "federated.clients=2", "train_examples=33"])
            let plan = experiment.runs[0], data = try ExperimentDataSet.embedded().limited(test: 2, train: 33)
            #expect(plan.identifier == "embedded-prefix-flat_topics-seed1" && plan.method.steps == 2)
            try experiment.run()
            let clients = ClientSplit.topics.clients(of: data.train.map(\.group), count: 2, seed: 1)
            #expect(clients.map(\.count).sorted() == [16, 17])
            var mean: [Double] = []
            for (index, client) in clients.enumerated() {
                let method = try plan.method.method(on: experiment.base, task: data.task, seed: 1, passTape: Tape())
                var settings = plan.method.training(data.task)
                settings.duration = .steps(2)
                settings.seed = 1 + 1000 + UInt64(index)
                settings.tokensPerPass = 512
                let examples = try method.tokenize(
                    client.map { data.train[$0] },
                    format: ExperimentSettingsTests.settings("table1").format(of: data.task))
                let trainer = try Trainer(method, examples: examples, settings: settings)
                while !trainer.isFinished { _ = try trainer.step() }
                let values = method.parameters.flatMap { $0.value.values }
                if mean.isEmpty { mean = values.map { _ in 0 } }
                for place in mean.indices { mean[place] += Double(values[place]) * Double(client.count) / 33 }
            }
            let adapter = folder.appendingPathComponent("runs/\(plan.identifier)/adapter")
            let found = try PrefixMethod(
                model: experiment.base.model(),
                settings: {
                    var settings = PrefixMethod.Settings()
                    (settings.initialization, settings.length, settings.hiddenWidth) = (.adapter(adapter), nil, nil)
                    return settings
                }(), seed: 9, passTape: Tape()
            ).parameters.flatMap { $0.value.values }
            #expect(found.count == mean.count)
            let largest = zip(found, mean).map { abs(Double($0) - $1) }.max() ?? 1
            #expect(largest < 1e-6, "\(largest)")
        }
    }

    @Test("without noise and clipping, privacy changes no bit; with them it does")
    func noNoise() throws {
        try withTrainingFolder { folder in
            let results = try Self.run(
                folder, #"prefix-flat=["plain","quiet","wide","clipped","noisy"]"#,
                [
                    #"federated.scenarios={"plain": {"weights": "equal", "split": "topics"}, "quiet": {"noise": 0, "split": "topics"}, "#
                        + #""wide": {"noise": 0, "clip": 1e9, "split": "topics"}, "clipped": {"clip": 0.01, "split": "topics"}, "#
                        + #""noisy": {"noise": 1, "clip": 1e3, "split": "topics"}}"#
                ])
            let weights = try results.map { try Self.weights(folder, $0) }
            #expect(weights.count == 5 && weights[1] == weights[0] && weights[2] == weights[0])
            #expect(weights[3] != weights[0] && weights[4] != weights[0])
            #expect(results[0].validation == results[1].validation && results[0].validation.count == 3)
            #expect(results.dropLast().allSatisfy { $0.federated?.epsilon == nil })
            // Two rounds with noise 1: the Gaussian mechanism's own figure.
            let epsilon = try #require(results[4].federated?.epsilon)
            #expect(
                epsilon == PrivacyAccountant.epsilon(noise: 1, sampling: 1, rounds: 2, delta: 1e-5) && epsilon > 5)
        }
    }

    @Test("LoRA: means err, freezing A and stacking do not; bytes are those of what travels")
    func lowRank() throws {
        try withTrainingFolder { folder in
            let averaged = try Self.run(folder, #"lora=["topics","topics-stacked"]"#)
            let frozen = try withTrainingFolder { try Self.run($0, #"lora-ffa=["topics"]"#) }
            let all = (averaged + frozen).compactMap(\.federated)
            #expect(all.count == 3 && all.allSatisfy { $0.aggregationErrors?.count == 2 })
            let errors = all.map { $0.aggregationErrors?.max() ?? -1 }
            #expect(errors[0] > 1e-3 && (0..<1e-6).contains(errors[1]) && (0..<1e-6).contains(errors[2]), "\(errors)")
            // c_attn of four layers: A [2 × 192], B [576 × 2].
            let (a, b) = (4 * 4 * 2 * 192, 4 * 4 * 2 * 576)
            #expect(all[0].bytesDown == a + b && all[0].bytesUp == a + b && all[0].bytesInAll == 12 * (a + b))
            #expect(all[2].bytesDown == a + b && all[2].bytesUp == b && all[2].bytesInAll == 6 * (a + 2 * b))
            // In the second round the sum of three products comes along.
            #expect(all[1].bytesDown == 4 * (a + b) && all[1].bytesInAll == 3 * (2 + 5) * (a + b))
            let stacked = averaged[1]
            let losses = stacked.validation.map(\.loss)
            #expect(losses.count == 3 && losses[2] < losses[0], "\(losses)")
            let adapter = folder.appendingPathComponent("runs/\(stacked.plan.identifier)/adapter")
            #expect(!FileManager.default.fileExists(atPath: adapter.path))
        }
    }

    @Test("clients by themselves, clients that are not asked, and those that do not answer")
    func others() throws {
        try withTrainingFolder { folder in
            let results = try Self.run(
                folder, #"prefix-flat=["centralised","alone","iid","half","lost"]"#,
                [
                    #"federated.scenarios={"alone": {"split": "topics", "strategy": "alone"}, "iid": {}, "#
                        + #""half": {"participation": 0.67}, "lost": {"dropout": 0.5}}"#, "federated.rounds=3",
                ])
            let found = results.compactMap(\.federated)
            #expect(found.map(\.answers.count) == [1, 1, 3, 3, 3])
            #expect(found[0].answers == [1] && found[0].bytesInAll == 0 && results.allSatisfy { $0.steps == 6 })
            #expect(found[1].clientLosses.count == 3 && Set(found[1].clientLosses).count == 3)
            #expect(results[1].tests.isEmpty && found[1].bytesInAll == 0)
            #expect(found[2].answers == [3, 3, 3] && found[3].answers == [2, 2, 2])
            #expect(found[4].answers.reduce(0, +) < 9 && found[4].bytesInAll < found[2].bytesInAll)
            #expect(found[4].bytesInAll >= found[2].bytesInAll / 2)
            let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
            for text in [
                "The paper says: A prefix per user", "Here, with embedded: ", "what travels", "worst client",
                "3 clients, the same mixture of topics, FedAvg, 67% of them in a round", "How rounds are computed",
                "6 steps of a client instead of ",
            ] { #expect(page.contains(text), "\(text)") }
            try FileManager.default.removeItem(at: folder.appendingPathComponent("report.html"))
            let again = try Experiment.rewriteReport(in: folder)
            #expect(try String(contentsOf: again, encoding: .utf8) == page)
        }
    }

    @Test("a stopped study goes on to the same bits")
    func resuming() throws {
        try withTrainingFolder { whole in
            try withTrainingFolder { parts in
                let plan = #"prefix-flat=["iid","topics-fedadam"]"#
                let expected = try Self.run(whole, plan)
                var steps = 0
                let error = failure(ExperimentError.self) {
                    try Self.experiment(parts, plan).run {
                        if case .step = $0 { steps += 1 }
                    } shouldStop: {
                        steps == 15
                    }
                }
                #expect(error == .interrupted(done: 1, total: 2))
                let found = try Self.run(parts, plan)
                for (a, b) in zip(expected, found) {
                    #expect(a.federated == b.federated && a.training == b.training)
                    #expect(try Self.weights(whole, a) == Self.weights(parts, b))
                }
            }
        }
    }

    @Test("what noise leaves no numbers of is a run that did not end, and the others go on")
    func divergence() throws {
        try withTrainingFolder { folder in
            let results = try Self.run(
                folder, #"prefix-flat=["loud","still"]"#,
                [
                    #"federated.scenarios={"loud": {"clip": 1e300, "noise": 1e300}, "still": {"clip": 1, "noise": 1e-300}}"#
                ])
            #expect(results[0].failure?.contains("diverged") == true && results[0].tests.isEmpty, "\(results[0])")
            #expect(results[1].failure == nil && results[1].federated?.epsilon == nil)
        }
    }

    @Test("too few topics for clients of one each is said")
    func tooFewTopics() {
        let error = failure(ExperimentError.self) {
            _ = try withTrainingFolder { folder in
                try Self.experiment(folder, #"prefix-flat=["topics"]"#, ["federated.clients=7"])
            }
        }
        #expect(error?.description.contains("embedded has 6 topics, too few for 7 clients") == true, "\(error as Any)")
    }
}
