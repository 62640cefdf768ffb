import Foundation
import LanguageModels
import Tensors

/// A validation prompt as a trained method answers it, beside what was to be written: a line of `samples.jsonl`.
public struct TrainingSample: Codable, Equatable, Sendable {
    /// What was to be answered.
    public var prompt: String
    /// What the data says of it.
    public var reference: String
    /// What the trained method wrote, by greedy search and cut after some tokens.
    public var text: String
}

extension TrainingSample {
    /// An answer of fewer tokens shows nothing.
    private static let leastTokens = 8

    /// Answers some prompts of validation data, from all of its parts.
    ///
    /// - Parameters:
    ///   - method: As it is now.
    ///   - examples: Read for training: a text each.
    ///   - task: How prompts and texts are joined.
    ///   - format: The task's, or as it was trained with.
    ///   - count: How many prompts at most.
    ///   - newTokens: The largest number of tokens of an answer: bounds the time.
    /// - Returns: None where a prompt leaves no room for an answer.
    /// - Throws: `TokenizerError` or `GenerationError`.
    @Compute public static func samples(
        of method: any TuningMethod, examples: [Example], task: TuningTask, format: TaskFormat, count: Int = 3,
        newTokens: Int = 64
    ) throws -> [TrainingSample] {
        var seen: Set<String> = []
        let distinct = examples.filter { seen.insert($0.prompt).inserted }
        let chosen = (0..<min(count, distinct.count)).map { distinct[$0 * distinct.count / count] }
        var changes = DecodingChanges()
        (changes.strategy, changes.maxNewTokens) = (.greedy, newTokens)
        let model = method.model
        var options = try AnswerOptions(task, for: model, changes: changes)
        let tokenizer = ExampleTokenizer(model, format: format, reservedPositions: method.reservedPositions)
        let positions = model.network.shape.positionCount - method.reservedPositions
        let hasEncoder = model.network.startToken != nil
        let prompts = try chosen.map { try tokenizer.prompt($0) }
        // A decoder-only model answers in the positions that the prompt leaves.
        let fitting = chosen.indices.filter { hasEncoder || prompts[$0].count + leastTokens <= positions }
        if !hasEncoder, let longest = fitting.map({ prompts[$0].count }).max() {
            options.decoding.maxNewTokens = min(newTokens, positions - longest)
            options.decoding.minNewTokens = min(options.decoding.minNewTokens, options.decoding.maxNewTokens)
        }
        let generations = try method.passTape.withoutRecording {
            try Generator(model.network).generate(
                fitting.map { prompts[$0] }, after: method.start(), options: options.decoding)
        }
        return zip(fitting, generations).map { index, generation in
            let example = chosen[index]
            return TrainingSample(
                prompt: example.prompt, reference: example.completion ?? example.references.first ?? "",
                text: options.text(of: generation, model.tokenizer))
        }
    }
}
