import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Requests that come, go and differ: each has the bits that it has alone.
@Suite("Live batches") @Compute struct LiveBatchTests {
    nonisolated static let models = [
        "gpt2/tied", "architectures/llama-3", "architectures/mistral-window", "architectures/gemma3-window",
        "architectures/bloom-tied",
    ]
    nonisolated static let precisions: [WeightPrecision] = [.float32, .int8, .int4]

    /// Lets 72 requests come and go, some of which are cancelled, and compares the others with themselves alone.
    private func check(
        _ model: any CausalModel, _ requests: [GenerationRequest], limits: LiveBatch.Limits,
        as type: CacheType = .float32,
        seed: UInt64 = 9, _ name: String
    ) throws {
        var random = SeededGenerator(seed: seed)
        let batch = LiveBatch(model, limits: limits, cacheType: type)
        var waiting = requests[...], ids: [Int: Int] = [:], told: [Int: LiveBatchSupport.Told] = [:]
        var cancelled: Set<Int> = [], most = 0, kept = 0
        while !waiting.isEmpty || !batch.isEmpty {
            // All at once in the beginning, later now and then.
            while let next = waiting.first, batch.room(for: next) == .now, ids.count < 50 || random.next() % 3 == 0 {
                ids[try batch.join(next)] = requests.count - waiting.count
                waiting = waiting.dropFirst()
            }
            if random.next() % 3 == 0,
                let victim = ids.keys.filter(batch.contains).sorted().randomElement(using: &random),
                (ids[victim] ?? 0) % 4 == 0
            {
                batch.leave(victim)
                cancelled.insert(victim)
                #expect(!batch.contains(victim))
            }
            most = max(most, batch.rows)
            guard let step = batch.step() else { continue }
            kept += step.begun.reduce(0) { $0 + $1.keptTokens }
            #expect(step.failed.isEmpty)
            #expect(step.promptTokens <= limits.promptTokens ?? .max && step.answerRows <= limits.rows)
            let speaking = Set(step.tokens.map(\.request)).union(step.finished.map(\.request))
            #expect(speaking.isDisjoint(with: cancelled))
            for id in speaking { told[id, default: .init()].add(step, of: id) }
        }
        for (id, index) in ids where !cancelled.contains(id) {
            let alone = try LiveBatchSupport.alone(requests[index], model, as: type)
            #expect(told[id] == alone, "\(name): request \(index), \(requests[index].prompt.count) tokens")
            #expect(alone.isConsistent && alone.answers.count == requests[index].options.answerCount)
        }
        // Nothing is left but what is kept of prompts.
        let memory = batch.memory
        #expect(memory.reserved == 0 && memory.used == memory.kept)
        batch.forgetPrompts()
        #expect(batch.memory.used == 0 && batch.cache.sequences.isEmpty)
        print(
            "\(name): \(requests.count) requests, \(cancelled.count) cancelled, up to \(most) rows, \(kept) tokens kept"
        )
        #expect(cancelled.count > 1 && most > 40)
        if limits.keepsPrompts { #expect(kept > 0) }
    }

    private func requests(_ model: any CausalModel, count: Int = 72, as type: CacheType = .float32)
        -> [GenerationRequest]
    {
        let shape = model.shape
        let starts = (0..<6).map { LiveBatchSupport.prefix(1 + 2 * ($0 % 4), shape, seed: $0, as: type) }
        let infix = shape.encoder == nil ? [LiveBatchSupport.infix(2, shape, seed: 8)] : []
        return (0..<count).map { LiveBatchSupport.request(shape, starts: starts + infix, number: $0) }
    }

    @Test("the same bits alone and among up to 63 others that come and go", arguments: models, precisions)
    func promise(path: String, precision: WeightPrecision) throws {
        let model = try LiveBatchSupport.network(path, precision)
        try check(
            model, requests(model), limits: .init(rows: 64, promptTokens: 32, keyValueRows: 2048, keepsPrompts: true),
            "\(path) \(precision)")
    }

    @Test("in small parts, without a limit of memory, in 16 bits", arguments: [16, 21, 50], CacheType.allCases)
    func parts(tokens: Int, type: CacheType) throws {
        let model = try LiveBatchSupport.network("gpt2/tied")
        try check(
            model, requests(model, as: type), limits: .init(rows: 48, promptTokens: tokens), as: type, seed: 10,
            "parts of \(tokens), \(type)")
    }

    @Test("encoder–decoder models", arguments: EncoderDecoderGoldenTests.models)
    func encoderDecoder(name: String) throws {
        let model = try LiveBatchSupport.network(name)
        try check(model, requests(model), limits: .init(rows: 64, promptTokens: 32, keyValueRows: 4096), name)
    }

    @Test("neither now nor later a part of fewer than 4 tokens")
    func cutting() {
        for unread in 1...300 {
            for budget in [0, 1, 3, 4, 5, 7, 8, 16, 17, 100, 128] {
                let part = LiveBatch.part(of: unread, within: budget)
                #expect(part <= budget && part <= unread)
                if part == unread || part == 0 { continue }
                #expect(part >= 4 && unread - part >= 4)
            }
            // Whatever the budget of a batch, something is read.
            #expect((16...40).allSatisfy { LiveBatch.part(of: unread, within: $0) > 0 })
        }
    }

    @Test("a request whose scores are no numbers leaves alone")
    func notFinite() throws {
        let model = try LiveBatchSupport.network("gpt2/tied"), shape = model.shape
        let nan = Tensor([Float](repeating: .nan, count: 3 * shape.prefixRowWidth), shape: [3, shape.prefixRowWidth])
        let damaged = InitialKeyValues(decoder: KeyValues(rowsOf: nan, shape: shape))
        let batch = LiveBatch(model, limits: .init(rows: 64, promptTokens: 16, keyValueRows: 1024, keepsPrompts: true))
        let prompt = (0..<20).map(Int32.init), options = DecodingOptions(maxNewTokens: 5)
        var told: [Int: LiveBatchSupport.Told] = [:], failed: [Int] = []
        for index in 0..<6 {
            let start = index % 3 == 1 ? [damaged] : []
            try batch.join(GenerationRequest(prompt, after: start, options: options, salt: "a", number: index))
        }
        while let step = batch.step() {
            for (id, error) in step.failed {
                failed.append(id)
                #expect(error == .notFinite(index: id))
            }
            for id in Set(step.tokens.map(\.request)) { told[id, default: .init()].add(step, of: id) }
        }
        #expect(failed.sorted() == [1, 4])
        let alone = try LiveBatchSupport.alone(GenerationRequest(prompt, options: options), model)
        #expect(told.count == 4 && told.values.allSatisfy { $0 == alone })
        // What was no number is not kept.
        #expect(batch.memory.kept == 16 && batch.memory.used == 16)
    }

    @Test("the seed and the number of an answer fix its draws, whoever asks beside it")
    func draws() throws {
        let model = try LiveBatchSupport.network("gpt2/tied")
        var options = DecodingOptions(.sample, maxNewTokens: 12)
        options.seed = 5
        let one = try LiveBatchSupport.alone(GenerationRequest([1, 2, 3], options: options), model)
        options.answerCount = 3
        let three = try LiveBatchSupport.alone(GenerationRequest([1, 2, 3], options: options, number: 9), model)
        #expect(three.answers[0] == one.answers[0] && three.answers.count == 3)
        #expect(Set(three.answers.values.map(\.tokenIds)).count == 3)
        options.seed = 6
        #expect(try LiveBatchSupport.alone(GenerationRequest([1, 2, 3], options: options), model) != three)
    }

    @Test("whether a model is invariant is found by trying", arguments: models + ["bart/scaled"], precisions)
    func invariance(path: String, precision: WeightPrecision) throws {
        let model = try LiveBatchSupport.network(path, precision)
        #expect(model.isBatchInvariant())
        if model.startToken == nil { #expect(!Moody(model).isBatchInvariant()) }
    }

    @Test("long texts that are turned by their length, in parts", arguments: ["neox-dynamic", "neox-longrope"])
    func length(name: String) throws {
        let area = Fixtures.goldens.appendingPathComponent("rotary")
        let data = try Data(contentsOf: area.appendingPathComponent("cases.json"))
        let cases = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let written = try #require((cases["configurations"] as? [String: [String: Any]])?[name])
        let configuration = try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try JSONSerialization.data(withJSONObject: written).write(to: url)
            return try ModelConfigurationFile.read(from: url)
        }
        let weights = try SafetensorsFile(area.appendingPathComponent("gpt_neox.safetensors"))
        let model = try configuration.network(
            WeightLoader(CheckpointReader(weights), use: .frozen(differentiable: false)))
        #expect(model.dependsOnLength)
        var options = DecodingOptions(maxNewTokens: 4)
        options.logProbabilities = 2
        let longest = model.shape.positionCount - 3
        for length in [10, longest - 8, longest] {
            let prompt = (0..<length).map { Int32($0 * 7 % model.shape.vocabularySize) }
            let request = GenerationRequest(prompt, options: options)
            let batch = LiveBatch(model, limits: .init(promptTokens: 16))
            let id = try batch.join(request)
            var told = LiveBatchSupport.Told()
            while let step = batch.step() { told.add(step, of: id) }
            #expect(told == (try LiveBatchSupport.alone(request, model)))
        }
    }
}

/// A model that is another one in batches of nine rows.
private final class Moody: CausalModel {
    private let model: any CausalModel

    init(_ model: any CausalModel) { self.model = model }

    var shape: ModelShape { model.shape }
    var head: any LinearMap { model.head }
    var parameters: [(name: String, value: Tensor)] { [] }

    func embeddings(of tokens: [Int32]) -> Tensor { model.embeddings(of: tokens) }

    func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let states = model.hiddenStates(batch, cache: cache, dropout: dropout)
        return batch.rowCount == 9 ? states.scaled(by: 1 + 1e-6) : states
    }
}
