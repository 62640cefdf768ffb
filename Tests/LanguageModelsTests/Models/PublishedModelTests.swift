import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Stand-ins for published models with their published prefixes, against `transformers` in float64 (Tests/Goldens/published):
/// OPT as safetensors and as PyTorch shards, rinna's GPT-NeoX whole and in three quantisations.
@Suite("Published models") @Compute struct PublishedModelTests {
    @Test("answers and their probabilities, without and with a prefix", arguments: PublishedModel.all)
    func answers(_ published: PublishedModel) throws {
        let model = try published.assembled { try LanguageModel.load($0) }, expected = try published.expected()
        let prefix = KeyValues(rowsOf: try published.prefixMatrix(), shape: model.network.shape)
        for (start, answer) in [(nil, expected.without), (prefix, expected.withPrefix)] {
            let found = try Generator(model.network).generate(
                [expected.prompt], after: start.map { InitialKeyValues(decoder: $0) },
                options: DecodingOptions(.greedy, maxNewTokens: answer.token_ids.count))
            #expect(found.map(\.tokenIds) == [answer.token_ids], "prefix: \(start != nil)")
            let logprobs = probabilities(of: answer.token_ids, after: expected.prompt, start, model.network).logprobs
            #expect(
                isNear(
                    relativeError(logprobs, answer.logprobs), "log-probabilities, prefix \(start != nil),",
                    "\(published)"))
        }
    }

    /// Those of 4-bit codes stay to the last bits what they are; integers are multiplied as such, and activations rounded to 8 bits.
    @Test("stored precision changes nothing, or what rounding activations does", arguments: PublishedModel.quantized)
    func storedPrecision(_ published: PublishedModel) throws {
        let expected = try published.expected()
        let model = try published.assembled { try LanguageModel.load($0, precision: .stored) }
        let found = probabilities(of: expected.without.token_ids, after: expected.prompt, nil, model.network).logprobs
        let holdsIntegers = "\(published)".hasSuffix("int8") || "\(published)".hasSuffix("awq")
        let error = relativeError(found, expected.without.logprobs)
        #expect(holdsIntegers ? error > 1e-4 && error < 0.01 : error < 1e-5, "\(error)")
    }

    @Test("the tokenizer makes the prompt's ids of its text")
    func prompts() throws {
        struct Prompt: Decodable {
            var prompt: String
            var prompt_ids: [Int32]
        }
        for (folder, published) in [("crumb", PublishedModel.crumb[0]), ("rinna", PublishedModel.rinna)] {
            let prompt: Prompt = try Fixtures.decode("published/\(folder)/expected.json")
            let tokenizer = try published.assembled { try LanguageModel.load($0).tokenizer }
            // OPT's </s> stands before every text; rinna's model is given text without T5's </s> behind it.
            let ids = try tokenizer.encode(prompt.prompt, addingSpecialTokens: folder == "crumb")
            #expect(ids == prompt.prompt_ids, "\(folder)")
        }
    }
}
