import Foundation
import TestSupport
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

extension ExperimentTests {
    @Test("parts are merged without training; other experiments and second results of a run are refused")
    func merged() throws {
        try withTrainingFolder { place in
            func folder(_ name: String) -> URL { place.appendingPathComponent(name) }
            for index in 1...2 {
                var choice = RunChoice()
                choice.shard = .init(index, of: 2)
                try Self.experiment("length", in: folder("part\(index)"), choice: choice).run()
            }
            // One part, then both: what is there already is the same.
            let first = try Self.experiment("length", in: folder("all")).merge([folder("part1")])
            #expect(first.done == 1 && first.total == 2)
            #expect(try String(contentsOf: folder("all/report.html"), encoding: .utf8).contains("1 of 2 runs are done"))
            let both = try Self.experiment("length", in: folder("all")).merge([folder("part1"), folder("part2")])
            #expect(both.done == 2 && both.total == 2)
            #expect(
                try results(folder("all")).map(\.plan.identifier)
                    == ["embedded-prefix-1-seed1", "embedded-prefix-2-seed1"])
            var begun = 0
            try Self.experiment("length", in: folder("all")).run { if case .begins = $0 { begun += 1 } }
            #expect(begun == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder("all/runs").path)
            #expect(names.sorted() == ["embedded-prefix-1-seed1", "embedded-prefix-2-seed1"])

            // The same run with another result, and other settings.
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder("part1/runs").path).first)
            try FileManager.default.copyItem(at: folder("part1"), to: folder("again"))
            let result = folder("again/runs/\(name)/result.json")
            try Data((String(contentsOf: result, encoding: .utf8) + "\n").utf8).write(to: result)
            let twice = failure(ExperimentError.self) {
                _ = try Self.experiment("length", in: folder("all")).merge([folder("again")])
            }
            #expect(twice?.description.contains("the run \(name) was done twice, with two results, ") == true)
            let other = failure(ExperimentError.self) {
                _ = try Self.experiment("length", in: folder("other"), "beams=2").merge([folder("part1")])
            }
            #expect(other?.description.contains("its beams was ") == true)
            #expect(!FileManager.default.fileExists(atPath: folder("other/experiment.json").path))
            let nothing = failure(ExperimentError.self) {
                _ = try Self.experiment("length", in: folder("all")).merge([folder("nowhere")])
            }
            #expect(nothing != nil)
        }
    }
}
