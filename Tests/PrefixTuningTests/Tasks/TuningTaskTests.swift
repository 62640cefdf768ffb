import Foundation
import LanguageModels
import Tensors
import TestSupport
import TextMetrics
import Testing
import Tokenizers

@testable import PrefixTuning

@Suite("Tasks") struct TuningTaskTests {
    /// Rate, epochs, examples per step, and how losses are reduced: "8e-05 5 10 sum".
    private static func line(_ settings: TrainingSettings) -> String {
        var rest = settings
        rest.learningRate = TrainingSettings().learningRate
        rest.duration = TrainingSettings().duration
        rest.batchSize = TrainingSettings().batchSize
        rest.reduction = TrainingSettings().reduction
        guard rest == TrainingSettings(), case .epochs(let epochs) = settings.duration else { return "\(settings)" }
        return "\(settings.learningRate) \(epochs) \(settings.batchSize) \(settings.reduction.rawValue)"
    }

    /// By task: prefix, fine-tuning, top layers, small adapters, adapters (Li & Liang 2021, table of hyperparameters).
    private static let papers = [
        "e2e": ["8e-05 5 10 sum", "5e-05 5 10 mean", "5e-05 5 10 mean", "8e-05 10 5 mean", "5e-05 5 5 mean"],
        "webnlg": ["5e-05 5 5 sum", "1e-05 10 6 mean", "5e-05 10 9 mean", "5e-05 10 5 mean", "5e-05 5 5 mean"],
        "dart": ["5e-05 10 5 sum", "1e-05 10 6 mean", "5e-05 5 5 mean", "8e-05 5 5 mean", "5e-05 5 5 mean"],
        "xsum": ["5e-05 30 14 mean", "3e-05 5 18 mean", "5e-05 5 5 mean", "5e-05 5 5 mean", "5e-05 5 5 mean"],
        "jsonl": ["5e-05 10 5 sum", "1e-05 10 6 mean", "5e-05 5 5 mean", "5e-05 5 5 mean", "5e-05 5 5 mean"],
        "chat": ["5e-05 10 5 sum", "1e-05 10 6 mean", "5e-05 5 5 mean", "5e-05 5 5 mean", "5e-05 5 5 mean"],
    ]

    @Test("methods are trained as the paper's table of hyperparameters says", arguments: TuningTask.all)
    func training(task: TuningTask) throws {
        var large = MethodSettings(.adapter), share = MethodSettings(.adapter), small = MethodSettings(.adapter)
        large.bottleneck = 32
        share.share = 0.03
        small.share = 0.001
        let expected = try #require(Self.papers[task.name])
        func line(_ method: MethodSettings) -> String { Self.line(method.training(task)) }
        #expect(
            [.init(.prefix), .init(.fineTune), .init(.topLayers), .init(.adapter), large].map(line) == expected)
        #expect([.init(.embeddingOnly), .init(.infix)].map(line) == [expected[0], expected[0]])
        #expect(line(small) == expected[3] && line(share) == expected[4])
        #expect(
            [.init(.lora), .init(.promptTuning), .init(.pTuning)].map(line)
                == ["0.0002 5 8 mean", "0.03 5 8 mean", "0.001 5 8 mean"])
    }

    @Test(
        "and prefixes are the paper's",
        arguments: zip(
            TuningTask.all, ["5 512 0.0", "5 512 0.0", "10 512 0.0", "100 800 0.1", "10 512 0.0", "10 512 0.0"]))
    func prefixes(task: TuningTask, form: String) {
        let prefix = MethodSettings(.prefix).prefix(task)
        #expect("\(prefix.length ?? 0) \(prefix.hiddenWidth ?? 0) \(prefix.modelDropout)" == form)
        #expect(MethodSettings(.prefix).prefix(task) == task.prefix)
    }

    @Test("a file of the task's own layout is known by how it begins", arguments: TaskInputTests.samples.indices)
    func beginnings(_ index: Int) throws {
        let (task, text) = TaskInputTests.samples[index]
        let beginning = try FileBeginning(DataFile(path: "data.txt", data: Data(text.utf8)))
        let known = TuningTask.all.filter { $0.recognizes(beginning) }.map(\.name)
        #expect(known == (task.name == "jsonl" ? [] : [task.name]))
        let bare = try FileBeginning(DataFile(path: "data.txt", data: Data("{\"references\": [\"a\"]}\n".utf8)))
        #expect(!task.recognizes(bare))
    }

    @Test("names are those of the command line, and each task has rules of its own for scores")
    func names() {
        #expect(TuningTask.all.map(\.name) == ["e2e", "webnlg", "dart", "xsum", "jsonl", "chat"])
        #expect(TuningTask.all.map(\.suite) == [.e2e, .webnlg, .dart, .xsum, .plain, .plain])
        #expect(TuningTask.all.map(\.hasTables) == [true, true, true, false, false, false])
        #expect(TuningTask.all.map { $0.cleaning == nil } == [false, false, false, false, true, true])
    }

    @Test("a prompt that stands in a file twice is answered once, but not in JSON lines", arguments: TuningTask.all)
    func prompts(task: TuningTask) throws {
        let line = #"{"prompt": "a", "references": ["b"]}"# + "\n"
        let prompts = try withTaskFile(Data((line + line).utf8)) { try task.readPrompts($0) }
        #expect(prompts.count == (["jsonl", "chat"].contains(task.name) ? 2 : 1))
    }
}
