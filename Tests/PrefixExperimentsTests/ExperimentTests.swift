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
        _ name: String, in folder: URL, jobs: Int? = 1, choice: RunChoice = RunChoice(), _ assignments: String...
    ) throws -> Experiment {
        try experiment(name, in: folder, jobs: jobs, choice: choice, assignments: assignments)
    }

    static func experiment(
        _ name: String, in folder: URL, jobs: Int? = 1, choice: RunChoice = RunChoice(), assignments: [String]
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
            settings: settings, output: folder, choice: choice, jobs: jobs)
    }

    func results(_ folder: URL) throws -> [RunResult] {
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

    @Test(
        "a folder goes on with more rows, seeds, subsets and sizes, or with fewer; nothing done is done again or lost")
    func growing() throws {
        try withTrainingFolder { grown in
            try withTrainingFolder { whole in
                let rows = #"rows=["prefix","fine-tune"]"#
                @Compute func run(_ folder: URL, _ more: String...) throws -> [String] {
                    var begun: [String] = []
                    let experiment = try Self.experiment("low-data", in: folder, assignments: more)
                    try experiment.run { if case .begins(let plans) = $0 { begun += plans.map(\.identifier) } }
                    return begun
                }
                let steps = #"steps_by_size={"prefix": [3, 2], "fine-tune": [2, 2]}"#
                #expect(try run(grown, #"rows=["prefix"]"#, "subsets=1") == ["embedded-prefix-4-subset0-seed1"])
                let first = grown.appendingPathComponent("runs/embedded-prefix-4-subset0-seed1/result.json")
                let before = try Data(contentsOf: first)
                // Another row, subset, seed and size: the steps of the size that was there stay what they were.
                let more = try run(grown, rows, "seeds=[1,2]", "sizes=[5,4]", steps)
                #expect(more.count == 2 * 2 * 2 * 2 - 1 && !more.contains("embedded-prefix-4-subset0-seed1"))
                #expect(try Data(contentsOf: first) == before)
                #expect(try run(whole, rows, "seeds=[1,2]", "sizes=[5,4]", steps).count == 16)
                for (a, b) in zip(try results(whole), try results(grown)) {
                    #expect(a.plan == b.plan && a.training == b.training && a.validation == b.validation)
                }
                // A method that no row has may be another; so may the list of runs be shorter, and then as long again.
                #expect(try run(grown, rows, "subsets=1", "methods.lora.rank=3") == [])
                #expect(try results(grown).count == 2)
                #expect(try run(grown, rows, "seeds=[1,2]", "sizes=[5,4]", steps) == [])
                #expect(try results(grown).count == 16)

                // What all runs mean is not changed, and neither is a run of the same name.
                let text = try Data(contentsOf: grown.appendingPathComponent("experiment.json"))
                for (change, sentence) in [
                    ("beams=2", "its beams was 1, not 2, which changes what all its runs mean"),
                    ("test_sources=5", "its test_sources was 4, not 5,"),
                    ("validation_share=0.5", "its validation_share was 0.3, not 0.5,"),
                    ("bootstrap=10", "its bootstrap was 0, not 10,"),
                    ("keeps_best=false", "its keeps_best was true, not false,"),
                    (
                        "methods.prefix.learning_rate=0.5",
                        "runs/embedded-prefix-4-subset0-seed1/result.json: the run was done in another way: its "
                            + "method.learning_rate was 0.005, not 0.5; give the row another name, or remove the run's folder to do it again"
                    ),
                    (
                        #"steps_by_size={"prefix": [3]}"#,
                        "runs/embedded-prefix-4-subset0-seed1/result.json: the run was done in another way: its method.steps was 2, not 3"
                    ),
                ] {
                    let error = failure(ExperimentError.self) { _ = try run(grown, rows, change) }
                    #expect(
                        error?.description.contains(sentence) == true, "\(change): \(error?.description ?? "nothing")")
                }
                #expect(try Data(contentsOf: grown.appendingPathComponent("experiment.json")) == text)
                #expect(try Data(contentsOf: first) == before)
            }
        }
    }

    @Test("runs are chosen by name and by share; the report counts the others as not done")
    func choosing() throws {
        try withTrainingFolder { folder in
            func choice(_ names: [String], _ shard: RunChoice.Shard? = nil) -> RunChoice {
                var choice = RunChoice()
                (choice.names, choice.shard) = (names, shard)
                return choice
            }
            let all = try Self.experiment("length", in: folder, "seeds=[1,2]").runs
            @Compute func chosen(_ choice: RunChoice) throws -> [String] {
                try Self.experiment("length", in: folder, choice: choice, "seeds=[1,2]").chosen.map(\.identifier)
            }
            #expect(try chosen(RunChoice()) == all.map(\.identifier))
            #expect(
                try chosen(choice(["*-seed2", "embedded-prefix-2-seed1"]))
                    == ["embedded-prefix-1-seed2", "embedded-prefix-2-seed1", "embedded-prefix-2-seed2"])
            #expect(try chosen(choice(["*-seed2"], .init(2, of: 2))) == ["embedded-prefix-2-seed2"])
            let shards = try (1...3).map { try chosen(choice([], .init($0, of: 3))) }
            #expect(shards.flatMap(\.self).sorted() == all.map(\.identifier).sorted())
            #expect(RunChoice.Shard(0, of: 2) == nil && RunChoice.Shard(3, of: 2) == nil)
            let error = failure(ExperimentError.self) { _ = try chosen(choice(["*seed2", "e2e-*"])) }
            #expect(
                error?.description
                    == "no run is called e2e-*; runs are called embedded-prefix-1-seed1, embedded-prefix-1-seed2, "
                    + "embedded-prefix-2-seed1, … (4 in all, which a dry run lists)")

            try Self.experiment("length", in: folder, choice: choice(["*-1-*"]), "seeds=[1,2]").run()
            #expect(
                try results(folder).map(\.plan.identifier) == ["embedded-prefix-1-seed1", "embedded-prefix-1-seed2"])
            let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
            #expect(page.contains("2 of 4 runs are done"))
        }
    }

    @Test("parts in folders of their own become one by copying their runs")
    func merging() throws {
        try withTrainingFolder { one in
            try withTrainingFolder { other in
                var choice = RunChoice()
                for (index, folder) in [one, other].enumerated() {
                    choice.shard = .init(index + 1, of: 2)
                    try Self.experiment("length", in: folder, choice: choice).run()
                    #expect(try results(folder).count == 1)
                }
                for run in try FileManager.default.contentsOfDirectory(
                    at: other.appendingPathComponent("runs"), includingPropertiesForKeys: nil)
                {
                    try FileManager.default.copyItem(
                        at: run, to: one.appendingPathComponent("runs/\(run.lastPathComponent)"))
                }
                var begun = 0
                try Self.experiment("length", in: one).run { if case .begins = $0 { begun += 1 } }
                #expect(begun == 0)
                #expect(
                    try results(one).map(\.plan.identifier) == ["embedded-prefix-1-seed1", "embedded-prefix-2-seed1"])
            }
        }
    }

    @Test("a run that another process has is left to it, and done where that one ends without doing it")
    func claims() throws {
        try withTrainingFolder { folder in
            let held = folder.appendingPathComponent("runs/embedded-prefix-1-seed1")
            var lock: FolderLock?
            var begun: [String] = [], left: [String] = []
            @Compute func run(_ atFirstStep: @Compute () throws -> Void) throws {
                (begun, left) = ([], [])
                var steps = 0
                try Self.experiment("length", in: folder).run {
                    switch $0 {
                    case .begins(let plans): begun += plans.map(\.identifier)
                    case .leaves(let plans): left += plans.map(\.identifier)
                    case .step:
                        steps += 1
                        if steps == 1 { try? atFirstStep() }
                    default: break
                    }
                }
            }
            // The experiment must be there before a run of it can be held.
            try Self.experiment("length", in: folder, "lengths=[7]").run()
            lock = try FolderLock(held)
            try run {}
            #expect(begun == ["embedded-prefix-2-seed1"] && left == ["embedded-prefix-1-seed1"])
            #expect(try results(folder).count == 1)
            try FileManager.default.removeItem(at: folder.appendingPathComponent("runs/embedded-prefix-2-seed1"))
            try run { lock = nil }
            #expect(begun == ["embedded-prefix-2-seed1", "embedded-prefix-1-seed1"] && left.isEmpty && lock == nil)
            #expect(try results(folder).count == 2)
            #expect(!FileManager.default.fileExists(atPath: held.appendingPathComponent("lock").path))
        }
    }

    @Test("rates: as many for each row, on validation data; the best are settings for other experiments")
    func rates() throws {
        try withTrainingFolder { folder in
            let rates = #"rates={"prefix": [0.00001, 0.02], "fine-tune": [0.001, 0.00002]}"#
            let own = [
                "sizes=[6]", "subsets=1", "bootstrap=20", "methods.prefix.steps=6", "methods.fine-tune.steps=6",
                "steps_by_size={}",
            ]
            try Self.experiment("rates", in: folder, assignments: own + [rates]).run()
            let found = try results(folder)
            #expect(
                found.map(\.plan.identifier) == [
                    "embedded-prefix-1e-05-subset0-seed1", "embedded-prefix-0.02-subset0-seed1",
                    "embedded-fine-tune-0.001-subset0-seed1", "embedded-fine-tune-2e-05-subset0-seed1",
                ])
            #expect(found.map(\.learningRate) == [1e-5, 0.02, 0.001, 2e-5])
            #expect(
                found.allSatisfy { $0.tests.map(\.split) == ["test"] }, "the validation tables have no unseen topics")
            let chosen = try ExperimentSettings.settings(
                for: "table1", suitsEmbeddedModel: true, files: [folder.appendingPathComponent("settings.json")])
            for row in ["prefix", "fine-tune"] {
                let trials = RatesStudy().trials(
                    StudyResults(
                        settings: chosen,
                        dataSets: try ExperimentFolder.read(ExperimentRecord.self, "results.json", in: folder).data,
                        runs: found, modelParameters: 1), "embedded", row: row)
                let best = try #require(trials.min { $0.loss ?? 9 < $1.loss ?? 9 })
                #expect(trials.count == 2 && chosen.methods[row]?.learningRate == best.rate)
            }
            let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
            #expect(page.contains("least loss, at an end of what was tried"))
            for (change, sentence) in [
                (#"rates={"prefix": [0.001], "fine-tune": [0.1, 0.2]}"#, "here are 1 for prefix, 2 for fine-tune"),
                ("rows=[\"prefix\",\"p-tuning\"]", "no rates are given for the row p-tuning; add rates.p-tuning"),
                ("tests_validation=false", "rates are chosen on validation data"),
                (#"rates={"prefix": [0.1, 0.1]}"#, "rates.prefix: a list of different numbers above 0 is needed"),
            ] {
                let error = failure(ExperimentError.self) {
                    _ = try Self.experiment("rates", in: folder, assignments: own + [change])
                }
                #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "nothing")")
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
