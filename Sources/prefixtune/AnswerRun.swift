import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// Answers the sources of a task in common batches, in their order.
@Compute struct AnswerRun {
    /// A line of the output.
    struct Answer: Encodable {
        let prompt: String
        let text: String
        let token_ids: [Int32]
    }

    /// How answers are chosen.
    let options: DecodingOptions
    /// What was changed to make the prompt fit, for people.
    private(set) var note: String?
    /// What the model is given, one for each example.
    let prompts: [[Int32]]
    private let examples: [Example]
    private let task: TaskKind
    private let loaded: LoadedModel
    private let limits: GenerationRun.Limits

    /// - Parameters:
    ///   - format: How prompts are made of the examples.
    ///   - fits: Whether a default length of the answer may be shortened to what the model has positions for.
    /// - Throws: ``CommandError`` or `DataError`, naming the file and line of a prompt that is empty or does not fit.
    init(
        _ examples: [Example], task: TaskKind, format: TaskFormat, loaded: LoadedModel, flags: DecodingFlags,
        batchSize: Int?, fits: Bool
    ) throws {
        self.examples = examples
        self.task = task
        self.loaded = loaded
        let model = loaded.model
        let hasEncoder = model.network.startToken != nil
        let reserved = model.network.shape.positionCount - loaded.positions
        let tokenizer = ExampleTokenizer(model, format: format, reservedPositions: reserved)
        prompts = try examples.map { try tokenizer.prompt($0) }
        if !hasEncoder, flags.maxLength != nil || flags.minLength != nil {
            throw CommandError.lengthWithPrompt(architecture: model.configuration.architecture)
        }
        let vocabulary = model.network.shape.vocabularySize
        for token in flags.forbidIds where !(0..<vocabulary).contains(Int(token)) {
            throw GenerationError.unknownToken(token, place: "--forbid-ids", vocabularySize: vocabulary)
        }
        // GPT-2 has these as tokens 198 and 628.
        let lineBreaks = ["Ċ", "ĊĊ"].compactMap { model.tokenizer.id(of: $0) }
        var options = flags.options(for: task, conventions: model.conventions, lineBreaks: lineBreaks)
        // The decoder of an encoder–decoder model begins with one token, whatever the prompt.
        func length(_ prompt: [Int32]) -> Int { hasEncoder ? 1 : prompt.count }
        let room = loaded.positions - (prompts.map(length).max() ?? 0) + 1
        if fits, flags.maxNewTokens == nil, room < options.maxNewTokens, room > 0 {
            options.maxNewTokens = room
            options.minNewTokens = min(options.minNewTokens, room)
            note = "at most \(room) new tokens fit after this prompt"
        }
        for (example, prompt) in zip(examples, prompts)
        where length(prompt) + options.maxNewTokens - 1 > loaded.positions {
            throw CommandError.promptTooLong(
                example.location, tokens: length(prompt), newTokens: options.maxNewTokens, positions: loaded.positions)
        }
        self.options = options
        var limits = GenerationRun.Limits()
        if let batchSize {
            let beams = if case .beam(let width) = options.strategy { width } else { 1 }
            limits.rows = batchSize * beams
        }
        self.limits = limits
    }

    /// Number of answers to come.
    var count: Int { prompts.count }

    /// Answers all prompts.
    ///
    /// - Parameter receive: Given the answers in the order of the prompts, each as soon as those before it are there.
    func answers(receive: (Answer) throws -> Void) throws {
        let run = try begin()
        var waiting: [Int: Generation] = [:], next = 0
        while let step = try run.next() {
            if Interrupt.isRequested { throw CommandError.interrupted }
            for (prompt, _, generation) in step.finished { waiting[prompt] = generation }
            while let generation = waiting.removeValue(forKey: next) {
                try receive(answer(next, generation))
                next += 1
            }
        }
    }

    /// Answers a single prompt.
    ///
    /// - Parameter piece: Given the text as it grows, whole characters at a time.
    func stream(piece: (String) throws -> Void) throws {
        let run = try begin()
        var decoder = loaded.model.tokenizer.streamingDecoder(skippingSpecialTokens: true)
        while let step = try run.next() {
            if Interrupt.isRequested { throw CommandError.interrupted }
            for (_, _, token) in step.tokens where !options.endTokens.contains(token) { try piece(decoder.append(token)) }
        }
        try piece(decoder.finish())
    }

    private func begin() throws -> GenerationRun {
        try GenerationRun(
            loaded.model.network, prompts: prompts, after: prompts.map { _ in loaded.start }, options: options,
            limits: limits)
    }

    /// The answer to an example.
    func answer(_ index: Int, _ generation: Generation) -> Answer {
        let text = generation.finishReason == .endToken ? generation.tokenIds.dropLast() : generation.tokenIds[...]
        return Answer(
            prompt: examples[index].prompt,
            text: task.text(
                ofAnswer: loaded.model.tokenizer.decode(text, skippingSpecialTokens: true)),
            token_ids: generation.tokenIds)
    }
}
