import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What one step computes, reports and refuses.
@Suite("Trainer") @Compute struct TrainerTests {
    @Test("losses of both reductions equal a calculation by hand", arguments: TrainingSettings.Reduction.allCases)
    func reductions(reduction: TrainingSettings.Reduction) throws {
        let examples = TinyModel.examples(5, vocabulary: 300)
        let method = try Self.flat(), start = method.start()
        let losses = examples.map { method.model.losses($0, after: start) }
        let tokens = losses.flatMap { $0 }, sum = tokens.reduce(0, +)
        let trainer = try Trainer(method, examples: examples, settings: .tiny(batch: 5, reduction: reduction))
        let step = try trainer.step()
        let expected = reduction == .sum ? sum / 5 : sum / Double(tokens.count)
        #expect(abs(step.loss - expected) < 1e-5 * expected)
        #expect(abs(step.tokenLoss - sum / Double(tokens.count)) < 1e-5 * expected)
        #expect(step.tokens == examples.reduce(0) { $0 + $1.tokens.count })
        #expect(step.number == 1 && step.epoch == 1 && step.endsEpoch)
        #expect(step.learningRate == 1e-2)
    }

    @Test("the last batch of an epoch is smaller, and averaged over what it has")
    func partialBatch() throws {
        let examples = TinyModel.examples(5, vocabulary: 300)
        let method = try Self.flat()
        var settings = TrainingSettings.tiny(batch: 3)
        (settings.duration, settings.learningRate) = (.epochs(2), 0)
        let trainer = try Trainer(method, examples: examples, settings: settings)
        #expect(trainer.totalSteps == 4)
        let sums = examples.map { method.model.losses($0, after: method.start()).reduce(0, +) }
        let first = (sums[0] + sums[1] + sums[2]) / 3, last = (sums[3] + sums[4]) / 2
        for (index, expected) in [first, last, first, last].enumerated() {
            let step = try trainer.step()
            #expect(abs(step.loss - expected) < 1e-5 * expected)
            #expect(step.endsEpoch == (index % 2 == 1))
            #expect(step.epoch == (index + 1) / 2)
        }
        #expect(trainer.isFinished && trainer.epoch == 2)
    }

    @Test("a batch in several passes gives the gradient of one pass", arguments: [nil, 6], [1, 9, 25])
    func passes(hiddenWidth: Int?, tokensPerPass: Int) throws {
        let examples = TinyModel.examples(7, vocabulary: 300)
        @Compute func gradients(_ tokensPerPass: Int) throws -> [[Float]] {
            let method = try PrefixMethod(
                model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: hiddenWidth, dropout: 0.2), seed: 1)
            var settings = TrainingSettings.tiny(batch: 7)
            (settings.tokensPerPass, settings.optimizer.clip) = (tokensPerPass, 0)
            let trainer = try Trainer(method, examples: examples, settings: settings)
            _ = try trainer.step()
            // After the first step the first moment is 0.1 · gradient.
            return trainer.optimizer.entries.map { $0.first.values }
        }
        let whole = try gradients(100_000), parts = try gradients(tokensPerPass)
        for (found, expected) in zip(parts, whole) { #expect(relativeError(found, expected) < 1e-6) }
        #expect(whole.allSatisfy { $0.contains { $0 != 0 } })
    }

    @Test("clipping divides by the norm of all gradients together, enlarged as PyTorch enlarges it")
    func clipping() throws {
        @Compute func first(clip: Double) throws -> (moments: [Float], norm: Double) {
            let method = try PrefixMethod(
                model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: 6), seed: 1)
            var settings = TrainingSettings.tiny()
            settings.optimizer.clip = clip
            let trainer = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: settings)
            let norm = try trainer.step().gradientNorm
            return (trainer.optimizer.entries.flatMap { $0.first.values }, norm)
        }
        @Compute func norm(_ values: [Float]) -> Double {
            values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        // After the first step the first moment is 0.1 · gradient.
        let free = try first(clip: 0)
        #expect(abs(norm(free.moments) - 0.1 * free.norm) < 1e-6 * free.norm)
        let loose = try first(clip: 2 * free.norm)
        #expect(loose.moments == free.moments && loose.norm == free.norm)
        let tight = try first(clip: 1e-3)
        #expect(tight.norm == free.norm, "the norm that is reported is that before clipping")
        #expect(abs(norm(tight.moments) - 1e-4 * free.norm / (free.norm + 1e-6)) < 1e-4 * 1e-7)
        let scale = Float(1e-3 / free.norm)
        #expect(relativeError(tight.moments, free.moments.map { $0 * scale }) < 1e-5)
    }

    @Test("passes hold every example once, in order, within the limit")
    func passSizes() {
        let examples = TinyModel.examples(40, vocabulary: 300)
        for limit in [1, 8, 11, 30, 10_000] {
            let passes = TargetLoss.passes(examples, tokensPerPass: limit)
            #expect(passes.flatMap { $0 } == examples)
            #expect(passes.allSatisfy { $0.count == 1 || $0.reduce(0) { $0 + $1.tokens.count } <= limit })
            #expect(passes.allSatisfy { !$0.isEmpty })
        }
        #expect(TargetLoss.passes([TokenizedExample](), tokensPerPass: 5).isEmpty)
    }

    @Test("passes are as even as their number allows")
    func evenPasses() {
        func counts(_ lengths: [Int], _ tokensPerPass: Int) -> [Int] {
            let examples = lengths.map { TokenizedExample(tokens: Array(repeating: 1, count: $0), targetStart: 1) }
            return TargetLoss.passes(examples, tokensPerPass: tokensPerPass).map(\.count)
        }
        #expect(counts([50, 50, 50, 50, 50, 10], 200) == [3, 3])
        #expect(counts([10, 50, 50, 50, 50, 50], 200) == [3, 3])
        #expect(counts(Array(repeating: 50, count: 10), 200) == [4, 4, 2])
        #expect(counts([50, 300, 50, 50], 200) == [1, 1, 2])
        #expect(counts([50, 60], 20) == [1, 1])
    }

    @Test("validation loss is the mean over target tokens, without dropout", arguments: [nil, 6])
    func validation(hiddenWidth: Int?) throws {
        let method = try PrefixMethod(
            model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: hiddenWidth, dropout: 0.5), seed: 1)
        let held = TinyModel.examples(9, vocabulary: 300, seed: 8)
        let start = try method.prefix().keyValues(for: method.model.network.shape)
        let losses = held.flatMap { method.model.losses($0, after: start) }
        let expected = losses.reduce(0, +) / Double(losses.count)
        var settings = TrainingSettings.tiny(batch: 2)
        settings.tokensPerPass = 12
        let trainer = try Trainer(method, examples: TinyModel.examples(4, vocabulary: 300), settings: settings)
        let bits = method.bits
        let found = trainer.validationLoss(held)
        #expect(abs(found - expected) < 1e-5 * expected)
        #expect(trainer.validationLoss(held) == found)
        #expect(method.bits == bits)
        #expect(method.parameters.allSatisfy { $0.value.gradient?.value == nil })
    }

    @Test("validation records nothing", arguments: [nil, 6])
    func validationIsNotRecorded(hiddenWidth: Int?) throws {
        let method = try PrefixMethod(
            model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: hiddenWidth), seed: 1)
        let loss = method.passTape.withoutRecording {
            TargetLoss.evaluate(
                TinyModel.examples(3, vocabulary: 300), model: method.model.network, start: method.start(), weight: 1
            ).loss
        }
        #expect(loss.gradient == nil)
        // A run that validates between steps takes the steps of one that does not.
        @Compute func bits(validates: Bool) throws -> [[UInt32]] {
            let method = try PrefixMethod(
                model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: hiddenWidth, dropout: 0.2), seed: 1)
            let trainer = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: .tiny())
            while !trainer.isFinished {
                _ = try trainer.step()
                if validates { _ = trainer.validationLoss(TinyModel.examples(3, vocabulary: 300, seed: 5)) }
            }
            return method.bits
        }
        #expect(try bits(validates: true) == bits(validates: false))
    }

    @Test("divergence stops training and leaves the parameters as they were", arguments: [nil, 6])
    func divergence(hiddenWidth: Int?) throws {
        let method = try PrefixMethod(
            model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: hiddenWidth), seed: 1)
        var settings = TrainingSettings.tiny()
        (settings.learningRate, settings.duration) = (1e38, .steps(50))
        let trainer = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: settings)
        var before = method.bits, thrown: TrainingError?
        while thrown == nil, !trainer.isFinished {
            before = method.bits
            thrown = failure(TrainingError.self) { _ = try trainer.step() }
        }
        guard case .diverged(let step, _, _, let rate, _) = try #require(thrown) else {
            Issue.record("\(String(describing: thrown))")
            return
        }
        #expect(step == trainer.stepCount + 1 && rate == 1e38)
        #expect(thrown?.description.contains("training diverged at step \(step)") == true)
        #expect(method.bits == before)
        #expect(method.parameters.allSatisfy { $0.value.gradient?.value == nil })
    }

    @Test("a parameter that is no number stops training at once")
    func notANumber() throws {
        let method = try Self.flat()
        method.parameters[0].value.withMutableValues { $0[5] = .nan }
        let trainer = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: .tiny())
        let error = try #require(failure(TrainingError.self) { _ = try trainer.step() })
        guard case .diverged(step: 1, _, _, _, _) = error else { throw error }
        #expect(trainer.stepCount == 0)
    }

    static func flat() throws -> PrefixMethod {
        try PrefixMethod(model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: nil), seed: 1)
    }
}

extension TrainingSettings {
    /// A few steps for tiny models, in the order of the data.
    static func tiny(batch: Int = 2, reduction: Reduction = .sum) -> Self {
        var settings = Self()
        (settings.duration, settings.batchSize, settings.reduction) = (.steps(7), batch, reduction)
        (settings.learningRate, settings.schedule, settings.shuffles) = (1e-2, .constant, false)
        return settings
    }
}
