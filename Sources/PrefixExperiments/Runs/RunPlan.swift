import Foundation
import PrefixTuning
import Reports

/// One run of an experiment: what is trained on what, and how. The unit of resuming: a run is done whole or not at all.
public struct RunPlan: Codable, Equatable, Sendable {
    /// A few examples drawn at random, with a validation set of their own (the paper's low-data protocol).
    public struct Subset: Codable, Equatable, Sendable {
        /// Number of training examples.
        public var size: Int
        /// Which of the draws: fixes the choice.
        public var index: Int
        /// Number of validation examples, drawn from the other training examples; 0 for the data set's own.
        public var validation: Int
    }

    /// The row of the table that it belongs to.
    public var row: String
    /// The data set's name.
    public var dataSet: String
    /// The method.
    public var method: MethodSettings
    /// Which examples; nil for all.
    public var subset: Subset?
    /// What varies within a row: a length, a size, a part of the data.
    public var point: Double?
    /// Fixes initial values, the order of the data and dropout.
    public var seed: UInt64
    /// How it is trained in federated rounds; nil where one machine has all data.
    var federation: Federation?

    private enum CodingKeys: String, CodingKey {
        case row, dataSet = "data_set", method, subset, point, seed, federation
    }

    /// Its folder's name: different for all runs of an experiment.
    public var identifier: String {
        var parts = [dataSet, row]
        // A small rate as 1e-05, which is the same in all file systems.
        if let point { parts.append(point < 1e-3 ? "\(point)" : ReportNumber.short(point, digits: 6)) }
        if let subset { parts.append("subset\(subset.index)") }
        parts.append("seed\(seed)")
        return Self.fileName(parts.joined(separator: "-"))
    }

    /// A name as it stands in names of files: `adapter-0.1%` as `adapter-0.1pc`.
    static func fileName(_ name: String) -> String {
        name.map { $0.isLetter || $0.isNumber || "-._%".contains($0) ? $0 : "_" }
            .reduce(into: "") { $0.append($1 == "%" ? "pc" : String($1)) }
    }
}

/// What came of a run: `runs/<identifier>/result.json`.
public struct RunResult: Codable, Sendable {
    /// A point of a curve.
    public struct Point: Codable, Sendable, Equatable {
        /// Steps done.
        public var step: Int
        /// Nats per target token.
        public var loss: Double
    }

    /// A part of the test set.
    public struct Test: Codable, Sendable {
        /// Its name.
        public var split: String
        /// Number of sources.
        public var instances: Int
        /// All scores of the data set's rules, with intervals where they were asked for.
        public var scores: [Score]
        /// One of them.
        public struct Score: Codable, Sendable {
            /// "BLEU", …
            public var name: String
            /// On the scale of the rules' report.
            public var value: Double
            /// 95% interval over test sources.
            public var interval: [Double]?
            /// Whether a greater value is better.
            public var higherIsBetter: Bool

            private enum CodingKeys: String, CodingKey {
                case name, value, interval, higherIsBetter = "higher_is_better"
            }
        }
    }

    /// What was run.
    public var plan: RunPlan
    /// Values that training changed, the reparametrisation included.
    public var trainableParameters: Int
    /// Values kept per task.
    public var storedParameters: Int
    /// Values of the base model.
    public var modelParameters: Int
    /// Training examples.
    public var examples: Int
    /// Examples per step.
    public var batchSize: Int
    /// Peak learning rate.
    public var learningRate: Double
    /// Steps done.
    public var steps: Int
    /// The step whose parameters were tested.
    public var testedStep: Int
    /// Real tokens seen in training.
    public var tokens: Int
    /// Seconds of training, without validation and tests.
    public var seconds: Double
    /// Largest resident memory while this run trained, in bytes; nil where others trained beside it.
    public var peakMemory: Int?
    /// Training loss, thinned.
    public var training: [Point]
    /// Validation losses.
    public var validation: [Point]
    /// Test sources that were cut to fit the model.
    public var cutSources: Int
    /// Seconds of answering the test sources.
    public var testSeconds: Double
    /// Scores of the parts of the test set.
    public var tests: [Test]
    /// The error that ended training early, where one did: a divergence.
    public var failure: String?
    /// What federated rounds came to beside.
    var federated: FederatedResult?

    private enum CodingKeys: String, CodingKey {
        case plan, trainableParameters = "trainable_parameters", storedParameters = "stored_parameters"
        case modelParameters = "model_parameters", examples, batchSize = "batch_size", learningRate = "learning_rate"
        case steps, testedStep = "tested_step", tokens, seconds, peakMemory = "peak_memory", training, validation
        case cutSources = "cut_sources", testSeconds = "test_seconds", tests, failure, federated
    }

    /// The value of a score on a part of the test set.
    public func score(_ name: String, split: String) -> Test.Score? {
        tests.first { $0.split == split }?.scores.first { $0.name == name }
    }

    /// The least validation loss.
    public var bestValidationLoss: Double? { validation.map(\.loss).min() }
}
