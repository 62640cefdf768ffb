import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// The exchange of a step by itself, and what it takes on paper.
@Suite("Rank exchange") @Compute struct RankExchangeTests {
    @Test("what is exchanged is what a step exchanges", arguments: TrainingSettings.GradientSums.allCases)
    func asInTraining(sums: TrainingSettings.GradientSums) throws {
        var prefix = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: 6)
        prefix.dropout = 0
        let model = try TinyModel.worded()
        let counts = RankExchange.counts(of: try PrefixMethod(model: model, settings: prefix, seed: 1))
        #expect(counts == [3 * model.network.shape.prefixRowWidth])

        var settings = TrainingSettings.tiny(batch: 3)
        (settings.gradientSums, settings.tokensPerPass, settings.shuffles) = (sums, 1, false)
        let group = RehearsedRanks(3), ranks = (0..<3).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(
                PrefixMethod(model: model, settings: prefix, seed: 1), examples: TinyModel.examples(3, vocabulary: 300),
                settings: settings, ranks: $0)
        }
        _ = try group.together(ranks) { try trainers[$0].step() }
        let results = try group.together(ranks) { index in
            try RankExchange(of: counts, rounds: 2, on: ranks[index]).measure(sums)
        }
        for (result, trainer) in zip(results, trainers) {
            #expect(result.bytes == trainer.exchangedBytes)
            #expect(result.parts == [3 * 3 * 8, 8, (sums == .exact ? 8 : 4) * counts[0]])
            #expect(result.seconds.count == 2 && result.seconds.allSatisfy { $0 > 0 })
        }
    }

    @Test("ranks with other sizes are told apart")
    func others() throws {
        let group = RehearsedRanks(2), ranks = (0..<2).map(group.rank)
        let problems = try group.together(ranks) { index -> String in
            do {
                _ = try RankExchange(of: [5 + index], rounds: 1, on: ranks[index])
                return ""
            } catch let error as RankError { return "\(error)" }
        }
        #expect(problems.allSatisfy { $0.contains("the number of values is [5] on rank 0, and [6] on rank 1") })
    }

    /// The table of the design: 184,320 integers of 64 bits, α of 50 µs.
    @Test(
        "what a prefix of GPT-2 small takes on paper",
        arguments: [
            (2, 1e9, 12.6), (8, 1e9, 22.2), (64, 1e9, 25.2), (1000, 1e9, 26.0), (2, 1e10, 1.3), (8, 1e10, 2.5),
            (64, 1e10, 3.1), (1000, 1e10, 3.5),
        ])
    func onPaper(ranks: Int, bandwidth: Double, milliseconds: Double) {
        let model = AllReduceModel(bandwidth: bandwidth)
        #expect(abs(model.seconds(bytes: 8 * 184_320, ranks: ranks) * 1e3 - milliseconds) < 0.1)
    }

    @Test("one process sends nothing, two send all once")
    func few() {
        #expect(AllReduceModel.wireBytes(1000, ranks: 1) == 0)
        #expect(AllReduceModel.wireBytes(1000, ranks: 2) == 1000)
        #expect(AllReduceModel.wireBytes(1000, ranks: 4) == 1500)
        #expect(AllReduceModel(bandwidth: 1e9).seconds(bytes: 1000, ranks: 1) == 0)
        let result = RankExchange.Result(sums: .exact, parts: [48, 8, 800], seconds: [3, 1, 2])
        #expect(result.median == 2 && result.bytes == 856 && result.wireBytes(ranks: 2) == 856)
        // Three all-reduces between two ranks: six messages one after the other.
        #expect(abs(result.seconds(by: AllReduceModel(bandwidth: 1e30), ranks: 2) - 300e-6) < 1e-12)
    }
}
