import Foundation
@testable import LanguageModels
import Tensors
import TestSupport
import Testing

/// Contrastive search against what `transformers` 4 does, in float64.
@Suite("Contrastive search against transformers") @Compute struct ContrastiveGoldenTests {
    struct File: Decodable {
        struct Case: Decodable {
            var model: String
            var prefix: Bool
            var eos_token_id: Int32
            var options: Settings
            var prompts, token_ids: [[Int32]]
        }

        var max_new_tokens: Int
        var cases: [Case]
    }

    @Test("all answers of every setting, all prompts at once", arguments: 0..<30)
    func answers(index: Int) async throws {
        let file: File = try Fixtures.decode("beam/contrastive.json"), setting = file.cases[index]
        let folder = HuggingFaceFolder(Fixtures.goldens.appendingPathComponent(setting.model))
        let network = try folder.configuration.network(
            WeightLoader(CheckpointReader(try folder.tensors), use: .frozen(differentiable: false)))
        var options = setting.options.options(maxNewTokens: file.max_new_tokens, endToken: setting.eos_token_id)
        let start = setting.prefix ? try GenerationGolden().prefix : nil
        let found = try Generator(network).generate(setting.prompts, after: start, options: options)
        #expect(found.count == 12 && file.cases.count == 30)
        for (number, (answer, expected)) in zip(found, setting.token_ids).enumerated() {
            #expect(answer.tokenIds == expected, "\(setting.model), prompt \(number), \(setting.options)")
            #expect(answer.finishReason == (expected.last == setting.eos_token_id ? .endToken : .length))
        }
        // Tokens are told as they are chosen, with the log-probabilities that the model finds for them.
        options.logProbabilities = 1
        let told = try Generator(network).generate(setting.prompts, after: start, options: options)
        #expect(told.map(\.tokenIds) == found.map(\.tokenIds))
        #expect(told.allSatisfy { $0.logProbabilities?.count == $0.tokenIds.count })
        if setting.prefix || network.startToken != nil { return }
        for (prompt, answer) in zip(setting.prompts, told).prefix(3) {
            let read = try await network.probabilities(ofPrompt: prompt + answer.tokenIds, best: 1)
            for (known, expected) in zip(answer.logProbabilities ?? [], read.suffix(answer.tokenIds.count)) {
                #expect(abs(known.logProbability - (expected?.logProbability ?? 0)) < 1e-4)
            }
        }
    }

    @Test("α = 0 is greedy search; what it cannot do is refused by name") func limits() throws {
        let golden = try GenerationGolden(), prompts = Array(golden.file.prompts.prefix(8))
        let greedy = try Generator(golden.model).generate(prompts, options: golden.options(.greedy))
        let none = try Generator(golden.model).generate(
            prompts, options: golden.options(.contrastive(alpha: 0, candidates: 3)))
        #expect(none == greedy)
        func refusal(_ alpha: Double, _ candidates: Int, _ answers: Int = 1) -> String? {
            var options = DecodingOptions(.contrastive(alpha: alpha, candidates: candidates))
            options.answerCount = answers
            do throws(GenerationError) { try options.validate() } catch { return error.description }
            return nil
        }
        #expect(refusal(0.6, 4) == nil)
        #expect(refusal(1.5, 4) == "penaltyAlpha is 1.5, but must be between 0 (the most probable token) and 1")
        #expect(refusal(.nan, 4)?.hasPrefix("penaltyAlpha is nan") == true)
        #expect(refusal(0.6, 1) == "topK is 1, but must be between 2 and 256 in contrastive search")
        #expect(refusal(0.6, 4, 2) == "answerCount is 2, but must be 1 in contrastive search, which draws nothing")
        let infix = LiveBatchSupport.infix(2, golden.model.shape, seed: 8)
        #expect(throws: GenerationError.contrastiveInfix(index: 0)) {
            _ = try Generator(golden.model).generate(
                [[3, 4]], after: infix, options: golden.options(.contrastive(alpha: 0.6, candidates: 4)))
        }
        // The last token is read, too: to the last position, and no further.
        let room = golden.model.shape.positionCount - 1
        for (length, fits) in [(room, true), (room + 1, false)] {
            var options = golden.options(.contrastive(alpha: 0.6, candidates: 4), maxNewTokens: length)
            options.endTokens = []
            do {
                try GenerationRequest([3], options: options).validate(for: golden.model)
                #expect(fits)
                #expect(try Generator(golden.model).generate([[3]], options: options)[0].tokenIds.count == room)
            } catch {
                #expect(!fits && "\(error)".contains("ask for at most \(room) new tokens"), "\(error)")
            }
        }
        // All but two tokens are forbidden, and then all.
        var options = golden.options(.contrastive(alpha: 0.6, candidates: 5))
        options.forbiddenTokens = (0..<64).filter { $0 != 9 && $0 != 11 }
        let few = try Generator(golden.model).generate(prompts, options: options)
        #expect(few.allSatisfy { $0.tokenIds.allSatisfy { [9, 11].contains($0) } && $0.tokenIds.count == 20 })
        options.forbiddenTokens = (0..<64).map { $0 }
        let nothing = try Generator(golden.model).generate(prompts, options: options)
        #expect(nothing.allSatisfy { $0.tokenIds.isEmpty && $0.finishReason == .noTokenAllowed })
    }
}
