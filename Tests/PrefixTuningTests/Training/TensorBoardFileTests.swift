import Foundation
import Tensors
import TestSupport
import Testing

@testable import PrefixTuning

/// Event files, against one that TensorBoard's own writer made (Tests/Goldens/tensorboard), and over interruptions.
@Suite @Compute struct TensorBoardFileTests {
    private static func file(_ folder: URL) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("tfevents") }
        #expect(names.count == 1)
        return folder.appendingPathComponent(try #require(names.first))
    }

    /// The records' data.
    private static func records(_ folder: URL) throws -> [Data] {
        var rest = try Data(contentsOf: file(folder))[...], records: [Data] = []
        while rest.count >= 16 {
            let start = rest.startIndex, count = Int(rest[start]) | Int(rest[start + 1]) << 8
            records.append(Data(rest[(start + 12)..<(start + 12 + count)]))
            rest = rest[(start + 16 + count)...]
        }
        #expect(rest.isEmpty)
        return records
    }

    /// Step and first tag of each record but the first.
    private static func events(_ folder: URL) throws -> [String] {
        try records(folder).dropFirst().map { data in
            let text = String(decoding: data, as: UTF8.self)
            let tag = ["train/loss", "validation/loss"].first { text.contains($0) } ?? "?"
            return "\(data[10]) \(tag)"
        }
    }

    @Test func everyByteIsThatOfTensorBoardsWriter() throws {
        try withTrainingFolder { folder in
            var time = 1_700_000_000.25
            let file = try TensorBoardFile(in: folder, upTo: 0, validations: 0, now: { time })
            let events: [(Int, [(String, Double)])] = [
                (1, [("train/loss", 3.5), ("train/learning_rate", 5e-5)]), (127, [("train/loss", 1.0 / 3)]),
                (128, [("validation/loss", 2.25), ("validation/perplexity", exp(2.25))]),
                (1_000_000, [("train/loss", -0.0)]),
            ]
            for (step, values) in events {
                time += 1
                try file.add(values.map { (tag: $0.0, value: $0.1) }, step: step)
            }
            let golden = try Data(contentsOf: Fixtures.goldens.appendingPathComponent("tensorboard/events.bin"))
            #expect(try Data(contentsOf: Self.file(folder)) == golden)
        }
    }

    @Test(arguments: [0, 2, 3, 5, 7]) func aResumedRunHasEveryStepOnce(stop: Int) throws {
        let model = try TinyModel.worded(), held = TinyModel.examples(3, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            @Compute func run(_ name: String, resumes: Bool, stop: Int = 100) throws -> URL {
                let trainer = try TrainingRunTests.trainer(model), folder = folder.appendingPathComponent(name)
                _ = try TrainingRun(
                    trainer, validation: held, folder: folder, resumes: resumes, writesTensorBoard: true
                ).run(shouldStop: { trainer.stepCount == stop })
                return folder
            }
            let expected = try Self.events(run("whole", resumes: false))
            #expect(expected.count == 8 + 3 && expected[3] == "3 validation/loss")
            let parts = try run("parts", resumes: false, stop: stop)
            // As a process that was killed leaves it: later steps than the state's, and a record that is not whole.
            let file = try FileHandle(forWritingTo: Self.file(parts)),
                later = try Data(contentsOf: Self.file(folder.appendingPathComponent("whole")))
            _ = try file.seekToEnd()
            if stop > 0 { try file.write(contentsOf: later.suffix(140)) }
            try file.close()
            #expect(try Self.events(run("parts", resumes: true)) == expected)
        }
    }

    @Test func aDamagedRecordEndsWhatIsKept() throws {
        try withTrainingFolder { folder in
            let file = try TensorBoardFile(in: folder, upTo: 0, validations: 0, now: { 1 })
            for step in 1...3 { try file.add([(tag: "train/loss", value: 1)], step: step) }
            let url = try Self.file(folder), whole = try Data(contentsOf: url), record = (whole.count - 40) / 3
            var damaged = whole
            damaged[40 + record + 20] ^= 1
            try damaged.write(to: url)
            _ = try TensorBoardFile(in: folder, upTo: 3, validations: 0, now: { 1 })
            #expect(try Data(contentsOf: url) == whole.prefix(40 + record))
        }
    }
}
