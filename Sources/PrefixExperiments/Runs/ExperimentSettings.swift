import Foundation
import PrefixTuning
import TextMetrics

/// How an experiment is run: everything but model and data.
///
/// Settings are JSON. `defaults.json`, the experiment's own file, what suits the base model and the user's settings are laid
/// over each other, key by key; what an experiment was run with stands whole in its `experiment.json`.
public struct ExperimentSettings: Codable, Equatable, Sendable {
    /// The methods by the names of their rows.
    public var methods: [String: MethodSettings]
    /// The rows of the table, in order: names in ``methods``.
    public var rows: [String]
    /// The data sets.
    public var data: [String]
    /// A run for each; scores are averaged.
    public var seeds: [UInt64]
    /// Width of the beam search; 0 for the paper's for the task.
    public var beams: Int
    /// The largest number of tokens of an answer; 0 for the paper's for the task.
    public var maxNewTokens: Int
    /// The largest number of tokens of a source and of a summary, where a model has few positions; 0 for the task's own.
    public var maxSourceTokens: Int
    /// The most tokens of a target that are trained on; what is longer is cut, as with ``maxSourceTokens``.
    public var maxTargetTokens: Int
    /// What becomes of training examples that do not fit the model: they are left out unless it says otherwise.
    public var tooLong: TaskFormat.Overflow?
    /// Whether the validation set is answered in place of the test set: to choose rates and lengths by.
    public var testsValidation: Bool
    /// About how many sources of a test set are answered; 0 for all.
    public var testSources: Int
    /// How many examples of a training set are used; 0 for all.
    public var trainExamples: Int
    /// The most validation examples that a loss is computed over; 0 for all.
    public var validationExamples: Int
    /// Validations per run; the parameters of the least loss are tested where ``keepsBest`` is true.
    public var validations: Int
    /// Whether runs are tested as they were at the least validation loss.
    public var keepsBest: Bool
    /// Resampled test sets for 95% intervals; 0 for none.
    public var bootstrap: Int
    /// Tokens that pass through the model at a time.
    public var tokensPerPass: Int
    /// Prefix lengths, where they vary.
    public var lengths: [Int]
    /// Numbers of examples, where they vary; low-data.
    public var sizes: [Int]
    /// Random subsets of each size.
    public var subsets: Int
    /// Size of a subset's own validation set, as a part of its size.
    public var validationShare: Double
    /// Steps by size, where few examples need fewer; by row. Empty for the row's own.
    public var stepsBySize: [String: [Int]]
    /// Parts of the training data, where they vary; data-efficiency.
    public var shares: [Double]
    /// Words that prefixes start from, where they vary; "random" for random values.
    public var initializations: [String]
    /// Learning rates by row, where they vary; rates.
    public var rates: [String: [Double]]?
    /// Clients, rounds and what is compared; federated.
    var federated: FederationSettings?

    /// The rows with their methods.
    ///
    /// - Throws: ``ExperimentError/unknownRow(name:known:)``.
    func rowsWithMethods() throws -> [(name: String, row: MethodSettings)] {
        try rows.map { ($0, try method($0)) }
    }

    func method(_ name: String) throws -> MethodSettings {
        guard let row = methods[name] else {
            throw ExperimentError.unknownRow(name: name, known: methods.keys.sorted())
        }
        return row
    }

    /// A draw of few examples, with its own validation set.
    func subset(size: Int, index: Int) -> RunPlan.Subset {
        .init(size: size, index: index, validation: Int((Double(size) * validationShare).rounded()))
    }

    /// Throws where a setting has no meaning.
    func validate() throws {
        func check(_ isRight: Bool, _ key: String, _ needed: String) throws {
            if !isRight { throw ExperimentError.badSettings(source: key, problem: "\(needed) is needed") }
        }
        try check(!rows.isEmpty, "rows", "at least one row")
        try check(!data.isEmpty, "data", "at least one data set")
        try check(!seeds.isEmpty, "seeds", "at least one seed")
        for (key, value) in [
            ("beams", beams), ("max_new_tokens", maxNewTokens), ("max_source_tokens", maxSourceTokens),
            ("max_target_tokens", maxTargetTokens), ("test_sources", testSources), ("train_examples", trainExamples),
            ("validation_examples", validationExamples), ("validations", validations), ("bootstrap", bootstrap),
        ] { try check(value >= 0, key, "a number from 0 on") }
        try check(bootstrap <= Bootstrap.mostSamples, "bootstrap", "a number up to \(Bootstrap.mostSamples)")
        try check(tokensPerPass >= 1, "tokens_per_pass", "at least 1")
        try check(
            lengths.allSatisfy { (1...1 << 20).contains($0) }, "lengths", "a list of numbers from 1 to \(1 << 20)")
        for (name, row) in methods {
            do { try row.validate() } catch let error as TrainingError {
                throw ExperimentError.badSettings(source: "methods.\(name)", problem: error.description)
            }
            try check(
                row.share.map { $0 > 0 && $0 <= 1 } ?? true, "methods.\(name).share", "a number above 0, up to 1")
            for (key, value) in [
                ("length", row.length), ("hidden_width", row.hiddenWidth), ("bottleneck", row.bottleneck),
                ("rank", row.rank), ("layers", row.layers),
            ] {
                try check((0...1 << 20).contains(value ?? 0), "methods.\(name).\(key)", "a number from 0 to \(1 << 20)")
            }
        }
        try check(sizes.allSatisfy { $0 >= 2 } && subsets >= 1, "sizes and subsets", "a list of numbers from 2 on")
        try check((0..<1).contains(validationShare), "validation_share", "a number from 0 to below 1")
        try check(shares.allSatisfy { $0 > 0 && $0 <= 1 }, "shares", "a list of numbers above 0, up to 1")
        for (name, steps) in stepsBySize where rows.contains(name) {
            try check(steps.count == sizes.count, "steps_by_size.\(name)", "one number of steps for each of sizes")
        }
        for (name, rates) in rates ?? [:] {
            try check(
                rates.allSatisfy { $0 > 0 && $0.isFinite } && Set(rates).count == rates.count, "rates.\(name)",
                "a list of different numbers above 0")
        }
        try federated?.validate()
        _ = try rowsWithMethods()
    }
}
