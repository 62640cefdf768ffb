import Foundation
import PrefixTuning
import TestSupport
import TextMetrics
import Testing

/// References of a task's own files and of the metrics' files.
@Suite("References of tasks") struct TaskReferencesTests {
    private func read(_ text: String, _ suite: EvaluationSuite, count: Int, name: String = "file") throws
        -> TaskReferences
    {
        try withTrainingFolder { folder in
            let file = folder.appendingPathComponent(name)
            try Data(text.utf8).write(to: file)
            return try TaskReferences(file, for: suite, expecting: count)
        }
    }

    @Test("a task's own file is grouped by source")
    func ownLayout() throws {
        let text = "name : A || one text\nname : B || another\nname : A || a second text\n"
        let found = try read(text, .e2e, count: 2)
        #expect(found.references == [[" one text", " a second text"], [" another"]])
        #expect(found.entries == 3 && found.layout == "e2e data, grouped by source")
    }

    @Test("blocks of lines are taken as they are, and a file without texts has no references")
    func plain() throws {
        let found = try read("one\ntwo\n\nthree\n", .e2e, count: 2)
        #expect(found.references == [["one", "two"], ["three"]] && found.layout == "references in order")
        #expect(try read("", .plain, count: 0).references == [])
    }

    @Test("prompts of one's own are put together where there is one prediction for each different one")
    func prompts() throws {
        let lines = [("a", "x"), ("b", "y"), ("a", "z")].map { "{\"prompt\": \"\($0)\", \"references\": [\"\($1)\"]}" }
        let text = lines.joined(separator: "\n") + "\n"
        let grouped = try read(text, .e2e, count: 2)
        #expect(grouped.references == [["x", "z"], ["y"]] && grouped.layout == "references, grouped by prompt")
        #expect(try read(text, .e2e, count: 3).references == [["x"], ["y"], ["z"]])
        #expect(try read(text, .plain, count: 2).references.count == 3)
    }
}
