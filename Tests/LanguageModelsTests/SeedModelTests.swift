import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Stand-ins for published models with their published prefixes, against `transformers` in float64 (Tests/Goldens/seeds):
/// OPT as safetensors and as PyTorch shards, rinna's GPT-NeoX whole and in three quantisations.
@Suite("Published models") @Compute struct SeedModelTests {
    @Test("answers and their probabilities, without and with a prefix", arguments: SeedModel.all)
    func answers(seed: SeedModel) throws {
        let model = try seed.assembled { try LanguageModel.load($0) }, expected = try seed.expected()
        let prefix = KeyValues(rowsOf: try seed.prefixMatrix(), shape: model.network.shape)
        for (start, answer) in [(nil, expected.without), (prefix, expected.withPrefix)] {
            let found = try Generator(model.network).generate(
                [expected.prompt], after: start.map { InitialKeyValues(decoder: $0) },
                options: DecodingOptions(.greedy, maxNewTokens: answer.token_ids.count))
            #expect(found.map(\.tokenIds) == [answer.token_ids], "prefix: \(start != nil)")
            let logprobs = probabilities(of: answer.token_ids, after: expected.prompt, start, model.network).logprobs
            #expect(
                isNear(
                    relativeError(logprobs, answer.logprobs), "log-probabilities, prefix \(start != nil),", "\(seed)"))
        }
    }

    @Test("16-bit weights as they are stored change nothing", arguments: SeedModel.quantized)
    func storedPrecision(seed: SeedModel) throws {
        let expected = try seed.expected()
        let model = try seed.assembled { try LanguageModel.load($0, precision: .stored) }
        let found = probabilities(of: expected.without.token_ids, after: expected.prompt, nil, model.network).logprobs
        #expect(relativeError(found, expected.without.logprobs) < 1e-5)
    }

    @Test("the tokenizer makes the prompt's ids of its text")
    func prompts() throws {
        struct Prompt: Decodable {
            var prompt: String
            var prompt_ids: [Int32]
        }
        for (folder, seed) in [("crumb", SeedModel.crumb[0]), ("rinna", SeedModel.rinna)] {
            let prompt: Prompt = try Fixtures.decode("seeds/\(folder)/expected.json")
            let tokenizer = try seed.assembled { try LanguageModel.load($0).tokenizer }
            // OPT's </s> stands before every text; rinna's model is given text without T5's </s> behind it.
            let ids = try tokenizer.encode(prompt.prompt, addingSpecialTokens: folder == "crumb")
            #expect(ids == prompt.prompt_ids, "\(folder)")
        }
    }
}
