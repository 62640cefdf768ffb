import Foundation
import LanguageModels
import TestSupport
import Testing

/// Damaged and hostile safetensors files: each must be refused with a sentence that says what is wrong.
@Suite struct CheckpointBadFileTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: Data
        var says: String

        init(_ name: String, _ bytes: Data, says: String) {
            (testDescription, self.bytes, self.says) = (name, bytes, says)
        }

        init(_ name: String, _ header: String, data: Int = 0, says: String) {
            self.init(name, safetensorsBytes(header: header, data: data), says: says)
        }
    }

    private static func tensor(_ type: String, _ shape: String, _ start: String, _ end: String) -> String {
        #"{"dtype":"\#(type)","shape":[\#(shape)],"data_offsets":[\#(start),\#(end)]}"#
    }

    static let cases: [Case] = [
        Case("seven bytes", Data(repeating: 1, count: 7), says: "fewer than the 8"),
        Case(
            "length of 2^64-1", safetensorsBytes(header: "{}", data: 0, length: .max), says: "more than the 100000000"),
        Case("length of 2^63", safetensorsBytes(header: "{}", data: 0, length: 1 << 63), says: "more than the"),
        Case("length beyond the file", safetensorsBytes(header: "{}", data: 0, length: 99), says: "cut off"),
        Case("empty header", "", says: "\"{\" was expected"),
        Case("header is no JSON", "hello", says: "\"{\" was expected, but there is \"h\""),
        Case("header is a list", "[]", says: "\"{\" was expected"),
        Case("header does not end", #"{"a""#, says: "nothing more"),
        Case("string does not end", #"{"a"#, says: "a string does not end"),
        Case("text after the header", "{} {}", says: "follows the closing brace"),
        Case("tensor is a number", #"{"a":3}"#, says: "\"{\" was expected"),
        Case("trailing comma", #"{"__metadata__":{},}"#, says: "expected"),
        Case("metadata is no text", #"{"__metadata__":{"a":1}}"#, says: "was expected"),
        Case("half a surrogate", #"{"\ud800":{}}"#, says: "surrogate"),
        Case("unknown escape", #"{"\q":{}}"#, says: "escape"),
        Case("missing field", #"{"a":{"dtype":"F32","shape":[1]}}"#, says: "lacks"),
        Case("three offsets", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, says: "lacks"),
        Case(
            "repeated field", #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4,
            says: "repeated field"),
        Case("unknown number format", #"{"a":\#(tensor("F31", "1", "0", "4"))}"#, data: 4, says: "\"F31\" is unknown"),
        Case(
            "duplicate keys", #"{"a":\#(tensor("F32", "1", "0", "4")),"a":\#(tensor("F32", "1", "4", "8"))}"#, data: 8,
            says: "occurs twice"),
        Case("duplicate metadata", #"{"__metadata__":{"x":"1","x":"2"}}"#, says: "occurs twice"),
        Case("negative offset", #"{"a":\#(tensor("F32", "1", "-4", "0"))}"#, says: "negative"),
        Case("negative dimension", #"{"a":\#(tensor("F32", "-1", "0", "4"))}"#, data: 4, says: "negative"),
        Case("fraction", #"{"a":\#(tensor("F32", "1.5", "0", "4"))}"#, data: 4, says: "expected"),
        Case("huge number", #"{"a":\#(tensor("F32", "99999999999999999999", "0", "4"))}"#, data: 4, says: "too large"),
        Case("end before start", #"{"a":\#(tensor("F32", "1", "8", "4"))}"#, data: 8, says: "before it starts"),
        Case("beyond the file", #"{"a":\#(tensor("F32", "4", "0", "16"))}"#, data: 8, says: "cut off"),
        Case("offset of 2^63-1", #"{"a":\#(tensor("F32", "1", "0", "9223372036854775807"))}"#, says: "cut off"),
        Case("wrong size", #"{"a":\#(tensor("F32", "3", "0", "8"))}"#, data: 8, says: "needs 12 bytes"),
        Case(
            "shape overflows", #"{"a":\#(tensor("F32", "4294967296,4294967296", "0", "0"))}"#,
            says: "more elements than can be counted"),
        Case(
            "shape overflows to the right size", #"{"a":\#(tensor("F32", "4611686018427387905", "0", "4"))}"#, data: 4,
            says: "more elements than can be counted"),
        Case(
            "overlap", #"{"a":\#(tensor("F32", "2", "0", "8")),"b":\#(tensor("F32", "1", "4", "8"))}"#, data: 8,
            says: "inside the tensor before it"),
        Case(
            "hole", #"{"a":\#(tensor("F32", "1", "0", "4")),"b":\#(tensor("F32", "1", "8", "12"))}"#, data: 12,
            says: "4 bytes before its data"),
        Case("hole at the start", #"{"a":\#(tensor("F32", "1", "4", "8"))}"#, data: 8, says: "4 bytes before its data"),
        Case("unused end", #"{"a":\#(tensor("F32", "1", "0", "4"))}"#, data: 6, says: "last 2 bytes"),
        Case("data without tensors", "{}", data: 1, says: "last 1 bytes"),
    ]

    @Test(arguments: cases)
    func refuses(_ bad: Case) throws {
        let error = try #require(try safetensorsFailure(bad.bytes), "the file was accepted")
        #expect(error.description.contains(bad.says), "\(error.description)")
        #expect(error.description.contains("model.safetensors"))
    }

    @Test func refusesHeadersThatAreNotUTF8() throws {
        var bytes = safetensorsBytes(header: #"{"?":{}}"#, data: 0)
        bytes[10] = 0xFF
        let error = try #require(try safetensorsFailure(bytes))
        #expect(error.description.contains("not UTF-8"))
    }

    @Test func acceptsAnEmptyFileOfTheFormat() throws {
        #expect(try safetensorsFailure(safetensorsBytes(header: "{}      ", data: 0)) == nil)
    }

    @Test func saysWhatIsNoFile() throws {
        try withCheckpointFolder { folder in
            let absent = folder.appendingPathComponent("absent.safetensors")
            #expect { try SafetensorsFile(absent) } throws: { "\($0)".contains("No such file") }
            #expect { try SafetensorsFile(folder) } throws: { "\($0)".contains("not a regular file") }
            try Data().write(to: absent)
            #expect { try SafetensorsFile(absent) } throws: { "\($0)".contains("is empty") }
            let pipe = folder.appendingPathComponent("pipe")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            #expect { try SafetensorsFile(pipe) } throws: { "\($0)".contains("not a regular file") }
        }
    }

    /// Every truncation of a real file is an error.
    @Test func refusesEveryTruncation() throws {
        let golden = Fixtures.goldens.appendingPathComponent("checkpoints/written.safetensors")
        let whole = try Data(contentsOf: golden)
        #expect(try safetensorsFailure(whole) == nil)
        for count in 1..<whole.count {
            #expect(try safetensorsFailure(whole.prefix(count)) != nil, "\(count) bytes")
        }
    }
}
