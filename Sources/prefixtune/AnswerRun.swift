import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// Answers the sources of a task in common batches, in their order.
@Compute struct AnswerRun {
    /// How answers are chosen.
    var options: DecodingOptions
    /// What was changed to make the prompt fit, for people.
    private(set) var note: String?
    /// What the model is given, one for each example.
    let prompts: [[Int32]]
    private let examples: [Example]
    private let task: TaskKind
    private let loaded: LoadedModel
    private let batchSize: Int?

    /// - Parameters:
    ///   - format: How prompts are made of the examples.
    ///   - fits: Whether a default length of the answer may be shortened to what the model has positions for.
    /// - Throws: ``CommandError`` or `DataError`, naming the file and line of a prompt that is empty or does not fit.
    init(
        _ examples: [Example], task: TaskKind, format: TaskFormat, loaded: LoadedModel, flags: DecodingFlags,
        batchSize: Int?, fits: Bool
    ) throws {
        self.examples = examples
        self.batchSize = batchSize
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
        options.forbiddenSequences += try model.sequences(ofWords: flags.badWords)
        self.options = options
    }

    /// Number of prompts.
    var count: Int { prompts.count }

    /// What the answers depend on but for the model and what adapts it, as text by name.
    func settings() throws -> [String: String] {
        let values = try JSONSerialization.jsonObject(with: JSONEncoder().encode(options)) as? [String: Any] ?? [:]
        var settings = values.mapValues { "\($0)" }, prompts = Fingerprint()
        for (example, tokens) in zip(examples, self.prompts) {
            prompts.add(example.prompt)
            prompts.add("\(tokens)")
        }
        settings["task"] = task.rawValue
        settings["fingerprint of the prompts"] = prompts.text
        return settings
    }

    /// Whether bytes are the line of a prompt.
    ///
    /// - Throws: ``PartialOutputError`` where they are that of another one.
    func isWhole(_ index: Int, _ bytes: Data) throws -> Bool {
        guard let line = try? JSONDecoder().decode(AnswerLine.self, from: bytes), index < count else { return false }
        guard line.prompt == examples[index].prompt else {
            throw PartialOutputError.otherPrompt(
                line: index + 1, found: String(line.prompt.prefix(60)),
                expected: String(examples[index].prompt.prefix(60)))
        }
        return true
    }

    /// Answers the prompts.
    ///
    /// - Parameters:
    ///   - first: Number of the first prompt to be answered.
    ///   - receive: Given the answers in the order of the prompts, each as soon as those before it are there.
    func answers(from first: Int = 0, receive: (AnswerLine) throws -> Void) throws {
        let run = try begin(from: first)
        var waiting: [Int: [(answer: Int, generation: Generation)]] = [:], done: Set<Int> = [], next = 0
        while let step = try run.next() {
            if Interrupt.isRequested { throw CommandError.interrupted }
            for (prompt, answer, generation) in step.finished {
                waiting[prompt, default: []].append((answer, generation))
            }
            done.formUnion(step.answered)
            while done.remove(next) != nil {
                let found = waiting.removeValue(forKey: next)?.sorted { $0.answer < $1.answer } ?? []
                try receive(line(first + next, found.map(\.generation)))
                next += 1
            }
        }
    }

    /// Answers a single prompt.
    ///
    /// - Parameter piece: Given the text as it grows, whole characters at a time.
    func stream(piece: (String) throws -> Void) throws {
        let run = try begin()
        var answer = AnswerText(loaded.model.tokenizer, options: options)
        while let step = try run.next() {
            for (_, _, token) in step.tokens { try piece(answer.append(token)) }
        }
        try piece(answer.finish())
    }

    private func begin(from first: Int = 0) throws -> GenerationRun {
        var limits = GenerationRun.Limits()
        if let batchSize { limits = GenerationRun.Limits(prompts: batchSize, rowsEach: options.width) }
        let rest = Array(prompts[first...])
        return try GenerationRun(
            loaded.model.network, prompts: rest, after: rest.map { _ in loaded.start },
            options: options.continuing(afterPrompts: first), limits: limits, tokenizer: loaded.model.tokenizer)
    }

    /// The answers to an example.
    func line(_ index: Int, _ generations: [Generation]) -> AnswerLine {
        let answers = generations.map {
            AnswerLine.Answer($0, task: task, tokenizer: loaded.model.tokenizer, options: options)
        }
        return AnswerLine(prompt: examples[index].prompt, answers[0], others: Array(answers.dropFirst()))
    }
}
