import Foundation
import Testing

@testable import TextMetrics

@Suite struct FileTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("metrics-\(UUID().uuidString)")

    private func file(_ name: String, _ bytes: [UInt8]) throws -> URL {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let url = folder.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        return url
    }

    private func file(_ name: String, _ text: String) throws -> URL { try file(name, Array(text.utf8)) }

    @Test("Plain predictions: every line counts, a line end at the end of the file adds none")
    func plainPredictions() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let read = try PredictionFile(contentsOf: try file("a.txt", "\u{FEFF}one \r\n\n  two"))
        #expect(read.predictions == ["one", "", "two"])
        #expect(try PredictionFile(contentsOf: try file("b.txt", "one\n\n")).predictions == ["one", ""])
        #expect(try PredictionFile(contentsOf: try file("c.txt", "")).predictions == [])
    }

    @Test("JSON lines by name or by look")
    func jsonLines() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let predictions = try file("p.jsonl", "{\"text\": \"one\", \"prompt\": \"x\"}\n\n{\"text\": \"two\"}\n")
        #expect(try PredictionFile(contentsOf: predictions).predictions == ["one", "two"])
        let references = try file("r", "{\"references\": [\"a\", \"b\"]}\n{\"completion\": \"c\"}\n")
        #expect(try ReferenceFile(contentsOf: references).references == [["a", "b"], ["c"]])
        let braces = try file("braces.txt", "{not json}\n")
        #expect(try PredictionFile(contentsOf: braces).predictions == ["{not json}"])
    }

    @Test("References in blocks, in lines and in parallel files")
    func references() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try ReferenceFile(contentsOf: try file("a", "a\nb\n\nc\n\n\n")).references == [["a", "b"], ["c"]])
        let lines = try file("b", "a\nb\n")
        #expect(try ReferenceFile(contentsOf: lines).references == [["a"], ["b"]])
        #expect(try ReferenceFile(contentsOf: lines, expecting: 1).references == [["a", "b"]])
        let second = try file("c", "x\n\n")
        #expect(try ReferenceFile(parallel: [lines, second]).references == [["a", "x"], ["b"]])
    }

    @Test("Bad files are refused with their name and line")
    func errors() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let gap = try file("gap", "a\n\n\nb\n")
        #expect(message { try ReferenceFile(contentsOf: gap) }.hasPrefix(gap.path + ":3: a blank line"))
        let json = try file("bad.jsonl", "{\"text\": \"x\"}\n{\"tex\": 1}\n")
        #expect(message { try PredictionFile(contentsOf: json) }.hasPrefix(json.path + ":2: expected a JSON object"))
        let none = try file("none.jsonl", "{\"references\": []}\n")
        #expect(message { try ReferenceFile(contentsOf: none) }.hasPrefix(none.path + ":1: no reference"))
        let latin = try file("latin", [0x61, 0x0A, 0xE9, 0x0A])
        #expect(
            message { try PredictionFile(contentsOf: latin) }.hasPrefix(
                latin.path + ", line 2: the text is not UTF-8"))
        #expect(message { try PredictionFile(contentsOf: folder.appendingPathComponent("absent")) }.contains("absent"))
        let short = try file("short", "a\n")
        #expect(message { try ReferenceFile(parallel: [gap, short]) }.contains("has 1 lines but"))
        let predictions = try PredictionFile(contentsOf: short)
        let references = try ReferenceFile(contentsOf: try file("two", "a\nb\n"))
        let mismatch = message {
            try EvaluationReport.evaluate(predictions: predictions, references: references, suite: .plain)
        }
        #expect(mismatch.hasPrefix("1 predictions in \(short.path) stand against references for 2 instances"))
    }

    private func message<Value>(_ body: () throws -> Value) -> String {
        do {
            _ = try body()
            return "no error"
        } catch { return "\(error)" }
    }
}
