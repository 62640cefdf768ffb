import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Every number of a tokenizer file, replaced by every extreme one, is refused or works.
@Suite("Extreme numbers in tokenizer files")
struct ExtremeNumberTests {
    private static let extremes = [
        "0", "-0", "1", "-1", "2147483647", "2147483648", "-2147483649", "4294967296", "4611686018427387903",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e300", "-1e300", "1e-300", "1e999",
        "0.5",
        "NaN", "Infinity", "-Infinity",
    ]
    /// Stands for the number while the file is written.
    private static let mark = "a number of the test"

    /// The places of numbers, one of each kind: of lists and of vocabularies the first and the last entry.
    private static func places(in value: JSONValue, _ path: [Int] = []) -> [[Int]] {
        switch value {
        case .number: return [path]
        case .array(let elements): return ends(elements.count).flatMap { places(in: elements[$0], path + [$0]) }
        case .object(let members):
            let isVocabulary = members.count > 32
            return (isVocabulary ? ends(members.count) : Array(members.indices)).flatMap {
                places(in: members[$0].value, path + [$0])
            }
        default: return []
        }
    }

    private static func ends(_ count: Int) -> [Int] { count == 0 ? [] : count == 1 ? [0] : [0, count - 1] }

    private static func marking(_ path: ArraySlice<Int>, in value: JSONValue) -> JSONValue {
        guard let index = path.first else { return .text(mark) }
        switch value {
        case .array(var elements):
            elements[index] = marking(path.dropFirst(), in: elements[index])
            return .array(elements)
        case .object(var members):
            members[index].value = marking(path.dropFirst(), in: members[index].value)
            return .object(members)
        default: return value
        }
    }

    /// How many variants of a file loaded, and how many were refused.
    private func count(_ file: String, in folder: ScratchFolder) throws -> (loaded: Int, refused: Int) {
        let url = folder.url.appendingPathComponent(file)
        let document = try JSONParser.parse([UInt8](Data(contentsOf: url)), file: file)
        var loaded = 0, refused = 0
        for place in Self.places(in: document) {
            let text = String(decoding: Self.marking(place[...], in: document).serialized(), as: UTF8.self)
            for extreme in Self.extremes {
                try folder.write(text.replacingOccurrences(of: "\"\(Self.mark)\"", with: extreme), to: file)
                do {
                    let tokenizer = try Tokenizer(folder: folder.url)
                    let ids = try tokenizer.encode("The house <s> 12 é!", addingSpecialTokens: true)
                    _ = tokenizer.decode(ids + [0, 1, -1, .max, .min])
                    loaded += 1
                } catch let error as TokenizerError {
                    #expect(error.description.contains(file) || error.description.contains("bytes"))
                    refused += 1
                }
            }
        }
        return (loaded, refused)
    }

    @Test(
        arguments: ["families/llama2", "families/t5", "families/bert", "families/gpt1", "families/words", "template"])
    func document(name: String) throws {
        let folder = try ScratchFolder()
        let source = TokenizerGolden.folder.appendingPathComponent("\(name)/tokenizer.json")
        try FileManager.default.copyItem(at: source, to: folder.url.appendingPathComponent("tokenizer.json"))
        let (loaded, refused) = try count("tokenizer.json", in: folder)
        #expect(loaded > 0 && refused > 0)
    }

    @Test func configurationOfSentencePiece() throws {
        let folder = try ScratchFolder()
        let source = Fixtures.goldens.appendingPathComponent("sentencepiece/t5/spiece.model")
        try FileManager.default.copyItem(at: source, to: folder.url.appendingPathComponent("spiece.model"))
        try folder.write(#"{"extra_ids":100,"model_max_length":512}"#, to: "tokenizer_config.json")
        let (loaded, refused) = try count("tokenizer_config.json", in: folder)
        #expect(loaded > 0 && refused > 0)
    }
}
