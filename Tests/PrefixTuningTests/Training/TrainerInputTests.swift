import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Data and settings that no run can have.
@Suite("What a trainer refuses") @Compute struct TrainerInputTests {
    struct BadSetting: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var change: @Sendable (inout TrainingSettings) -> Void

        init(_ description: String, _ change: @escaping @Sendable (inout TrainingSettings) -> Void) {
            (testDescription, self.change) = (description, change)
        }
    }

    nonisolated static let badSettings = [
        BadSetting("no steps") { $0.duration = .steps(0) },
        BadSetting("no epochs") { $0.duration = .epochs(-1) },
        BadSetting("more epochs than can be counted") { $0.duration = .epochs(.max) },
        BadSetting("no batch") { $0.batchSize = 0 },
        BadSetting("a negative rate") { $0.learningRate = -1e-5 },
        BadSetting("a rate without bound") { $0.learningRate = .infinity },
        BadSetting("no rate") { $0.learningRate = .nan },
        BadSetting("a negative warm-up") { $0.warmupSteps = -1 },
        BadSetting("a negative weight decay") { $0.optimizer.weightDecay = -0.1 },
        BadSetting("a negative clip") { $0.optimizer.clip = -1 },
        BadSetting("no tokens per pass") { $0.tokensPerPass = 0 },
        BadSetting("no saving") { $0.saveEvery = 0 },
        BadSetting("validation every 0 steps") { $0.validateEvery = 0 },
    ]

    @Test("settings", arguments: badSettings)
    func settings(_ bad: BadSetting) throws {
        var settings = TrainingSettings.tiny()
        bad.change(&settings)
        let method = try TrainerTests.flat()
        let error = failure(TrainingError.self) {
            _ = try Trainer(method, examples: TinyModel.examples(3, vocabulary: 300), settings: settings)
        }
        guard case .badSetting = try #require(error) else { throw try #require(error) }
        #expect(error?.description.contains("is needed") == true)
    }

    @Test("no examples")
    func noData() throws {
        let method = try TrainerTests.flat()
        let error = failure(TrainingError.self) { _ = try Trainer(method, examples: [], settings: .tiny()) }
        #expect(error == .noData)
    }

    @Test("tokens beyond the vocabulary", arguments: [300, -1] as [Int32])
    func vocabulary(token: Int32) throws {
        let error = try refusal(of: TokenizedExample(tokens: [1, token, 2], targetStart: 1))
        #expect(error == .tokenOutOfVocabulary(token: token, vocabulary: 300))
    }

    @Test("examples longer than the positions that the prefix leaves")
    func length() throws {
        // 40 positions, 3 of them the prefix's.
        let fits = TokenizedExample(tokens: [Int32](repeating: 1, count: 37), targetStart: 1)
        let trainer = try Trainer(try TrainerTests.flat(), examples: [fits], settings: .tiny())
        #expect(try trainer.step().loss.isFinite)
        let error = try refusal(of: TokenizedExample(tokens: [Int32](repeating: 1, count: 38), targetStart: 1))
        #expect(error?.description.contains("38 tokens, but 37") == true, "\(String(describing: error))")
    }

    @Test("examples without a target, or whose target nothing precedes", arguments: [0, -1, 3, 4])
    func targets(start: Int) throws {
        #expect(try refusal(of: TokenizedExample(tokens: [1, 2, 3], targetStart: start)) != nil)
        #expect(try refusal(of: TokenizedExample(tokens: [], targetStart: start)) != nil)
    }

    /// What a trainer says of data whose second example is this one.
    private func refusal(of example: TokenizedExample) throws -> TrainingError? {
        let method = try TrainerTests.flat()
        return failure(TrainingError.self) {
            _ = try Trainer(
                method, examples: TinyModel.examples(1, vocabulary: 300) + [example], settings: .tiny())
        }
    }
}
