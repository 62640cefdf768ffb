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
        let (prefix, length) = try settings.method("prefix").training(.e2e)
        #expect(prefix == TrainingSettings.paper(.e2e).0 && length == 5)
        #expect(prefix.learningRate == 8e-5 && prefix.duration == .epochs(5) && prefix.batchSize == 10)
        #expect(try settings.method("fine-tune").training(.webnlg).0.learningRate == 1e-5)
        #expect(try settings.method("adapter-0.1%").training(.webnlg).0.duration == .epochs(10))
        #expect(try settings.method("adapter-3%").training(.webnlg).0.duration == .epochs(5))
    }

    @Test("later layers lie over earlier ones, key by key")
    func layers() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json")
        try Data(#"{"seeds": [1, 2], "methods": {"prefix": {"steps": 7, "learningRate": 0.5}}}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let settings = try Self.settings(
            "table1", files: [file], "methods.prefix.steps=9", "methods.adapter-0.1%.steps=8", "rows=[\"prefix\"]")
        #expect(settings.seeds == [1, 2] && settings.rows == ["prefix"])
        var expected = MethodRow(.prefix)
        (expected.steps, expected.learningRate) = (9, 0.5)
        #expect(try settings.method("prefix") == expected)
        #expect(try settings.method("top-2").layers == 2 && settings.method("adapter-0.1%").steps == 8)
    }

    @Test(
        "what means nothing is refused, and named",
        arguments: [
            ("sedes=[1]", "\"sedes\" is not a setting"),
            ("methods.prefix.rate=1", "\"methods.prefix.rate\" is not a setting"),
            ("seeds=one", "seeds"), ("seeds=[]", "seeds: at least one seed is needed"),
            ("beams=-1", "beams: a number from 0 on is needed"), ("beams", "beams: it is not key=value"),
            ("rows=[\"best\"]", "the row \"best\" is not among the methods"),
            ("methods.mine.steps=3", "methods.mine.method: it is missing"),
            ("methods.prefix.method=magic", "methods.prefix.method"),
            ("stepsBySize.prefix=[1]", "stepsBySize.prefix: one number of steps for each of sizes is needed"),
        ])
    func refusals(assignment: String, message: String) throws {
        let error = failure(ExperimentError.self) { _ = try Self.settings("table1", assignment) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "no error")")
    }

    @Test("adapters by share: at GPT-2 medium 0.1% give the paper's width")
    @Compute func shares() throws {
        var medium = GPT2Configuration()
        (medium.width, medium.layerCount, medium.headCount) = (1024, 24, 16)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try medium.fileContents.write(to: folder.appendingPathComponent("config.json"))
        let base = try ExperimentBase(folder: folder)
        #expect(base.bottleneck(share: 0.001) == 6 && base.bottleneck(share: 0.0313) == 224)
    }
}
