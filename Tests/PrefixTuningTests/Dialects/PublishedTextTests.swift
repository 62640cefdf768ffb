import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Published prefixes in their published files, from text to text, against PEFT in float64 (Tests/Goldens/published).
@Suite @Compute struct PublishedTextTests {
    private struct Answer: Decodable { var token_ids: [Int32] }
    private struct Expected: Decodable {
        var prompt: String
        var without: Answer
        var with_prefix, with_adapter: Answer?
    }

    @Test(arguments: [
        ("crumb", "crumb/base", "crumb/adapter"), ("rinna", "rinna", "rinna/smileface_suffix.task0.weight"),
    ])
    func answers(name: String, base: String, published: String) async throws {
        let folder = Fixtures.goldens.appendingPathComponent("published")
        let expected = try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: folder.appendingPathComponent("\(name)/expected.json")))
        let model = try LanguageModel.load(folder.appendingPathComponent(base))
        let prefix = try PrefixFile(folder.appendingPathComponent(published)).prefix(for: model)
        let start = try prefix.keyValues(for: model.network.shape)
        let options = DecodingOptions(.greedy, maxNewTokens: 12)
        let with = try #require(expected.with_prefix ?? expected.with_adapter)
        for (start, prefix, answer) in [(nil, nil, expected.without), (start, prefix, with)] {
            // OPT's tokenizer puts </s> before every text; rinna's, a T5, would put one behind, where text goes on.
            let text = model.tokenizer.decode(answer.token_ids, skippingSpecialTokens: true)
            #expect(try model.answers(to: [expected.prompt], after: start, options: options) == [text])
            var streamed = ""
            for try await piece in try model.generate(expected.prompt, prefix: prefix, options: options) {
                streamed += piece
            }
            #expect(streamed == text)
        }
    }
}
