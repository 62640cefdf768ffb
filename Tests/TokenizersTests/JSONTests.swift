import Foundation
import Testing

@testable import Tokenizers

@Suite("JSON of tokenizer files")
struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8), file: "test.json") }

    @Test func values() throws {
        #expect(
            try parse(" [1, -2.5e3, true, false, null, \"\", {}, []] ")
                == .array([
                    .number(1), .number(-2_500), .bool(true), .bool(false), .null, .text(""), .object([:]), .array([]),
                ]))
    }

    /// The numbers that Hugging Face's library reads, the third and fourth of which are not the nearest ones.
    @Test func numbersAreRoundedAsTheLibraryRounds() throws {
        let cases: [(String, Double)] = [
            ("0", 0), ("-5.129043102264404", -5.129043102264404), ("-12.130167007446289", -12.130167007446287),
            ("-2.0122928619384766", -2.012292861938477), ("18446744073709551616", 1.8446744073709552e19),
            ("123456789012345678901234567890", 1.2345678901234568e29), ("1e-400", 0),
            ("5e-324", Double.leastNonzeroMagnitude),
            ("0e99999999999999999999", 0), ("1e-99999999999999999999", 0), ("1.5E+3", 1_500),
            ("0.30000000000000000000000000001", 0.3),
        ]
        for (text, value) in cases { #expect(try parse(text) == .number(value), "\(text)") }
    }

    @Test func escapes() throws {
        let text = #""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\udc4d\u0000é""#
        #expect(try parse(text) == .text("\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{1F44D}\0é"))
    }

    /// Foundation's parsers take these two keys for one.
    @Test func canonicallyEquivalentKeysStayApart() throws {
        let value = try parse("{\"\u{E9}\": 1, \"e\u{301}\": 2}")
        #expect(value["\u{E9}"] == .number(1))
        #expect(value["e\u{301}"] == .number(2))
    }

    @Test func lastOfEqualKeysWins() throws {
        #expect(try parse("{\"a\": 1, \"a\": 2}")["a"] == .number(2))
    }

    @Test func writingAndReading() throws {
        let value = JSONValue.object(["a\"\\\n\u{1}é": .array([.number(3), .number(0.5), .null, .bool(true)])])
        #expect(try JSONParser.parse(value.serialized(), file: "test.json") == value)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a:1}", "[1 2]", "nul", "tru", "01", "1.", ".5", "+1", "-", "1e",
        "1e999",
        "\"a", "\"\\x\"", "\"\\u12\"", "\"\\ud83d\"", "\"\\udc4d\"", "\"\\ud83d\\u0041\"", "\"\n\"", "[]]", "{}{}",
        String(repeating: "[", count: 100_000),
    ])
    func refuses(text: String) {
        #expect(throws: TokenizerError.self) { try parse(text) }
    }

    @Test func refusesIllFormedText() {
        #expect(throws: TokenizerError.self) { try JSONParser.parse([0x22, 0xFF, 0x22], file: "test.json") }
    }
}
