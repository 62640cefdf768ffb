import Foundation
import PrefixTuning
import TestSupport
import Testing

/// The published counts, on the real data sets.
@Suite(.enabled(if: Fixtures.sharedData != nil, "needs the shared data sets: set PREFIXTUNE_DATA to their folder"))
struct TaskRealDataTests {
    private func read(_ kind: TuningTask, _ path: String) throws -> [Example] {
        try kind.read(try #require(Fixtures.sharedData).appendingPathComponent(path))
    }

    @Test(arguments: [
        ("e2e/src1_train.txt.gz", "e2e/train.jsonl.gz", 42_061, 4_862),
        ("e2e/src1_valid.txt.gz", "e2e/dev.jsonl", 4_672, 547),
        ("e2e/src1_test.txt.gz", "e2e/test.jsonl", 4_693, 630),
    ])
    func e2e(_ authors: String, _ official: String, lines: Int, sources: Int) throws {
        let examples = try read(.e2e, authors)
        #expect(examples.count == lines)
        #expect(examples.groupedBySource().examples.count == sources)
        // The official rows linearise to exactly the authors' sources, line by line.
        let rows = try read(.e2e, official)
        #expect(rows.map(\.prompt) == examples.map(\.prompt))
        #expect(examples.allSatisfy { $0.completion?.hasSuffix(" ") == true })
    }

    @Test func webNLG() throws {
        let train = try read(.webnlg, "webnlg2017/train.jsonl.gz")
        #expect(train.count == 6_940)
        #expect(try train.forTraining().count == 18_102)
        let dev = try read(.webnlg, "webnlg2017/dev.jsonl")
        #expect(dev.count == 872)
        #expect(try dev.forTraining().count == 2_268)
        let test = try read(.webnlg, "webnlg2017/test.jsonl")
        #expect(test.count == 1_862)
        #expect(test.count { $0.isSeen == true } == 971)
        #expect(test.filter { $0.isSeen == false }.reduce(0) { $0 + $1.references.count } == 2_433)
        #expect(train.allSatisfy { $0.prompt.hasPrefix(" | ") })
    }

    @Test func dart() throws {
        let dev = try read(.dart, "dart/dev.jsonl.gz")
        #expect(dev.count == 2_768)
        #expect(try dev.forTraining().count == 6_980)
        let test = try read(.dart, "dart/test.jsonl.gz")
        #expect(test.count == 5_097)
        #expect(test.groupedBySource().groupOfExample.count == 5_097)
    }
}
