import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

@Suite("Settings of experiments") struct ExperimentSettingsTests {
    static func settings(
        _ name: String, embedded: Bool = false, files: [URL] = [], _ assignments: String...
    ) throws -> ExperimentSettings {
        try .settings(for: name, suitsEmbeddedModel: embedded, files: files, assignments: assignments)
    }

    @Test(
        "every experiment has valid settings, for the paper's models and for the embedded one",
        arguments: [false, true])
    func all(embedded: Bool) throws {
        for (name, title) in Experiment.all {
            let settings = try Self.settings(name, embedded: embedded)
            #expect(!title.isEmpty && !settings.rows.isEmpty)
            // All rows of all experiments are trained with rates for the embedded model, or with the paper's.
            for row in try settings.rowsWithMethods() {
                #expect(
                    (row.row.learningRate != nil) == embedded || name == "low-data" || name == "initialization",
                    "\(name) \(row.name)")
            }
        }
    }

    @Test("without rates of its own a row has the paper's for the task")
    func paper() throws {
        let settings = try Self.settings("table1")
        let row = try settings.method("prefix"), prefix = row.training(.e2e)
        #expect(prefix == TuningTask.e2e.training.prefix && row.prefix(.e2e).length == 5)
        #expect(prefix.learningRate == 8e-5 && prefix.duration == .epochs(5) && prefix.batchSize == 10)
        #expect(try settings.method("fine-tune").training(.webnlg).learningRate == 1e-5)
        #expect(try settings.method("adapter-0.1%").training(.webnlg).duration == .epochs(10))
        #expect(try settings.method("adapter-3%").training(.webnlg).duration == .epochs(5))
    }

    @Test("later layers lie over earlier ones, key by key")
    func layers() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json")
        try Data(#"{"seeds": [1, 2], "methods": {"prefix": {"steps": 7, "learning_rate": 0.5}}}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let settings = try Self.settings(
            "table1", files: [file], "methods.prefix.steps=9", "methods.adapter-0.1%.steps=8", "rows=[\"prefix\"]")
        #expect(settings.seeds == [1, 2] && settings.rows == ["prefix"])
        var expected = MethodSettings(.prefix)
        (expected.steps, expected.learningRate) = (9, 0.5)
        #expect(try settings.method("prefix") == expected)
        #expect(try settings.method("top-2").layers == 2 && settings.method("adapter-0.1%").steps == 8)
    }

    @Test(
        "what means nothing is refused, and named",
        arguments: [
            ("sedes=[1]", "\"sedes\" is not a setting"),
            ("methods.prefix.rate=1", "\"methods.prefix.rate\" is not a setting"),
            ("maxNewTokens=9", "\"maxNewTokens\" is called max_new_tokens now; write it so"),
            ("methods.prefix.batchSize=2", "\"methods.prefix.batchSize\" is called methods.prefix.batch_size now"),
            ("seeds=one", "seeds"), ("seeds=[]", "seeds: at least one seed is needed"),
            ("beams=-1", "beams: a number from 0 on is needed"), ("beams", "beams: it is not key=value"),
            ("rows=[\"best\"]", "the row \"best\" is not among the methods"),
            ("seeds=7", "seeds: a list in brackets is needed, such as [1]"),
            (
                "methods.mine.steps=3",
                "there is no method \"mine\"; there are adapter-0.1%, adapter-3%, embedding-1, embedding-10, embedding-20, "
                    + "fine-tune, infix-1, infix-10, infix-20, lora, p-tuning, prefix, prefix-0.1%, prefix-2%, prefix-flat, "
                    + "prompt-tuning, top-2; a new one needs methods.mine.method"
            ),
            ("methods.prefix.method=magic", "methods.prefix.method"),
            (
                "methods.prefix.rank=2",
                "methods.prefix: the setting rank has no meaning with the method prefix; leave it out"
            ),
            ("methods.prefix.initialization=magic", "methods.prefix.initialization: it is \"magic\", but random, "),
            ("steps_by_size.prefix=[1]", "steps_by_size.prefix: one number of steps for each of sizes is needed"),
        ])
    func refusals(assignment: String, message: String) throws {
        let error = failure(ExperimentError.self) { _ = try Self.settings("table1", assignment) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "no error")")
    }

    @Test("a method may be written as in the names of runs")
    func namesOfRuns() throws {
        let settings = try Self.settings("table1", "methods.adapter-0.1pc.steps=8", "methods.prefix-2pc.length=9")
        #expect(try settings.method("adapter-0.1%").steps == 8 && settings.method("prefix-2%").length == 9)
        #expect(!settings.methods.keys.contains { $0.contains("pc") })
    }

    @Test("a row has every setting that training has")
    func everySetting() throws {
        let settings = try Self.settings(
            "table1", "methods.prefix.schedule=cosine", "methods.prefix.clip=0",
            "methods.prefix.attentions=[\"cross\"]",
            "methods.prefix.initialization=words:table: to text", "too_long=fail", "methods.lora.dora=true",
            "methods.adapter-3%.placement=sublayers")
        let prefix = try settings.method("prefix")
        #expect(prefix.training(.e2e).schedule == .cosine && prefix.training(.e2e).optimizer.clip == 0)
        #expect(prefix.prefix(.e2e).initialization == .words("table: to text"))
        #expect(prefix.prefix(.e2e).attentions == [.cross])
        #expect(settings.format(of: .e2e).overflow == .fail)
        #expect(try settings.method("lora").dora == true && settings.method("adapter-3%").placement == .sublayers)
        #expect(try Self.settings("table1").format(of: .e2e).overflow == .skip)
    }

    @Test("settings and results written before there were more keys are read, and mean the same")
    func recorded() throws {
        let results = Fixtures.goldens.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Experiments/results")
        func same(_ value: some Encodable, _ data: Data, at path: [String]) throws -> Bool {
            let object = { (data: Data) in try JSONSerialization.jsonObject(with: data) as? NSDictionary }
            let recorded = path.reduce(try object(data)) { $0?[$1] as? NSDictionary }
            return try object(JSONEncoder().encode(value)) == recorded
        }
        let folders = try FileManager.default.contentsOfDirectory(at: results, includingPropertiesForKeys: nil)
            .map { $0.appendingPathComponent("experiment.json") }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
        #expect(folders.count > 5)
        for file in folders {
            let data = try Data(contentsOf: file)
            let identity = try JSONDecoder().decode(ExperimentFolder.Identity.self, from: data)
            #expect(try same(identity.settings, data, at: ["settings"]), "\(file.path)")
            try identity.settings.validate()
            let file = file.deletingLastPathComponent().appendingPathComponent("results.json")
            let record = try JSONDecoder().decode(ExperimentRecord.self, from: Data(contentsOf: file))
            // A study that is under way may be committed, too: its report says how many of its runs are done.
            #expect((1...record.planned).contains(record.runs.count) && record.origin.command != nil, "\(file.path)")
            for result in record.runs { try result.plan.method.validate() }
        }
    }

    @Test("sizes may change without the steps of rows that are not run")
    func unusedSteps() throws {
        let change = ["sizes=[20]", #"rows=["top-2"]"#, "steps_by_size.top-2=[3]"]
        let settings = try ExperimentSettings.settings(
            for: "low-data", suitsEmbeddedModel: false, assignments: change)
        #expect(settings.sizes == [20] && settings.stepsBySize["prefix"]?.count == 4)
    }

    @Test("keys have one case; names of methods stay as they are")
    func oneCase() throws {
        let settings = try Self.settings(
            "low-data", "methods.prefix.steps=3", "too_long=skip", #"rates={"prefix": [0.1]}"#)
        let object = try JSONSerialization.jsonObject(with: Data(JSONText.line(settings).utf8)) as? [String: Any]
        let keys = try #require(object).keys.sorted()
        // Rounds are of the study of that name only.
        let all = ExperimentSettings.CodingKeys.allCases.filter { $0 != .federated }
        #expect(keys == all.map(\.stringValue).sorted())
        #expect(keys.allSatisfy { $0 == $0.lowercased() } && keys.contains("steps_by_size"))
        #expect((object?["methods"] as? [String: Any])?.keys.contains("adapter-0.1%") == true)
    }

    @Test("adapters by share: at GPT-2 medium 0.1% give the paper's width")
    @Compute func shares() throws {
        var medium = GPT2Configuration()
        (medium.width, medium.layerCount, medium.headCount) = (1024, 24, 16)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try medium.fileContents.write(to: folder.appendingPathComponent("config.json"))
        let base = try BaseModel(folder: folder)
        #expect(base.bottleneck(share: 0.001) == 6 && base.bottleneck(share: 0.0313) == 224)
    }
}
