import Foundation
import PrefixTuning
import Testing

@testable import PrefixExperiments

/// What can be said to `train` can be said in a row of an experiment.
@Suite struct TrainOptionsTests {
    /// The keys of a row that say what options say under other names.
    private static let row = [
        "prefix-length": "length", "reparametrization": "hidden_width", "init": "initialization",
        "text-at-zero": "text_position", "text-after-prefix": "text_position", "top-layers": "layers",
        "train-embeddings": "embeddings", "lora-rank": "rank", "lora-alpha": "alpha", "lora-targets": "targets",
        "lora-bias": "bias", "modules-to-save": "modules", "loss-reduction": "reduction", "no-shuffle": "shuffles",
    ]
    /// Those of the whole experiment.
    private static let experiment = ["seed": "seeds", "validate-every": "validations"]
    /// What an experiment has options of its own for, or does by itself: it keeps no state of a run.
    private static let others: Set = [
        "model", "validation", "task", "output", "precision", "save-every", "resume", "config", "dry-run", "seeds",
        "test", "patience", "log", "tensorboard", "threads", "quiet", "verbose",
        "version", "h", "prompt-template", "prompt-field", "completion-field",
        "chat-template", "system", "chat-variables", "loss-on", "ranks", "rank-timeout", "summary-only", "reduction",
    ]

    @Test func everyOptionIsAKeyOfAnExperiment() async throws {
        struct Help: Decodable {
            struct Command: Decodable { var arguments: [Argument] }
            struct Argument: Decodable { var names: [Name] }
            struct Name: Decodable { var name: String }
            var command: Command
        }
        let result = try await Tool.run(["train", "--experimental-dump-help"], in: Workspace())
        let names = try JSONDecoder().decode(Help.self, from: Data(result.output.utf8)).command.arguments
            .compactMap(\.names.first?.name)
        #expect(names.count > 40)
        let rows = Set(MethodSettings.CodingKeys.allCases.map(\.rawValue))
        let settings = Set(ExperimentSettings.CodingKeys.allCases.map(\.rawValue))
        for name in names where !Self.others.contains(name) {
            let key = name.replacing("-", with: "_")
            #expect(
                rows.contains(Self.row[name] ?? key) || settings.contains(Self.experiment[name] ?? key),
                "--\(name) is not a key of an experiment")
        }
    }
}
