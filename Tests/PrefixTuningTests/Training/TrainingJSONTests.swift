import Foundation
import LanguageModels
import Testing
import TextMetrics

@testable import PrefixTuning

/// What is written as JSON has keys of one case, and enumerations without `_0`.
@Suite struct TrainingJSONTests {
    /// All keys of an object and of those in it.
    static func keys(_ object: Any) -> [String] {
        if let list = object as? [Any] { return list.flatMap(keys) }
        guard let object = object as? [String: Any] else { return [] }
        return object.keys + object.values.flatMap(keys)
    }

    private static func keys(of value: some Encodable) throws -> Set<String> {
        Set(keys(try JSONSerialization.jsonObject(with: Data(JSONText.line(value).utf8))))
    }

    @Test("settings of training") func settings() throws {
        var settings = TrainingSettings()
        (settings.duration, settings.validateEvery, settings.layerDecay) = (.steps(200), 5, 0.5)
        (settings.recomputation, settings.patience) = (.layer, 3)
        // A property without a key would be lost without a word.
        #expect(Mirror(reflecting: settings).children.count == TrainingSettings.CodingKeys.allCases.count)
        let expected: Set = [
            "duration", "steps", "batch_size", "learning_rate", "layer_decay", "schedule", "warmup_steps", "reduction",
            "seed", "shuffles", "optimizer", "beta1", "beta2", "epsilon", "weight_decay", "clip", "tokens_per_pass",
            "recomputation", "save_every", "validate_every", "patience",
        ]
        #expect(try Self.keys(of: settings) == expected)
        let text = try JSONText.line(settings)
        #expect(text.contains(#""duration":{"steps":200}"#))
        #expect(try JSONDecoder().decode(TrainingSettings.self, from: Data(text.utf8)) == settings)
        settings.duration = .epochs(5)
        let epochs = try JSONText.line(settings)
        #expect(epochs.contains(#""duration":{"epochs":5}"#))
        #expect(try JSONDecoder().decode(TrainingSettings.self, from: Data(epochs.utf8)) == settings)
    }

    @Test("scores") func scores() throws {
        var report = try EvaluationReport.evaluate(
            predictions: ["a b c d"], references: [["a b c d"]], suite: .plain, bootstrap: Bootstrap(samples: 10),
            baseline: ["a b d c"])
        report.scores = [report.scores[0]]
        let expected: Set = [
            "suite", "normalization", "instances", "references", "scores", "name", "value", "scale",
            "higher_is_better", "description", "interval", "baseline", "p_value",
        ]
        #expect(try Self.keys(of: report) == expected)
    }
}
