import Foundation
@testable import LanguageModels
import Tensors
import TestSupport
import Testing

/// Beam and greedy search against `transformers` 5: 37 settings for 50 prompts, without and with a PEFT prefix. The
/// scores of the goldens are float32 sums over a float64 model.
@Suite("Decoding against transformers") @Compute struct GenerationGoldenTests {
    nonisolated static let tolerance: Float = 2e-5

    @Test("all answers of every setting, all prompts at once", arguments: 0..<37)
    func answers(index: Int) throws {
        let golden = try GenerationGolden()
        let setting = golden.file.cases[index]
        let found = try Generator(golden.model).generate(
            golden.file.prompts, after: setting.options.prefix == true ? golden.prefix : nil,
            options: golden.options(setting.options))
        #expect(found.count == 50)
        for (number, (answer, expected)) in zip(found, setting.token_ids).enumerated() {
            #expect(answer.tokenIds == expected, "prompt \(number), \(setting.options)")
            let isEnded = expected.last == golden.file.eos_token_id
            #expect(answer.finishReason == (isEnded ? .endToken : .length))
        }
        if let expected = setting.scores {
            let differences = zip(found, expected).map { abs(($0.score ?? .infinity) - $1) / max(1, abs($1)) }
            #expect(differences.allSatisfy { $0 < Self.tolerance }, "\(differences.max() ?? 0)")
        } else {
            #expect(found.allSatisfy { $0.score == nil })
        }
    }

    @Test("the goldens are all there")
    func count() throws {
        let golden = try GenerationGolden()
        #expect(golden.file.cases.count == 37)
        #expect(golden.file.prompts.count == 50)
    }
}

/// Beams of 1, 4 and 5 of T5 and BLOOM, 50 prompts each.
@Suite("Decoding of T5 and BLOOM against transformers") @Compute struct GenerationFamilyTests {
    struct File: Decodable {
        struct Case: Decodable {
            var model: String
            var eos_token_id: Int32
            var options: Settings
            var prompts, token_ids: [[Int32]]
        }

        var max_new_tokens: Int
        var cases: [Case]
    }

    @Test("all answers of every setting, all prompts at once", arguments: 0..<12)
    func answers(index: Int) throws {
        let file: File = try Fixtures.decode("beam/families.json"), setting = file.cases[index]
        let folder = HuggingFaceFolder(Fixtures.goldens.appendingPathComponent(setting.model))
        let network = try folder.configuration.network(
            WeightLoader(CheckpointReader(try folder.tensors), use: .frozen(differentiable: false)))
        let found = try Generator(network).generate(
            setting.prompts,
            options: setting.options.options(maxNewTokens: file.max_new_tokens, endToken: setting.eos_token_id))
        #expect(found.count == 50 && file.cases.count == 12)
        for (number, (answer, expected)) in zip(found, setting.token_ids).enumerated() {
            #expect(answer.tokenIds == expected, "\(setting.model), prompt \(number), \(setting.options)")
        }
    }
}

/// The distributions that `transformers` draws from, in float64, and the scores that its processors leave.
@Suite("Sampling against transformers") struct GenerationSamplerGoldenTests {
    struct File: Decodable {
        struct Case: Decodable {
            var options: Settings
            var probabilities: [[Float]]
        }

        var logits: [[Float]]
        var histories: [[Int32]]
        var cases: [Case]
    }

    @Test("every probability of every setting")
    func distributions() throws {
        let golden: File = try Fixtures.decode("beam/samplers.json")
        #expect(golden.cases.count == 13)
        for setting in golden.cases {
            let options = setting.options.options(maxNewTokens: 1, endToken: nil)
            for (row, expected) in setting.probabilities.enumerated() {
                let found = probabilities(golden.logits[row], after: golden.histories[row], options)
                #expect(relativeError(found, expected) < 1e-6, "\(setting.options), row \(row)")
                #expect(found.map { $0 == 0 } == expected.map { $0 == 0 }, "\(setting.options), row \(row)")
            }
        }
    }
}
