import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import TestSupport
import TextMetrics
import Testing

/// A task that a program defines for itself, by what is public: it is trained on and experimented with as the paper's are.
@Suite("A task of one's own", .serialized) @Compute struct OwnTaskTests {
    /// Lines `Oslo -> rainy`, asked as questions, answered in one token, in brackets, and scored as summaries are.
    private static let weather: TuningTask = {
        let format = TaskFormat(
            promptPieces: [.text("weather in "), .prompt, .text("?")],
            completionPieces: [.text(" "), .completion, .endOfText], overflow: .fail)
        var task = TuningTask("weather", format: format, suite: .xsum) { file in
            var examples: [Example] = []
            try file.forEachLine { line, location in
                let halves = line.split(separator: " -> ").map(String.init)
                guard halves.count == 2 else {
                    throw DataError.malformed(location, found: line, expected: "\"city -> weather\"")
                }
                examples.append(
                    Example(prompt: halves[0], completion: halves[1], references: [halves[1]], location: location))
            }
            return examples
        }
        task.prefix.length = 3
        task.prefix.hiddenWidth = nil
        task.training.prefix.duration = .steps(2)
        task.training.prefix.learningRate = 0.125
        task.decoding = { conventions, _ in DecodingOptions(maxNewTokens: 1, endTokens: conventions.endTokens) }
        task.cleaning = { "[\($0.trimmingCharacters(in: .whitespaces))]" }
        return task
    }()

    private func withFiles(_ body: (_ folder: URL, _ train: URL, _ test: URL) throws -> Void) throws {
        Compute.threads = 1
        try withTrainingFolder { folder in
            let train = folder.appendingPathComponent("train.txt"), test = folder.appendingPathComponent("test.txt")
            try Data("Oslo -> rainy\nRome -> sunny\nBern -> foggy\n".utf8).write(to: train)
            try Data("Oslo -> rainy\nOslo -> wet\nCork -> windy\n".utf8).write(to: test)
            try body(folder, train, test)
        }
    }

    @Test("it is read in its own layout, and trained")
    func training() throws {
        try withFiles { _, train, _ in
            let base = try BaseModel(folder: EmbeddedModel.folder())
            let method = try MethodSettings(.prefix).method(on: base, task: Self.weather, seed: 1)
            let settings = MethodSettings(.prefix).training(Self.weather)
            let trainer = try Trainer(method, task: Self.weather, data: [train], settings: settings)
            #expect(trainer.totalSteps == 2 && method.reservedPositions == 3)
            #expect(method.trainableParameterCount == method.storedParameterCount)
            #expect(try trainer.step().loss.isFinite)
            let bad = failure(DataError.self) {
                _ = try Self.weather.read(FileManager.default.temporaryDirectory.appendingPathComponent("no such file"))
            }
            #expect(bad != nil)
        }
    }

    @Test("an experiment trains, answers and scores it as it says")
    func experiment() throws {
        try withFiles { folder, train, test in
            let data = try ExperimentDataSet(
                "cities", task: Self.weather, train: [train], validation: [train], test: test)
            #expect(data.test.map(\.references) == [["rainy", "wet"], ["windy"]])
            let settings = try ExperimentSettings.settings(
                for: "table1", suitsEmbeddedModel: false,
                assignments: ["rows=[\"prefix\"]", "bootstrap=0", "validations=1"])
            let output = folder.appendingPathComponent("out")
            try Experiment(
                "table1", base: BaseModel(folder: EmbeddedModel.folder(), name: "embedded"), data: [data],
                settings: settings, output: output
            ).run()
            struct Record: Decodable { var runs: [RunResult] }
            let results = try JSONDecoder().decode(
                Record.self, from: Data(contentsOf: output.appendingPathComponent("results.json"))
            ).runs
            let result = try #require(results.first)
            #expect(results.count == 1 && result.steps == 2 && result.learningRate == 0.125 && result.examples == 3)
            #expect(result.tests.map(\.instances) == [2])
            #expect(result.tests.first?.scores.map(\.name) == ["ROUGE-1", "ROUGE-2", "ROUGE-L"])
            // A prefix of 3 positions without an MLP, for 4 layers of width 192.
            #expect(result.storedParameters == 3 * 2 * 4 * 192 && result.trainableParameters == 3 * 2 * 4 * 192)
            struct Line: Decodable { var text: String }
            let texts = try String(
                contentsOf: output.appendingPathComponent("runs/\(result.plan.identifier)/texts.jsonl"), encoding: .utf8
            ).split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)).text }
            #expect(texts.count == 2)
            for text in texts {
                #expect(text.hasPrefix("[") && text.hasSuffix("]") && text.count < 24, "\(text)")
            }
        }
    }
}
