import Foundation
@testable import PrefixTuning
import TextMetrics
import Testing

/// What files look like that other programs and other people wrote.
@Suite("Data files of all kinds") struct TaskInputTests {
    /// A small valid file of each task's layouts.
    static let samples: [(kind: TuningTask, text: String)] = [
        (.e2e, "name : A||A is . \nname : B||B is . \n"),
        (.e2e, "{\"mr\":\"name[A]\",\"ref\":\"A is.\"}\n{\"mr\":\"name[B]\",\"ref\":\"B is.\"}\n"),
        (.e2e, "mr,ref\n\"name[A], near[X]\",\"A \"\"is\"\".\"\nname[B],B.\n"),
        (
            .webnlg,
            "{\"triples\":[[\"a\",\"b\",\"c\"]],\"references\":[\"x\"]}\n{\"triples\":[[\"d\",\"e\",\"f\"]],\"references\":[\"y\"]}\n"
        ),
        (
            .webnlg,
            #"{"entries":[{"1":{"modifiedtripleset":[{"subject":"a","property":"b","object":"c"}],"lexicalisations":[{"comment":"#
                + #""good","lex":"x"}]}},{"2":{"modifiedtripleset":[{"subject":"d","property":"e","object":"f"}]}}]}"#
        ),
        (
            .dart,
            "{\"tripleset\":[[\"a\",\"B\",\"c\"]],\"references\":[\"x\"]}\n{\"tripleset\":[[\"d\",\"E\",\"f\"]],\"references\":[]}\n"
        ),
        (
            .dart,
            #"[{"tripleset":[["a","B","c"]],"annotations":[{"text":"x"}]},{"tripleset":[["d","E","f"]],"annotations":[]}]"#
        ),
        (.xsum, "{\"document\":\"a b\",\"summary\":\"a\"}\n{\"document\":\"c d\",\"summary\":\"c\"}\n"),
        (
            .chat,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}\n"
        ),
        (.jsonl, "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"references\":[\"d\",\"\u{e9}\"]}\n"),
        (.jsonl, "prompt,completion\n\"a, or so it was\",b\nc,d\n"),
    ]

    private func read(_ kind: TuningTask, _ bytes: Data) throws -> [Example] {
        try kind.read(DataFile(path: "data.txt", data: bytes))
    }

    @Test(
        "line ends of all systems, a byte order mark, and blank lines at the end change nothing",
        arguments: samples.indices)
    func variants(_ index: Int) throws {
        let (kind, text) = Self.samples[index]
        let plain = try read(kind, Data(text.utf8))
        #expect(plain.count == 2)
        for ending in ["\r\n", "\r"] {
            #expect(
                try read(kind, Data(text.replacing("\n", with: ending).utf8)) == plain, "\(ending.debugDescription)")
        }
        #expect(try read(kind, Data([0xEF, 0xBB, 0xBF]) + Data(text.utf8)) == plain)
        for blank in ["\n", " \t\n", "\n\n\r\n  "]
        where !(text.hasPrefix("mr,ref") || text.hasPrefix("prompt,")) || blank == "\n" {
            #expect(try read(kind, Data((text + blank).utf8)) == plain, "\(blank.debugDescription)")
        }
    }

    @Test("bytes of value 0, UTF-16 and bytes that are no text are refused with their line", arguments: samples.indices)
    func noText(_ index: Int) throws {
        let (kind, text) = Self.samples[index]
        for bad in [Data([0]), Data([0xE9, 0x28])] {
            let second = Data(text.utf8).firstIndex(of: 0x0A).map { $0 + 12 } ?? text.utf8.count - 20
            let bytes = Data(text.utf8.prefix(second)) + bad + Data(text.utf8.dropFirst(second))
            let error = #expect(throws: DataError.self) { try read(kind, bytes) }
            let says = "\(try #require(error))"
            #expect(says.contains("line 2") || says.contains("entry 2"), "\(says)")
        }
        for encoding in [String.Encoding.utf16, .utf16LittleEndian, .utf32] {
            let bytes = try #require(text.data(using: encoding))
            #expect(throws: DataError.self) { try read(kind, bytes) }
        }
    }

    @Test("of a key that stands twice, the last counts, at every depth")
    func keysTwice() throws {
        let lines = try readTask(
            .jsonl, #"{"prompt":"a","prompt":"b","completion":1,"completion":"c","\u0070rompt":"d"}"#)
        #expect(lines.map(\.prompt) == ["d"] && lines.map(\.completion) == ["c"])
        #expect(try readTask(.e2e, #"{"mr":"name[A]","ref":"x","ref":"y"}"#).map(\.completion) == ["y"])
        let document =
            #"{"entries":[{"1":{"modifiedtripleset":[{"subject":"a","subject":"z","property":"b","object":"c"}]}}]}"#
        #expect(try readTask(.webnlg, document).map(\.prompt) == [" | z : b : c"])
        // Equal texts that are no keys of one object are nothing special.
        #expect(
            try readTask(.jsonl, #"{"prompt":"prompt","a":{"prompt":3},"b":["prompt"]}"#).map(\.prompt) == ["prompt"])
    }

    @Test("every task reads prompts of one's own", arguments: TuningTask.all)
    func prompts(_ kind: TuningTask) throws {
        let examples = try readTask(
            kind, #"{"prompt":" a","completion":" b","id":1}"# + "\n" + #"{"prompt":"c","references":["d","e"]}"#)
        #expect(examples.map(\.prompt) == [" a", "c"])
        #expect(examples.map(\.completion) == [" b", nil])
        #expect(examples.map(\.references) == [[" b"], ["d", "e"]])
    }

    @Test("a task's own rows and prompts may take turns, and own keys come first")
    func mixed() throws {
        let examples = try readTask(
            .e2e, #"{"mr":"name[A]","ref":"x","prompt":"p"}"# + "\n" + #"{"prompt":"q","completion":"y"}"#)
        #expect(examples.map(\.prompt) == ["name : A", "q"])
        let error = try #require(try taskFailure(.e2e, Data(#"{"text":"a"}"#.utf8)))
        #expect(
            "\(error)".contains("no \"mr\" in") && "\(error)".contains("or {\"prompt\": \"…\"} is needed"), "\(error)")
    }

    @Test("lines, records and entries without an end are refused, and what goes on and on")
    func limits() throws {
        var limits = InputLimits()
        limits.line = 40
        func failure(_ kind: TuningTask, _ text: String) throws -> String {
            let file = try DataFile(path: "data.txt", data: Data(text.utf8), limits: limits)
            return "\(try #require(#expect(throws: DataError.self) { try kind.read(file) }))"
        }
        let long = String(repeating: "a", count: 100)
        #expect(
            try failure(.e2e, "a||b\n\(long)") == "data.txt, line 2: it goes on beyond 40 bytes without an end; "
                + "put one example on each line, and split what is longer")
        #expect(
            try failure(.e2e, "mr,ref\nname[A],\"\(String(repeating: "b\n", count: 30))").contains(
                "data.txt, the record that begins in line 2: it goes on beyond 40 bytes"))
        #expect(
            try failure(.dart, "[\n\"\(String(repeating: "b\n", count: 30))").contains("data.txt, entry 1: it goes on"))
        #expect(try failure(.jsonl, long + "\n").contains("line 1: it goes on"))
        let packed = try #require(Data(base64Encoded: "H4sIAAAAAAACA8tLzE1VsFJwrKnxLFHILFZwVNBT4AIAcamf3RUAAAA="))
        limits = InputLimits()
        limits.total = 20
        #expect(throws: DataError.input(.endless(file: "data.gz", limit: 20))) {
            try DataFile(path: "data.gz", data: packed, limits: limits)
        }
        // What is plain and has a size may have any.
        #expect(try TuningTask.e2e.read(DataFile(path: "data.txt", data: Data("a||b".utf8), limits: limits)).count == 1)
    }

    @Test("what git keeps in place of a file is named")
    func gitPointer() throws {
        let pointer =
            "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 9\n"
        for kind in TuningTask.all {
            let error = try #require(try taskFailure(kind, Data(pointer.utf8)))
            #expect("\(error)".contains("data.txt is a git-lfs pointer, not the data; run git lfs pull"), "\(error)")
        }
    }

    @Test("folders, devices and what may not be read")
    func noFiles() throws {
        func failure(_ path: String) throws -> String {
            "\(try #require(#expect(throws: DataError.self) { try TuningTask.e2e.read(URL(fileURLWithPath: path)) }))"
        }
        #expect(try failure("/tmp") == "cannot read /tmp: it is a folder")
        #expect(try failure("/dev/null") == "/dev/null is empty; name a file with at least one example")
        #expect(try failure("/dev/zero").contains("/dev/zero, line 1: it goes on beyond 16777216 bytes without an end"))
        #expect(try failure("/dev/null/x") == "cannot read /dev/null/x: a part of its path is a file, not a folder")
    }
}
