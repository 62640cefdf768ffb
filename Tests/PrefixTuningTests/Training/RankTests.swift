import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// A training has the same bits on any number of ranks.
@Suite("Ranks") @Compute struct RankTests {
    /// The methods that add exactly, with dropout where they have it.
    enum Kind: String, CaseIterable, Sendable {
        case prefix, flat, soft, infix, lora, adapter, bart
    }

    @Compute private static func method(_ kind: Kind) throws -> any TuningMethod {
        switch kind {
        case .prefix, .flat, .bart:
            var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: kind == .flat ? nil : 6, dropout: 0.2)
            (settings.modelDropout, settings.attentionDropout) = (0.1, 0.1)
            let model = try kind == .bart ? TinyBART.golden() : TinyModel.worded()
            return try PrefixMethod(model: model, settings: settings, seed: 1)
        case .soft: return try SoftPromptMethod(model: TinyModel.worded(), settings: .init(.prompt), seed: 1)
        case .infix: return try InfixMethod(model: TinyModel.worded(), settings: .init(), seed: 1)
        case .lora, .adapter:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ranks-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            try TinyModel.writeWorded(to: folder)
            if kind == .adapter { return try BottleneckMethod(folder: folder, settings: .init(), seed: 1) }
            var settings = LowRankMethod.Settings()
            settings.dropout = 0.1
            return try LowRankMethod(folder: folder, settings: settings, seed: 1)
        }
    }

    private static func settings() -> TrainingSettings {
        var settings = TrainingSettings.tiny(batch: 7)
        settings.tokensPerPass = 20
        settings.duration = .steps(4)
        return settings
    }

    private static let examples = TinyModel.examples(9, vocabulary: 300)

    private static func examples(_ kind: Kind) -> [TokenizedExample] {
        kind == .bart ? TinyBART.examples(9) : examples
    }

    private static func held(_ kind: Kind) -> [TokenizedExample] {
        kind == .bart ? Array(TinyBART.examples(17).suffix(8)) : TinyModel.examples(8, vocabulary: 300, seed: 5)
    }

    /// What a run comes to: parameters, losses, norms.
    private struct Outcome: Equatable {
        var bits: [[UInt32]], numbers: [Double]
    }

    /// Takes the steps on some ranks, which all must come to the same.
    @Compute private static func run(_ kind: Kind, ranks count: Int, order: [Int]? = nil) throws -> Outcome {
        let group = RehearsedRanks(count, order: order), ranks = (0..<count).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(method(kind), examples: examples(kind), settings: settings(), ranks: $0)
        }
        var numbers: [Double] = []
        while !trainers[0].isFinished {
            let steps = try group.together(ranks) { try trainers[$0].step() }
            #expect(steps.allSatisfy { $0.loss == steps[0].loss && $0.gradientNorm == steps[0].gradientNorm })
            numbers += [steps[0].loss, steps[0].tokenLoss, steps[0].gradientNorm]
        }
        let losses = try group.together(ranks) { try trainers[$0].validationLoss(held(kind), until: { false }) }
        #expect(losses.allSatisfy { $0 == losses[0] })
        let bits = trainers.map(\.method.bits)
        #expect(bits.allSatisfy { $0 == bits[0] })
        return Outcome(bits: bits[0], numbers: numbers + [losses[0] ?? .nan])
    }

    @Test("one, two, three and six ranks come to the same bits", arguments: Kind.allCases)
    func sameBits(kind: Kind) throws {
        let trainer = try Trainer(Self.method(kind), examples: Self.examples(kind), settings: Self.settings())
        var numbers: [Double] = []
        #expect(
            TargetLoss.passes(trainer.draft().rows, tokensPerPass: 20).count > 2, "there must be something to share out"
        )
        trainer.abandon()
        while !trainer.isFinished {
            let step = try trainer.step()
            numbers += [step.loss, step.tokenLoss, step.gradientNorm]
        }
        let alone = Outcome(bits: trainer.method.bits, numbers: numbers + [trainer.validationLoss(Self.held(kind))])
        for count in [1, 2, 3, 6] {
            #expect(try Self.run(kind, ranks: count) == alone, "\(count) ranks")
            #expect(
                try Self.run(kind, ranks: count, order: Array((0..<count).reversed())) == alone, "\(count), reversed")
        }
    }

    @Test("unequal shares, and others from step 30 on, change no bit", arguments: [Kind.flat, .bart])
    func forcedShares(kind: Kind) throws {
        var settings = Self.settings()
        settings.duration = .steps(34)
        let alone = try Trainer(Self.method(kind), examples: Self.examples(kind), settings: settings)
        let group = RehearsedRanks(3), ranks = (0..<3).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(Self.method(kind), examples: Self.examples(kind), settings: settings, ranks: $0)
        }
        var shares: Set<[Int]> = []
        for trainer in trainers {
            // Rank 1 has nothing at first, and nearly all later.
            trainer.sharing = { step, costs, _ in
                let owners = costs.indices.map { step < 30 ? ($0 == 0 ? 2 : 0) : ($0 == 0 ? 0 : 1) }
                shares.insert(Set(owners).sorted())
                return owners
            }
        }
        while !alone.isFinished {
            let expected = try alone.step()
            let found = try group.together(ranks) { try trainers[$0].step() }
            #expect(found.allSatisfy { $0.loss == expected.loss && $0.gradientNorm == expected.gradientNorm })
        }
        #expect(shares.isSuperset(of: [[0, 2], [0, 1]]))
        #expect(trainers.allSatisfy { $0.method.bits == alone.method.bits })
    }

    @Test("fast sums depend on the order of ranks; exact ones do not, of a whole model either")
    func reductions() throws {
        @Compute func bits(_ sums: TrainingSettings.GradientSums?, fineTuning: Bool, order: [Int]) throws -> [[UInt32]]
        {
            var settings = Self.settings()
            (settings.gradientSums, settings.duration) = (sums, .steps(8))
            let group = RehearsedRanks(3, order: order), ranks = (0..<3).map(group.rank)
            return try withTrainingFolder { folder in
                try TinyModel.writeWorded(to: folder)
                let trainers = try ranks.map { rank in
                    try Trainer(
                        fineTuning ? FineTuning(folder: folder, dropout: 0) : Self.method(.flat),
                        examples: Self.examples,
                        settings: settings, ranks: rank)
                }
                #expect(trainers[0].gradientSums == sums ?? (fineTuning ? .fast : .exact))
                while !trainers[0].isFinished { _ = try group.together(ranks) { try trainers[$0].step() } }
                return trainers[0].method.bits
            }
        }
        for fineTuning in [false, true] {
            func same(_ sums: TrainingSettings.GradientSums?) throws -> Bool {
                try bits(sums, fineTuning: fineTuning, order: [0, 1, 2])
                    == bits(sums, fineTuning: fineTuning, order: [2, 1, 0])
            }
            #expect(try same(.exact) && !same(.fast) && same(nil) == !fineTuning)
        }
    }

    @Test("another way of adding is another run")
    func otherReduction() throws {
        try withTrainingFolder { folder in
            var settings = Self.settings()
            let first = try Trainer(Self.method(.flat), examples: Self.examples, settings: settings)
            try first.saveState(to: folder)
            settings.gradientSums = .exact
            let same = try Trainer(Self.method(.flat), examples: Self.examples, settings: settings)
            try same.restoreState(from: folder)
            settings.gradientSums = .fast
            let other = try Trainer(Self.method(.flat), examples: Self.examples, settings: settings)
            let refusal = failure(TrainingError.self) { try other.restoreState(from: folder) }
            #expect(refusal?.description.contains("the sum of gradients was exact, not fast") == true)
        }
    }

    /// Of two ranks the first; the other one says the same.
    private final class Pair: RankGroup {
        let index = 0, count = 2
        func maximum(_ values: [Double]) -> [Double] { values }
        func sum(_ values: UnsafeMutableBufferPointer<Int64>) {}
        func sum(_ values: UnsafeMutableBufferPointer<Float>) {}
    }

    @Test("what is exchanged is a prefix's gradient, not its MLP's: 0.74 MB twice for ten positions of GPT-2 small")
    func exchangedBytes() throws {
        Compute.threads = 1
        // The leaf that a prefix of the paper's length is in GPT-2 small: 12 layers, 768 wide, keys and values.
        let width = 2 * 12 * 768, meter = RankMeter(Pair())
        let leaf = Tensor(Array(repeating: 0, count: 10 * width), shape: [10, width], tape: Tape())
        var gradients = PassGradients(of: [leaf], passes: 4, isExact: true, ranks: meter)
        for _ in 0..<2 {
            leaf.gradient?.add(Tensor(Array(repeating: 1, count: 10 * width), shape: [10, width]))
            gradients.takePass()
        }
        try gradients.finish()
        #expect(meter.bytes == 8 * 10 * width + 8 && meter.bytes <= 2 * 750_000)
        // Of a whole step: three numbers for each pass, besides, and nothing for the MLP.
        let trainer = try Trainer(
            Self.method(.prefix), examples: Self.examples, settings: Self.settings(), ranks: Pair())
        let passes = TargetLoss.passes(trainer.draft().rows, tokensPerPass: 20).count
        trainer.abandon()
        _ = try trainer.step()
        let method = trainer.method
        #expect(trainer.exchangedBytes == 8 * method.storedParameterCount + 8 + 24 * passes)
        #expect(method.trainableParameterCount > 2 * method.storedParameterCount)
        let alone = try Trainer(Self.method(.prefix), examples: Self.examples, settings: Self.settings())
        _ = try alone.step()
        #expect(alone.exchangedBytes == 0)
    }

    @Test("every hundred steps all know where the time of each goes, and who is slow")
    func times() throws {
        var settings = Self.settings()
        (settings.duration, settings.batchSize) = (.steps(101), 3)
        let group = RehearsedRanks(2), ranks = (0..<2).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(Self.method(.flat), examples: Self.examples, settings: settings, ranks: $0)
        }
        while !trainers[0].isFinished {
            _ = try group.together(ranks) { try trainers[$0].step() }
            #expect((trainers[0].rankTimes == nil) == (trainers[0].stepCount < 100))
        }
        let times = try #require(trainers[0].rankTimes)
        #expect(times == trainers[1].rankTimes && times.step == 100 && times.ranks.count == 2)
        #expect(times.ranks.allSatisfy { $0.pass_seconds > 0 && $0.own_seconds > 0 && $0.work > 0 })
        #expect(times.hosts == Array(repeating: ProcessInfo.processInfo.hostName, count: 2))
        let shares = RankLine.lines(times).map(\.share)
        #expect(abs(shares.reduce(0, +) - 1) < 1e-12)

        func rank(_ seconds: Double, _ work: Double) -> RankTimes.Rank { RankTimes.Rank([seconds, 0, 0, 0, work]) }
        func slow(_ ranks: [RankTimes.Rank]) -> Int? {
            RankTimes(step: 100, ranks: ranks, hosts: ranks.indices.map { "host\($0)" }).straggler?.rank
        }
        // Twice the time for twice the work is not slow.
        #expect(slow([rank(2, 200), rank(1, 100), rank(1, 100)]) == nil)
        #expect(slow([rank(1, 100), rank(1.9, 100), rank(1, 100)]) == 1)
        #expect(slow([rank(1, 100), rank(1.6, 100)]) == 1 && slow([rank(1, 100), rank(1.4, 100)]) == nil)
        #expect(slow([rank(1, 100), rank(0, 0)]) == nil)
    }

    @Test("a step of one pass is not rounded, wherever it is computed")
    func onePass() throws {
        var settings = Self.settings()
        settings.tokensPerPass = 100_000
        let alone = try Trainer(Self.method(.prefix), examples: Self.examples, settings: settings)
        let group = RehearsedRanks(3), ranks = (0..<3).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(Self.method(.prefix), examples: Self.examples, settings: settings, ranks: $0)
        }
        while !alone.isFinished {
            _ = try alone.step()
            _ = try group.together(ranks) { try trainers[$0].step() }
        }
        #expect(trainers.allSatisfy { $0.method.bits == alone.method.bits })
    }

    @Test("fine-tuning on ranks is fine-tuning, to rounding")
    func fineTuning() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ranks-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try TinyModel.writeWorded(to: folder)
        let alone = try Trainer(
            FineTuning(folder: folder, dropout: 0), examples: Self.examples, settings: Self.settings())
        let group = RehearsedRanks(2), ranks = (0..<2).map(group.rank)
        let trainers = try ranks.map {
            try Trainer(
                FineTuning(folder: folder, dropout: 0), examples: Self.examples, settings: Self.settings(), ranks: $0)
        }
        let expected = try alone.step(), found = try group.together(ranks) { try trainers[$0].step() }
        #expect(abs(found[0].gradientNorm - expected.gradientNorm) < 1e-5 * expected.gradientNorm)
        #expect(found[0].loss == expected.loss)
        #expect(trainers[0].method.bits == trainers[1].method.bits)
    }

    @Test("a gradient that is not finite on one rank ends the step on all, with the parameters as they were")
    func divergence() throws {
        let group = RehearsedRanks(2), ranks = (0..<2).map(group.rank)
        var settings = Self.settings()
        (settings.learningRate, settings.duration) = (1e38, .steps(50))
        let trainers = try ranks.map {
            try Trainer(Self.method(.flat), examples: Self.examples, settings: settings, ranks: $0)
        }
        var hasEnded = false
        while !hasEnded, !trainers[0].isFinished {
            let before = trainers.map(\.method.bits)
            let diverged = try group.together(ranks) { index in
                do {
                    _ = try trainers[index].step()
                    return false
                } catch is TrainingError {
                    return true
                }
            }
            #expect(diverged[0] == diverged[1])
            hasEnded = diverged[0]
            if hasEnded { #expect(trainers.map(\.method.bits) == before) }
        }
        #expect(hasEnded)
    }

    @Test("launchers are known by what they set, and their libraries come first")
    func launchers() {
        #expect(MPIRanks.launcher([:]) == nil)
        #expect(MPIRanks.launcher(["OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "4"]) == nil)
        #expect(MPIRanks.launcher(["OMPI_COMM_WORLD_SIZE": "2"]) == "mpirun")
        #expect(MPIRanks.launcher(["PMI_SIZE": "2"]) == "mpiexec")
        #expect(MPIRanks.launcher(["PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "4"]) == "srun")
        #expect(MPIRanks.libraries(["PREFIXTUNE_MPI": "/a/libmpi.so"]) == ["/a/libmpi.so"])
        #if os(Linux)
            #expect(MPIRanks.libraries(["PMIX_RANK": "0"]).first == "libmpi.so.40")
            #expect(MPIRanks.libraries(["PMI_SIZE": "2"]).first == "libmpich.so.12")
        #endif
    }

    @Test("passes go to the rank with the least to do, longest first")
    func shares() {
        #expect(PassShares.owners(of: [1, 5, 3, 3], ranks: 2) == [0, 0, 1, 1])
        #expect(PassShares.owners(of: [2, 2], ranks: 4) == [0, 1])
        #expect(PassShares.owners(of: [2, 2, 2], ranks: 1) == [0, 0, 0])
        #expect(PassShares.owners(of: [], ranks: 3).isEmpty)
        #expect(PassShares.use(passes: 18, ranks: 16) == 18.0 / 32)
        #expect(PassShares.use(passes: 16, ranks: 4) == 1)
    }
}
