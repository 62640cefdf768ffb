import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

/// Whole experiments in small: a few steps on a few tables, with the embedded model.
@Suite("Experiments", .serialized) @Compute struct ExperimentTests {
    static func experiment(
        _ name: String, in folder: URL, jobs: Int? = 1, _ assignments: String...
    ) throws -> Experiment {
        Compute.threads = 1
        let small = [
            "train_examples=24", "test_sources=4", "beams=1", "max_new_tokens=6", "bootstrap=0", "validations=2",
            "validation_examples=4", "sizes=[4]", "subsets=2", "seeds=[1]", "lengths=[1,2]", "shares=[0.5,1]",
            #"steps_by_size={"prefix": [2], "fine-tune": [2]}"#,
        ]
        let rows = ["prefix", "prefix-flat", "fine-tune", "top-2", "adapter-3%", "adapter-0.1%", "lora"]
            .map { "methods.\($0).steps=2" }
        let settings = try ExperimentSettings.settings(
            for: name, suitsEmbeddedModel: true, assignments: small + rows + assignments)
        return try Experiment(
            name, base: BaseModel(folder: EmbeddedModel.folder(), name: "embedded"), data: [.embedded()],
            settings: settings, output: folder, jobs: jobs)
    }

    private func results(_ folder: URL) throws -> [RunResult] {
        try ExperimentFolder.read(ExperimentRecord.self, "results.json", in: folder).runs
    }

    @Test("runs of every experiment have names of their own")
    func plans() throws {
        for (name, _) in Experiment.all {
            let runs = try withTrainingFolder { try Self.experiment(name, in: $0) }.runs
            #expect(!runs.isEmpty && Set(runs.map(\.identifier)).count == runs.count, "\(name)")
        }
        let settings = try ExperimentSettings.settings(for: "low-data", suitsEmbeddedModel: false)
        let runs = try LowDataStudy().runs(settings, [.embedded()])
        #expect(runs.count == 2 * 4 * 5 * 2)
        #expect(runs.first { $0.row == "fine-tune" && $0.subset?.size == 500 }?.method.steps == 400)
        #expect(runs.first { $0.subset?.size == 200 }?.subset?.validation == 60)
    }

    @Test("a table: every row is trained and scored, the report has the paper's numbers beside")
    func table() throws {
        try withTrainingFolder { folder in
            let experiment = try Self.experiment("table1", in: folder)
            var ended = 0
            try experiment.run { if case .ended = $0 { ended += 1 } }
            let results = try results(folder)
            #expect(
                results.map(\.plan.row) == ["fine-tune", "top-2", "adapter-3%", "adapter-0.1%", "prefix"] && ended == 5)
            for result in results {
                #expect(result.steps == 2 && result.validation.count == 2 && result.failure == nil)
                #expect(result.tests.map(\.split) == ["seen", "unseen", "all"])
                #expect(result.score("BLEU", split: "all")?.value.isFinite == true)
            }
            let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
            for text in [
                "Table 1: methods on table-to-text", "prefix is comparable to fine-tuning", "adapter-0.1%",
                "How it was run", "The paper says: With 0.1% of the parameters", "Here, with embedded: ",
                "What the rows of the tables are", "24 to learn, 4 to choose by, 4 sources to test",
            ] {
                #expect(page.contains(text), "\(text)")
            }
            // All that the report shows is in experiment.json and results.json.
            try FileManager.default.removeItem(at: folder.appendingPathComponent("report.html"))
            let again = try Experiment.rewriteReport(in: folder)
            #expect(try String(contentsOf: again, encoding: .utf8) == page)
            #expect(
                FileManager.default.fileExists(
                    atPath: folder.appendingPathComponent(
                        "runs/embedded-prefix-seed1/adapter/adapter_model.safetensors"
                    ).path))
        }
    }

    @Test("stopped and continued, it comes to the same as without a stop; what is done is not done again")
    func resuming() throws {
        try withTrainingFolder { whole in
            try withTrainingFolder { parts in
                let rows = "rows=[\"prefix\",\"prefix-flat\"]"
                try Self.experiment("length", in: whole, rows).run()
                let experiment = try Self.experiment("length", in: parts, rows)
                var steps = 0
                let error = failure(ExperimentError.self) {
                    try experiment.run {
                        if case .step = $0 { steps += 1 }
                    } shouldStop: {
                        steps == 3
                    }
                }
                #expect(error == .interrupted(done: 1, total: 4))
                #expect(try results(parts).count == 1)
                var begun: [String] = []
                try Self.experiment("length", in: parts, rows).run {
                    if case .begins(let plans) = $0 { begun += plans.map(\.identifier) }
                }
                #expect(begun == Array(experiment.runs.map(\.identifier).dropFirst()))
                for (a, b) in zip(try results(whole), try results(parts)) {
                    #expect(a.plan == b.plan && a.training == b.training && a.validation == b.validation)
                    #expect(a.tests.map { $0.scores.map(\.value) } == b.tests.map { $0.scores.map(\.value) })
                }
                let other = failure(ExperimentError.self) { try Self.experiment("length", in: parts).run() }
                #expect(other?.description.contains("its settings were others") == true)

                // A damaged result is not silently done again, and neither are results of another model added.
                let result = parts.appendingPathComponent("runs/\(experiment.runs[1].identifier)/result.json")
                let whole = try Data(contentsOf: result)
                try whole.dropLast(20).write(to: result)
                let damaged = failure(ExperimentError.self) {
                    try Self.experiment("length", in: parts, rows).run()
                }
                #expect(damaged == .badResult(file: result.path))
                try whole.write(to: result)
                let file = parts.appendingPathComponent("experiment.json")
                let text = try String(contentsOf: file, encoding: .utf8)
                let changed = text.replacing(/"weights" : "[0-9a-f]{16}"/, with: "\"weights\" : \"0123456789abcdef\"")
                #expect(changed != text)
                try Data(changed.utf8).write(to: file)
                let foreign = failure(ExperimentError.self) {
                    try Self.experiment("length", in: parts, rows).run()
                }
                #expect(foreign?.description.contains("its model has other weights") == true)
            }
        }
    }

    @Test("runs trained together come to what they come to one by one")
    func together() throws {
        try withTrainingFolder { alone in
            try withTrainingFolder { joint in
                let words = "initializations=[\"random\",\"table\"]"
                try Self.experiment("initialization", in: alone, words).run()
                var groups: [Int] = []
                try Self.experiment("initialization", in: joint, jobs: nil, words).run {
                    if case .begins(let plans) = $0 { groups.append(plans.count) }
                }
                #expect(groups == [4])
                for (a, b) in zip(try results(alone), try results(joint)) {
                    #expect(a.plan == b.plan && a.testedStep == b.testedStep)
                    #expect(zip(a.validation, b.validation).allSatisfy { abs($0.loss - $1.loss) < 1e-5 })
                }
            }
        }
    }

    @Test("a run that diverges is reported, and the others go on")
    func divergence() throws {
        try withTrainingFolder { folder in
            try Self.experiment(
                "table1", in: folder, "rows=[\"prefix-flat\",\"prefix\"]", "methods.prefix-flat.learning_rate=1e38",
                "methods.prefix-flat.steps=9"
            ).run()
            let found = try results(folder)
            #expect(found.count == 2 && found[0].failure != nil && found[0].tests.isEmpty && found[1].failure == nil)
            let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
            #expect(page.contains("Did not come to an end"))
        }
    }

    @Test("a trial says how many parameters and how much time, and writes nothing")
    func trial() throws {
        try withTrainingFolder { folder in
            let trial = try Self.experiment("table1", in: folder.appendingPathComponent("new"), "rows=[\"prefix\"]")
                .trial()
            #expect(trial.count == 1 && trial[0].steps == 2 && trial[0].storedParameters == 8 * 2 * 4 * 192)
            let written = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(trial[0].seconds > 0 && written.isEmpty)
        }
    }

    @Test("the folder of somebody else is left alone")
    func otherFolder() throws {
        try withTrainingFolder { folder in
            try Data("mine".utf8).write(to: folder.appendingPathComponent("results.json"))
            let error = failure(ExperimentError.self) { try Self.experiment("table1", in: folder).run() }
            #expect(error?.description.contains("the folder is not empty and no experiment made it") == true)
            #expect(try Data(contentsOf: folder.appendingPathComponent("results.json")) == Data("mine".utf8))
        }
    }
}
