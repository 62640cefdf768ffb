import Foundation
@testable import PrefixTuning
import TestSupport
import Testing

/// Data of a user's own, in any layout whose fields have names.
@Suite struct FieldMappingTests {
    private static func mapping(_ template: String? = nil, field: String? = nil, completion: String? = nil) throws
        -> FieldMapping
    {
        var fields = FieldMapping()
        if let template { fields.prompt = .template(try PromptTemplate(template)) }
        if let field { fields.prompt = .field(field) }
        fields.completion = completion
        return fields
    }

    private func read(_ fields: FieldMapping, _ text: String, name: String = "data.txt") throws -> [Example] {
        try TuningTask.jsonl(fields: fields).read(DataFile(path: name, data: Data(text.utf8)))
    }

    private func sentence(_ fields: FieldMapping, _ text: String, name: String = "data.txt") throws -> String {
        "\(try #require(failure(DataError.self) { _ = try read(fields, text, name: name) }))"
    }

    private struct Table: Decodable {
        let text, separator: String
        let rows: [[String: String]]
    }

    @Test("hard tables are read as Python's module csv reads them")
    func tables() throws {
        let file = Fixtures.goldens.appendingPathComponent("fields/tables.json")
        let tables = try JSONDecoder().decode([Table].self, from: Data(contentsOf: file))
        #expect(tables.count > 8)
        for table in tables {
            let names = try #require(table.rows.first).keys.sorted()
            for name in names {
                // Whether the name of the file tells, or the columns.
                for file in ["data.\(table.separator == "," ? "csv" : "tsv")", "DATA.CSV.GZ", "standard input"] {
                    if file == "DATA.CSV.GZ", table.separator != "," { continue }
                    let examples = try read(Self.mapping(field: name), table.text, name: file)
                    #expect(examples.map(\.prompt) == table.rows.map { $0[name] }, "\(table.text) \(file)")
                }
            }
        }
    }

    private static let csv = "\u{FEFF}question,answer,note\r\n\"Who, me?\",\"You.\r\n\",x\r\nb,,\r\n"
    private static let template = #"Q: {question}\nA:"#

    @Test("the same examples in JSON lines, a list, and tables with commas and tabs")
    func layouts() throws {
        let fields = try Self.mapping(Self.template, completion: "answer")
        let table = try read(fields, Self.csv)
        #expect(table.map(\.prompt) == ["Q: Who, me?\nA:", "Q: b\nA:"])
        #expect(table.map(\.completion) == ["You.\r\n", nil], "an empty place holds no completion")
        #expect(table.map(\.references) == [["You.\r\n"], []])
        #expect(table.map(\.location.description) == ["data.txt, line 2", "data.txt, line 4"])
        let rows = [
            #"{"question":"Who, me?","answer":"You.\r\n","note":{"a":[1]}}"#, #"{"question":"b","answer":null}"#,
        ]
        for text in [
            rows.joined(separator: "\n"), "[\(rows.joined(separator: ",\n "))]\n",
            "answer\tquestion\n\"You.\r\n\"\tWho, me?\n\tb\n",
        ] {
            let examples = try read(fields, text)
            #expect(examples.map(\.prompt) == table.map(\.prompt), "\(text)")
            #expect(examples.map(\.completion) == table.map(\.completion), "\(text)")
            #expect(examples.map(\.references) == table.map(\.references), "\(text)")
        }
        #expect(try read(fields, "[\(rows[0])]").map(\.location.description) == ["data.txt, entry 1"])
    }

    @Test("without a mapping the fields are prompt and completion or references")
    func defaults() throws {
        #expect(try read(FieldMapping(), "prompt,completion\na,b\n").map(\.completion) == ["b"])
        #expect(try read(FieldMapping(), "prompt,references\na,b\n").map(\.references) == [["b"]])
        let list = try read(FieldMapping(), #"[{"prompt":"a","references":["b","c"]},{"prompt":"d"}]"#)
        #expect(list.map(\.references) == [["b", "c"], []])
    }

    @Test("a named completion may be a list, and named fields may be numbers")
    func values() throws {
        let fields = try Self.mapping("{a} + {b} =", completion: "c")
        let examples = try read(
            fields,
            #"{"a":1,"b":-20,"c":-19,"completion":"no"}"# + "\n"
                + #"{"a":"x","b":0.5,"c":["u","v"],"references":["no"]}"#)
        #expect(examples.map(\.prompt) == ["1 + -20 =", "x + 0.5 ="])
        #expect(examples.map(\.completion) == ["-19", nil])
        #expect(examples.map(\.references) == [["-19"], ["u", "v"]])
        #expect(
            try sentence(fields, #"{"a":true,"b":"x"}"#)
                == #"data.txt, line 1: found a value of another type at "a" in "{"a":true,"b":"x"}", but "#
                + #"{"a": "…", "b": "…"} with "c": "…" where texts are learnt or compared is needed"#)
    }

    @Test("fields that are missing are named, with those that are there")
    func missing() throws {
        let fields = try Self.mapping(Self.template)
        let advice = "; say which fields are the prompt and the completion, or give a template of the prompt"
        #expect(
            try sentence(fields, #"{"question":"a"}"# + "\n" + #"{"instruction":"b","output":"c","input":""}"#)
                == #"data.txt, line 2: found no "question" in "{"instruction":"b","output":"c","input":""}", but "input", "#
                + #""instruction" and "output""# + advice)
        #expect(
            try sentence(fields, #"[{"a":"b"}]"#)
                == #"data.txt, entry 1: found no "question" in "{"a":"b"}", but "a""# + advice)
        #expect(
            try sentence(FieldMapping(), "{}") == #"data.txt, line 1: found no "prompt" in "{}", but nothing"# + advice)
        #expect(
            try sentence(FieldMapping(), "question,answer\na,b\n", name: "data.csv")
                == #"data.csv, line 1: found no "prompt" in the first line, which names the columns, but "question" and "answer""#
                + advice)
        // Columns as their writer sees them.
        #expect(
            try sentence(FieldMapping(), "question;answer\na;b\n", name: "data.CSV.gz").hasSuffix(
                #"but "question" and "answer""# + advice))
        #expect(
            try sentence(FieldMapping(), "question,answer\na,b\n")
                == #"data.txt, line 1: found invalid JSON: "question,answer", but {"prompt": "…"} with "completion": "…" or "#
                + #""references": ["…"] where texts are learnt or compared, or a first line that names the columns, "prompt" "#
                + "among them, is needed")
        let many = "{" + (1...12).map { "\"k\($0 + 10)\":\"\"" }.joined(separator: ",") + "}"
        #expect(try sentence(fields, many).contains(#""k20" and 2 more; say"#))
    }

    @Test("tables whose lines do not fit their heading are refused")
    func brokenTables() throws {
        let fields = try Self.mapping(field: "a")
        #expect(
            try sentence(fields, "a,b\n1,2\n3\n")
                == "data.txt, line 3: found 1 field, but one for each of the 2 columns that the first line names is needed"
        )
        #expect(
            try sentence(fields, "a,a\n1,2\n")
                == "data.txt, line 1: found two columns \"a\", but a name of its own for each is needed")
        #expect(
            try sentence(fields, "a,b\n\"1,2\n")
                == "data.txt, line 2: found a quoted field without an end, but \" is needed")
        #expect(try sentence(fields, "a,b\n", name: "b.csv") == "b.csv is empty; name a file with at least one example")
        #expect(try sentence(fields, "[]") == "data.txt is empty; name a file with at least one example")
    }

    @Test("training tells whose completion has no name")
    func nothingToLearn() throws {
        let error = try withTaskFile(Data(#"{"question":"a","answer":"b"}"#.utf8)) { url in
            failure(DataError.self) {
                _ = try TuningTask.jsonl(fields: Self.mapping(field: "question")).readForTraining([url])
            }
        }
        #expect(
            "\(try #require(error))".hasSuffix(
                "data.txt, line 1: there is no text to learn; add one (\"completion\", \"references\", \"summary\", or the "
                    + ".target file of a .source file), or say which field is the completion"))
    }

    @Test("a typed text is a template's field, an object of several, or the prompt with the ending of training")
    func typed() throws {
        let place = DataLocation(file: "typed", line: 1)
        func prompt(_ fields: FieldMapping, ending: String? = nil, _ text: String) throws -> String {
            var task = TuningTask.jsonl(fields: fields)
            task.promptEnding = ending
            return try task.prompt(from: text, at: place)
        }
        let one = try Self.mapping(Self.template), two = try Self.mapping("{b}{a}.")
        #expect(try prompt(one, ending: "\n", #"{"question":"a"}"#) == "Q: {\"question\":\"a\"}\nA:", "as it is")
        #expect(try prompt(two, #"{"a":"x","b":3,"c":[]}"#) == "3x.")
        let needed = #", but a JSON object of the fields that the prompt is made of, {"b": "…", "a": "…"}, is needed"#
        for (text, found) in [
            ("how far?", #""how far?""#), (#"{"b":"x"}"#, #"no "a" in "{"b":"x"}""#),
            (#"{"a":"x","b":[]}"#, #"a value of another type at "b" in "{"a":"x","b":[]}""#),
        ] {
            let error = try #require(failure(DataError.self) { _ = try prompt(two, text) })
            #expect("\(error)" == "typed, line 1: found \(found)\(needed)")
        }
        for (text, ending, expected) in [
            ("a", "\n", "a\n"), ("a\n", "\n", "a\n"), ("a\n\n", "\n", "a\n\n"), ("a ", "\n", "a \n"), ("a", nil, "a"),
            ("a\r\n", "\n", "a\r\n"),
        ] {
            #expect(try prompt(FieldMapping(), ending: ending, text).utf8.elementsEqual(expected.utf8), "\(expected)")
        }
    }
}
