import Foundation
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

@Suite("Data of experiments") struct ExperimentDataTests {
    private func withFolder(_ files: [String: String], _ body: (URL) throws -> Void) throws {
        try withTrainingFolder { folder in
            for (path, text) in files {
                let file = folder.appendingPathComponent(path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
            try body(folder)
        }
    }

    @Test("files are found in the task's folder, or in the folder itself")
    func files() throws {
        let pairs = "name : A||A . \nname : B||B . \n"
        for prefix in ["e2e/", ""] {
            try withFolder([
                "\(prefix)src1_train.txt": pairs + "name : C||C . \n", "\(prefix)src1_valid.txt": pairs,
                "\(prefix)src1_test.txt": pairs + "name : A||It is A . \n",
            ]) { folder in
                let data = try ExperimentDataSet.read("e2e", in: folder)
                #expect(data.train.count == 3 && data.validation.count == 2)
                #expect(data.test.count == 2 && data.test[0].references.count == 2)
                #expect(data.splits == [.init(name: "test", indices: [0, 1])])
            }
        }
        try withFolder(["e2e/src1_train.txt": pairs]) { folder in
            let error = failure(ExperimentError.self) { _ = try ExperimentDataSet.read("e2e", in: folder) }
            #expect(
                error?.description.hasPrefix(
                    "\(folder.path): no files of e2e were found; looked for e2e/, src1_train.*")
                    == true)
        }
        #expect(
            failure(ExperimentError.self) { _ = try ExperimentDataSet.read("e3e", in: URL(fileURLWithPath: "/")) }
                != nil)
    }

    @Test("without a training file, every tenth source of the other is kept for validation")
    func heldOut() throws {
        let rows = (0..<20).map { #"{"tripleset": [["a\#($0)", "r", "b"]], "references": ["x", "y"]}"# }
        try withFolder(["dart/dev.jsonl": rows.joined(separator: "\n"), "dart/test.jsonl": rows[0]]) { folder in
            let data = try ExperimentDataSet.read("dart", in: folder)
            #expect(data.train.count == 36 && data.validation.count == 4)
            #expect(Set(data.train.map(\.prompt)).isDisjoint(with: data.validation.map(\.prompt)))
        }
    }

    @Test("summaries are divided by topic")
    func topics() throws {
        let rows = ["World", "Sports", "Business", "Sci/Tech", "uncertain"].map {
            #"{"document": "about \#($0)", "summary": "it", "topic": "\#($0)"}"#
        }.joined(separator: "\n")
        try withFolder(["wikinews/train.jsonl": rows, "wikinews/valid.jsonl": rows, "wikinews/test.jsonl": rows]) {
            folder in
            let sports = try ExperimentDataSet.read("news-to-sports", in: folder)
            #expect(sports.name == "wikinews-news-to-sports" && sports.title == "Wikinews, news to sports")
            #expect(try ExperimentDataSet.read("xsum", in: folder).name == "wikinews")
            #expect(sports.train.map(\.topic) == ["World", "Business", "Sci/Tech"])
            #expect(sports.test.map(\.topic) == ["Sports"] && sports.splits.map(\.name) == ["unseen"])
            let within = try ExperimentDataSet.read("within-news", in: folder)
            #expect(within.train.map(\.topic) == ["World", "Business"] && within.test.map(\.topic) == ["Sci/Tech"])
        }
    }

    @Test("the embedded tables have seen and unseen topics")
    func embedded() throws {
        let data = try ExperimentDataSet.embedded()
        #expect(
            data.splits.map(\.name) == ["seen", "unseen", "all"] && data.splits.map(\.indices.count) == [120, 120, 240])
        let few = data.limited(test: 10, train: 20)
        #expect(few.train.count == 20 && few.splits.map(\.indices.count) == [5, 5, 10])
        #expect(few.checksum != data.checksum)
    }

    @Test("rates are chosen on validation sources, each with all its references")
    func validation() throws {
        let data = try ExperimentDataSet.embedded().testingValidation
        #expect(data.test.count == 150 && data.test.allSatisfy { $0.references.count == 3 && $0.isSeen == nil })
        #expect(data.splits.map(\.name) == ["test"])
    }

    @Test("subsets: of the size asked for, apart from their validation sets, the same at every call")
    func subsets() throws {
        let data = try ExperimentDataSet.embedded()
        let plan = RunPlan.Subset(size: 50, index: 1, validation: 15)
        let (train, held) = try data.training(plan)
        #expect(train.count == 50 && held.count == 15)
        #expect(Set(train.map(\.line)).isDisjoint(with: held.map(\.line)) && Set(train.map(\.line)).count == 50)
        #expect(try data.training(plan).train == train)
        #expect(try data.training(.init(size: 50, index: 2, validation: 15)).train != train)
        #expect(try data.training(.init(size: 50, index: 0, validation: 0)).validation == data.validation)
        let error = failure(ExperimentError.self) {
            _ = try data.training(.init(size: 3000, index: 0, validation: 1))
        }
        #expect(error == .tooFewExamples(dataSet: "embedded", asked: 3001, found: 3000))
    }
}
