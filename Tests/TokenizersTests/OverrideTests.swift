import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What `Goldens/overrides/generate.py` recorded: which of `tokenizer.json` and `tokenizer_config.json` transformers follows.
@Suite("A configuration that contradicts tokenizer.json")
struct OverrideTests {
    private struct Golden: Decodable {
        struct Case: Decodable {
            var family, configuration: String
            var model_type: String?
            var prefix: Bool?
            var token: String?
            var ids: [[Int32]]
        }
        var texts: [String]
        var cases: [Case]
    }

    private func document(_ test: Golden.Case) throws -> JSONValue {
        let file = TokenizerGolden.folder.appendingPathComponent("families/\(test.family)/tokenizer.json")
        let document = try JSONParser.parse([UInt8](Data(contentsOf: file)), file: file.path)
        let members = try #require(document.members)
        let size = document["model"]?["vocab"]?.members?.count ?? 0
        return .object(
            try members.map { member in
                var member = member
                switch String(decoding: member.key, as: UTF8.self) {
                case "pre_tokenizer":
                    guard let prefix = test.prefix, case .object(var parts) = member.value else { break }
                    for index in parts.indices where parts[index].key.elementsEqual("add_prefix_space".utf8) {
                        parts[index].value = .bool(prefix)
                    }
                    member.value = .object(parts)
                case "added_tokens":
                    guard let token = test.token, case .array(let others) = member.value else { break }
                    let attributes = try JSONParser.parse(Array(token.utf8), file: "case").members ?? []
                    let name: [JSONValue.Member] = [
                        .init(key: Array("id".utf8), value: .number(Double(size))),
                        .init(key: Array("content".utf8), value: .text("<x>")),
                    ]
                    member.value = .array(others + [.object(name + attributes)])
                default: break
                }
                return member
            })
    }

    @Test func idsAreThoseOfTransformers() throws {
        let url = Fixtures.goldens.appendingPathComponent("overrides/cases.json")
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
        #expect(golden.cases.count == 114)
        for test in golden.cases {
            let folder = try ScratchFolder()
            try folder.write(String(decoding: document(test).serialized(), as: UTF8.self), to: "tokenizer.json")
            try folder.write(test.configuration, to: "tokenizer_config.json")
            if let type = test.model_type { try folder.write(#"{"model_type":"\#(type)"}"#, to: "config.json") }
            let tokenizer = try Tokenizer(folder: folder.url)
            for (text, expected) in zip(golden.texts, test.ids) {
                #expect(
                    try tokenizer.encode(text) == expected,
                    "\(test.family), \(test.configuration): \(text.debugDescription)")
            }
            // What is written loads as the same.
            let copy = try ScratchFolder()
            try tokenizer.write(to: copy.url)
            #expect(try Tokenizer(folder: copy.url).encode(golden.texts[3]) == test.ids[3])
        }
    }
}
