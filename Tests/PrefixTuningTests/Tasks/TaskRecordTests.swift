import Foundation
@testable import PrefixTuning
import TestSupport
import Testing

/// What an adapter's folder records of its task.
@Suite struct TaskRecordTests {
    private func examples(_ prompts: String...) -> [Example] {
        prompts.map { Example(prompt: $0, completion: "x", location: DataLocation(file: "f", line: 1)) }
    }

    private static func fields() throws -> FieldMapping {
        var fields = FieldMapping()
        fields.prompt = .template(try PromptTemplate(#"{a}\n{b}"#))
        fields.completion = "c"
        return fields
    }

    @Test("what is written is read again, whatever the task", arguments: TuningTask.all.indices.map { $0 } + [nil])
    func roundTrip(_ index: Int?) throws {
        let task = try index.map { TuningTask.all[$0] } ?? .jsonl(fields: Self.fields())
        var format = task.format
        format.sourceLimit = 40
        let record = TaskRecord(task, format: format, examples: examples("a\n ", "b\n "))
        #expect(record.promptEnding == "\n ")
        try withTrainingFolder { folder in
            #expect(try TaskRecord.read(from: [folder]) == nil)
            try record.write(to: folder)
            #expect(try TaskRecord.read(from: [folder]) == record)
        }
        let read = try record.tuningTask()
        #expect(read.name == task.name && read.fields == task.fields && read.promptEnding == "\n ")
        #expect(read.format == format && read.suite == task.suite && read.hasTables == task.hasTables)
    }

    @Test("the file is plain, and is written once")
    func file() throws {
        let record = TaskRecord(.jsonl(fields: try Self.fields()), examples: examples("a\n"))
        try withTrainingFolder { folder in
            let file = folder.appendingPathComponent("new/prefixtune_task.json")
            try record.write(to: folder.appendingPathComponent("new"))
            #expect(
                try String(contentsOf: file, encoding: .utf8) == """
                    {
                      "completion_field" : "c",
                      "prompt_ending" : "\\n",
                      "prompt_template" : "{a}\\\\n{b}",
                      "task" : "jsonl"
                    }

                    """)
            let number = try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber] as? Int
            try record.write(to: folder.appendingPathComponent("new"))
            #expect(
                try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber] as? Int == number)
        }
    }

    @Test("only white space that all prompts end with is recorded")
    func endings() {
        func ending(_ prompts: String...) -> String? {
            TaskRecord(.jsonl, examples: prompts.flatMap { examples($0) }).promptEnding
        }
        #expect(ending("a\n", "b\n") == "\n")
        #expect(ending("a\n", "b\n\n") == nil)
        #expect(ending("a\n", "b\r\n") == nil)
        #expect(ending("a", "b") == nil)
        #expect(ending("a", "b\n") == nil)
        #expect(ending(" \u{2003}", "e\u{301} \u{2003}") == " \u{2003}")
        #expect(ending() == nil)
    }

    @Test("adapters that are used together must agree, but for the ends of prompts")
    func several() throws {
        try withTrainingFolder { root in
            func folder(_ name: String, _ task: TuningTask, _ prompt: String) throws -> URL {
                let folder = root.appendingPathComponent(name)
                try TaskRecord(task, examples: examples(prompt)).write(to: folder)
                return folder
            }
            let a = try folder("a", .jsonl, "x\n"), b = try folder("b", .jsonl, "x"), c = try folder("c", .e2e, "x")
            let bare = root.appendingPathComponent("bare")
            #expect(try TaskRecord.read(from: [bare, a, a])?.promptEnding == "\n")
            #expect(try TaskRecord.read(from: [a, bare, b])?.promptEnding == nil)
            #expect(try TaskRecord.read(from: [a, b])?.task == "jsonl")
            let error = try #require(failure(TaskRecordError.self) { _ = try TaskRecord.read(from: [a, c]) })
            #expect(
                "\(error)"
                    == "\(a.path) and \(c.path) were trained on different tasks or templates; say which task the "
                    + "prompts are of")
            // Those of the model count where no adapter has any.
            var files = AdaptedModel.Files(model: a)
            #expect(try files.taskRecord?.task == "jsonl")
            files.prefix = bare
            #expect(try files.taskRecord?.task == "jsonl")
            files.prefix = c
            #expect(try files.taskRecord?.task == "e2e")
        }
    }

    @Test("a file that cannot be followed is refused with what helps")
    func damaged() throws {
        try withTrainingFolder { folder in
            let file = folder.appendingPathComponent(TaskRecord.fileName)
            for (text, reason) in [
                (
                    "{}",
                    "it does not say which task the adapter was trained on; remove it, or write {\"task\": \"jsonl\"}"
                ),
                (
                    #"{"task":"jsonl","prompt_template":"{}"}"#,
                    "in the template \"{}\" a field has no name; write it between { and }"
                ),
            ] {
                try Data(text.utf8).write(to: file)
                let error = try #require(failure(TaskRecordError.self) { _ = try TaskRecord.read(from: [folder]) })
                #expect("\(error)" == "\(file.path): \(reason)")
            }
            try Data(#"{"task":"weather"}"#.utf8).write(to: file)
            let error = try #require(
                failure(TaskRecordError.self) { _ = try TaskRecord.read(from: [folder])?.tuningTask() })
            #expect(
                "\(error)"
                    == "the adapter was trained on the task \"weather\", which is none of e2e, webnlg, dart, xsum, "
                    + "jsonl, chat; say which task the prompts are of")
        }
    }
}
