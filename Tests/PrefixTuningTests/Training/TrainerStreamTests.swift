import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Testing

/// Training as a stream of steps.
@Suite("Steps as a stream") @Compute struct TrainerStreamTests {
    @Test("the stream takes the steps that a loop takes")
    func allSteps() async throws {
        let model = try TinyModel.worded()
        let expected = try TrainerStateTests.train { try TrainerStateTests.prefixTrainer(model) }
        let trainer = try TrainerStateTests.prefixTrainer(model)
        var steps: [Trainer.Step] = []
        for try await step in trainer.steps() { steps.append(step) }
        #expect(TrainerStateTests.Outcome(trainer, steps) == expected)
        for try await _ in trainer.steps() { Issue.record("a finished run has no more steps") }
    }

    @Test("leaving the loop stops training")
    func leaving() async throws {
        let trainer = try endless()
        for try await step in trainer.steps() where step.number == 3 { break }
        try await expectRest(trainer)
    }

    @Test("cancelling the task that reads stops training")
    func cancellation() async throws {
        let trainer = try endless()
        let reader = Task {
            var count = 0
            for try await _ in trainer.steps() { count += 1 }
            return count
        }
        while trainer.stepCount < 3 { try await Task.sleep(for: .milliseconds(2)) }
        reader.cancel()
        _ = try await reader.value
        try await expectRest(trainer)
    }

    @Test("an error ends the stream")
    func failing() async throws {
        let trainer = try endless()
        trainer.method.parameters[0].value.withMutableValues { $0[0] = .nan }
        await #expect(throws: TrainingError.self) { for try await _ in trainer.steps() {} }
        #expect(trainer.stepCount == 0)
    }

    private func endless() throws -> Trainer {
        var settings = TrainingSettings.tiny()
        settings.duration = .steps(20_000)
        return try Trainer(
            TrainerTests.flat(), examples: TinyModel.examples(3, vocabulary: 300), settings: settings)
    }

    /// The step under way may end; then the count must stand.
    private func expectRest(_ trainer: Trainer) async throws {
        try await Task.sleep(for: .milliseconds(50))
        let count = trainer.stepCount
        try await Task.sleep(for: .milliseconds(50))
        #expect(trainer.stepCount == count && !trainer.isFinished)
    }
}
