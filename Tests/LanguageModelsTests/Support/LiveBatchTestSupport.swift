import Foundation
import Tensors
import TestSupport

@testable import LanguageModels

/// Models and requests of all kinds for tests of live batches.
@Compute enum LiveBatchSupport {
    static func network(_ path: String, _ precision: WeightPrecision = .float32) throws -> any CausalModel {
        let folder = Fixtures.goldens.appendingPathComponent(path)
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let use = WeightUse.frozen(differentiable: false, precision: precision)
        return try configuration.network(WeightLoader(CheckpointReader(folder: folder), use: use))
    }

    /// Keys and values of some positions, by a seed.
    static func prefix(_ length: Int, _ shape: ModelShape, seed: Int, as type: CacheType = .float32) -> InitialKeyValues
    {
        var random = SeededGenerator(seed: UInt64(seed))
        func part(_ stack: AttentionStack, shifts: Bool) -> KeyValues {
            let values = (0..<length * stack.prefixRowWidth).map { _ in Float(random.normal()) }
            return KeyValues(
                rowsOf: Tensor(values, shape: [length, stack.prefixRowWidth]), stack: stack, shiftsPositions: shifts,
                as: type)
        }
        guard let encoder = shape.encoder, let cross = shape.stack(.cross) else {
            return InitialKeyValues(decoder: part(shape.decoder, shifts: seed % 3 > 0))
        }
        return InitialKeyValues(
            decoder: part(shape.decoder, shifts: false), encoder: part(encoder, shifts: false),
            cross: part(cross, shifts: false))
    }

    /// Virtual tokens behind a prompt.
    static func infix(_ length: Int, _ shape: ModelShape, seed: Int) -> InitialKeyValues {
        var random = SeededGenerator(seed: UInt64(seed))
        func tensor(_ width: Int) -> Tensor {
            Tensor((0..<length * width).map { _ in Float(random.normal()) }, shape: [length, width])
        }
        return InitialKeyValues(
            afterPrompt: VirtualTokens(embeddings: tensor(shape.width), shift: tensor(shape.prefixRowWidth)))
    }

    /// A request that may ask for anything.
    static func request(_ shape: ModelShape, starts: [InitialKeyValues], number: Int) -> GenerationRequest {
        var random = SeededGenerator(seed: UInt64(number) &+ 77)
        func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        var options = DecodingOptions(maxNewTokens: 1 + below(9), endTokens: below(2) == 0 ? [3] : [])
        switch below(4) {
        case 0: options.strategy = .greedy
        case 1: options.strategy = .beam(width: 2 + below(2))
        default: options.strategy = .sample
        }
        if options.strategy == .sample { options.answerCount = 1 + below(3) }
        options.seed = random.next()
        options.temperature = [0.7, 1, 1.5][below(3)]
        options.topK = [0, 0, 5][below(3)]
        options.topP = [1, 0.8][below(2)]
        options.minP = [0, 0, 0.05][below(3)]
        options.presencePenalty = [0, 0.5][below(2)]
        options.repetitionPenalty = [1, 1.3][below(2)]
        options.logitBias = below(3) == 0 ? [5: 1.5, 7: -3] : [:]
        options.noRepeatNGramSize = [0, 2][below(2)]
        options.logProbabilities = [nil, 0, 3][below(3)]
        // A few prompts that many have in common, with different endings.
        let topic = below(3), length = [1, 2, 3, 4, 5, 9, 17, 20, 23][below(9)]
        let common = (0..<length).map { Int32(($0 * (2 * topic + 3) + topic) % shape.vocabularySize) }
        let own = below(2) == 0 ? [] : (0..<below(4)).map { _ in Int32(below(shape.vocabularySize)) }
        let chosen = (0..<[0, 0, 1, 2][below(4)]).map { _ in starts[below(starts.count)] }
        // Behind an infix there is none.
        if options.strategy == .greedy, below(2) == 0, chosen.allSatisfy({ $0.afterPrompt == nil }) {
            options.strategy = .contrastive(alpha: 0.6, candidates: 2 + below(3))
        }
        return GenerationRequest(common + own, after: chosen, options: options, salt: "a", number: number)
    }

    /// What a request was answered, token by token and as a whole.
    struct Told: Equatable {
        var tokens: [Int: [Int32]] = [:]
        var logProbabilities: [Int: [TokenLogProbability]] = [:]
        var answers: [Int: Generation] = [:]

        mutating func add(_ step: LiveBatch.Step, of request: Int) {
            for token in step.tokens where token.request == request {
                tokens[token.answer, default: []].append(token.token)
                if let known = token.logProbability { logProbabilities[token.answer, default: []].append(known) }
            }
            for (found, answer, generation) in step.finished where found == request { answers[answer] = generation }
        }

        /// Whether the tokens are those of the answers.
        var isConsistent: Bool {
            answers.allSatisfy { answer, generation in
                generation.tokenIds == tokens[answer] ?? []
                    && generation.logProbabilities ?? [] == logProbabilities[answer] ?? []
            }
        }
    }

    /// Alone, its prompt read whole, with nothing kept.
    static func alone(_ request: GenerationRequest, _ model: any CausalModel, as type: CacheType = .float32) throws
        -> Told
    {
        let batch = LiveBatch(model, limits: .init(promptTokens: nil), cacheType: type)
        let id = try batch.join(request)
        var told = Told()
        while let step = batch.step() { told.add(step, of: id) }
        return told
    }
}
