import LanguageModels
import PrefixTuning
import Tensors

/// Requests that are answered side by side: what the engine needs of a `LiveBatch`, so that its own tests need no model.
@Compute package protocol AnswerBatch: AnyObject {
    /// Whether nothing is being answered.
    var isEmpty: Bool { get }

    /// Tokens of prompts that a step reads, beside the rows that are answered; at least 16.
    var promptTokens: Int { get set }

    /// Whether a request fits beside those that are there.
    func room(for request: EngineRequest) -> LiveBatch.Room

    /// Takes a request in; it is part of the next step.
    ///
    /// - Throws: `GenerationError`; the others go on.
    func join(_ id: Int, _ request: EngineRequest) throws(GenerationError)

    /// Takes a request out, whether it is answered or not.
    func leave(_ id: Int)

    /// Goes on by one step of all requests.
    func step() -> BatchStep
}

/// What one step brought; requests by the engine's numbers.
package struct BatchStep: Sendable {
    /// Requests whose prompt is now being read, and how many of its tokens need not be.
    package var begun: [(id: Int, keptTokens: Int)] = []
    /// Tokens that are now certain.
    package var tokens: [(id: Int, answer: Int, token: Int32, logProbability: TokenLogProbability?)] = []
    /// Answers that are now complete.
    package var finished: [(id: Int, answer: Int, generation: Generation)] = []
    /// Requests whose last answer is complete; they have left.
    package var answered: [Int] = []
    /// Requests that cannot be answered to their end; they have left.
    package var failed: [(id: Int, error: GenerationError)] = []
    /// Tokens of prompts that were read.
    package var promptTokens = 0
    /// Rows that went on with an answer.
    package var rows = 0

    /// A step that brought nothing.
    package init() {}
}

/// A `LiveBatch` whose requests have the engine's numbers.
@Compute package final class LiveAnswers: AnswerBatch {
    private let batch: LiveBatch
    private var numbers: [LiveBatch.RequestID: Int] = [:]
    private var requests: [Int: LiveBatch.RequestID] = [:]

    /// An empty batch over a model.
    package init(_ model: LanguageModel, limits: LiveBatch.Limits) {
        batch = LiveBatch(model, limits: limits)
    }

    package var isEmpty: Bool { batch.isEmpty }

    package var promptTokens: Int {
        get { batch.promptTokens ?? .max }
        set { batch.promptTokens = newValue }
    }

    package func room(for request: EngineRequest) -> LiveBatch.Room { batch.room(for: Self.generation(request)) }

    package func join(_ id: Int, _ request: EngineRequest) throws(GenerationError) {
        let number = try batch.join(Self.generation(request))
        numbers[number] = id
        requests[id] = number
    }

    private static func generation(_ request: EngineRequest) -> GenerationRequest {
        GenerationRequest(
            request.prompt, after: request.prefixes.map(\.start), options: request.options, salt: request.salt)
    }

    package func leave(_ id: Int) {
        guard let number = requests.removeValue(forKey: id) else { return }
        numbers[number] = nil
        batch.leave(number)
    }

    package func step() -> BatchStep {
        var result = BatchStep()
        guard let step = batch.step() else { return result }
        result.promptTokens = step.promptTokens
        result.rows = step.answerRows
        func id(_ number: LiveBatch.RequestID) -> Int { numbers[number] ?? -1 }
        result.begun = step.begun.map { (id($0.request), $0.keptTokens) }
        result.tokens = step.tokens.map { (id($0.request), $0.answer, $0.token, $0.logProbability) }
        result.finished = step.finished.map { (id($0.request), $0.answer, $0.generation) }
        result.answered = step.answered.map(id)
        result.failed = step.failed.map { (id($0.request), $0.error) }
        for number in step.answered + step.failed.map(\.request) {
            if let id = numbers.removeValue(forKey: number) { requests[id] = nil }
        }
        return result
    }
}
