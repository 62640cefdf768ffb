import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Memory that is asked for once, set aside, given back, and kept for later prompts.
@Suite("Memory of live batches") @Compute struct LiveBatchMemoryTests {
    private func model() throws -> any CausalModel { try LiveBatchSupport.network("gpt2/tied") }

    private func request(_ length: Int, _ tokens: Int, salt: String? = nil, first: Int32 = 0) -> GenerationRequest {
        GenerationRequest(
            (0..<length).map { (first + Int32($0)) % 64 }, options: DecodingOptions(maxNewTokens: tokens), salt: salt)
    }

    @Test("a request joins where its longest answer has room")
    func admission() throws {
        let batch = LiveBatch(try model(), limits: .init(rows: 3, promptTokens: 32, keyValueRows: 10 * 16 + 15))
        #expect(batch.memory == .init(limit: 160, reserved: 0, used: 0, kept: 0))
        // 20 + 12 rows; the last token is not read.
        let first = try batch.join(request(20, 13))
        #expect(batch.memory.reserved == 32 && batch.memory.used == 0)
        try batch.join(request(20, 14))
        #expect(batch.memory.reserved == 80)
        var wide = request(1, 40)
        wide.options.strategy = .sample
        wide.options.answerCount = 3
        // 1 + 3 · 39 rows in 8 pages, of which 5 are free.
        #expect(batch.room(for: wide) == .later)
        let error = GenerationError.noRoom(index: 0, rows: 128, free: 80)
        #expect(throws: error) { try batch.join(wide) }
        #expect(error.description.contains("128 positions, and 80 are free"))
        wide.options.answerCount = 5
        #expect(batch.room(for: wide) == .never(.noRoom(index: 0, rows: 208, free: 160)))
        #expect(throws: GenerationError.noRoom(index: 0, rows: 208, free: 160)) { try batch.join(wide) }
        // Rows of a step.
        try batch.join(request(1, 2))
        #expect(batch.room(for: request(1, 2)) == .later)
        #expect(throws: GenerationError.noRoom(index: 0, rows: 16, free: nil)) { try batch.join(request(1, 2)) }
        batch.leave(first)
        #expect(batch.room(for: request(1, 2)) == .now && batch.memory.reserved == 64)
        #expect(throws: GenerationError.emptyPrompt(index: 0)) { try batch.join(GenerationRequest([])) }
    }

    @Test("who leaves gives everything back, wherever it stands", arguments: 0...4)
    func leaving(steps: Int) throws {
        let batch = LiveBatch(try model(), limits: .init(rows: 64, promptTokens: 16, keyValueRows: 1600))
        var wide = request(30, 10)
        wide.options.strategy = .beam(width: 4)
        let ids = try [request(30, 10), wide, request(2, 10)].map { try batch.join($0) }
        for _ in 0..<steps { _ = batch.step() }
        for (left, id) in ids.enumerated() {
            batch.leave(id)
            batch.leave(id)  // has left already
            #expect(batch.count == 2 - left && !batch.contains(id))
        }
        #expect(batch.isEmpty && batch.rows == 0 && batch.unreadTokens == 0 && batch.step() == nil)
        #expect(batch.memory == .init(limit: 1600, reserved: 0, used: 0, kept: 0))
    }

    @Test("beams and answers take no more pages than were set aside", arguments: [1, 2, 7, 16, 33])
    func worstCase(tokens: Int) throws {
        let model = try model()
        for strategy in [DecodingOptions.Strategy.beam(width: 5), .sample] {
            var request = request(15, tokens)
            request.options.strategy = strategy
            if strategy == .sample { request.options.answerCount = 5 }
            request.options.lengthPenalty = 3
            // Exactly enough.
            let batch = LiveBatch(
                model, limits: .init(promptTokens: nil, keyValueRows: request.pages(for: model) * 16))
            try batch.join(request)
            var most = 0
            while batch.step() != nil { most = max(most, batch.memory.used) }
            #expect(most <= batch.memory.limit ?? 0 && batch.memory.used == 0)
        }
    }

    /// The tokens that need not be read, and what was said.
    private func run(_ batch: LiveBatch, _ request: GenerationRequest) throws -> (
        kept: Int, told: LiveBatchSupport.Told
    ) {
        let id = try batch.join(request)
        var told = LiveBatchSupport.Told(), kept = 0
        while let step = batch.step() {
            told.add(step, of: id)
            kept += step.begun.first?.keptTokens ?? 0
        }
        return (kept, told)
    }

    @Test("a prompt that begins like one before is read from there on, with the same bits")
    func keeping() throws {
        let model = try model(), shape = model.shape
        let batch = LiveBatch(model, limits: .init(promptTokens: 20, keyValueRows: 1600, keepsPrompts: true))
        var long = request(36, 8, salt: "a")
        long.options.logProbabilities = 3
        let alone = try LiveBatchSupport.alone(long, model)
        let first = try run(batch, long)
        #expect(first.kept == 0 && first.told == alone && batch.memory.kept == 32)
        // Two full pages, and four tokens are left.
        let second = try run(batch, long)
        #expect(second.kept == 32 && second.told == alone)
        long.prompt = Array(long.prompt.prefix(35))
        #expect(try run(batch, long).kept == 16)
        long.prompt = Array(long.prompt.prefix(20)) + [9, 9, 9]
        let third = try run(batch, long)
        #expect(third.kept == 16)
        #expect(third.told == (try LiveBatchSupport.alone(long, model)))
        // What was generated is not kept: the whole of a conversation is read anew behind the last full page of its prompt.
        let said = try #require(alone.answers[0]).tokenIds
        long.prompt = request(36, 1).prompt + said.prefix(4)
        #expect(try run(batch, long).kept == 32)
        // Under another salt, none, another prefix, at another position there is nothing.
        let fresh = request(36, 2, salt: "b")
        #expect(try run(batch, fresh).kept == 0)
        #expect(try run(batch, fresh).kept == 32)
        #expect(try run(batch, request(36, 2)).kept == 0)
        func after(_ starts: InitialKeyValues...) throws -> Int {
            var request = request(36, 2, salt: "a")
            request.starts = starts
            let found = try run(batch, request)
            #expect(found.told == (try LiveBatchSupport.alone(request, model)))
            return found.kept
        }
        let prefix = LiveBatchSupport.prefix(3, shape, seed: 4)
        #expect(try after(prefix) == 0)
        #expect(try after(prefix) == 32)
        // Equal contents, wherever they lie.
        #expect(try after(LiveBatchSupport.prefix(3, shape, seed: 4)) == 32)
        #expect(try after(LiveBatchSupport.prefix(3, shape, seed: 5)) == 0)
        #expect(try after(prefix, prefix) == 0)
        var moved = prefix
        moved.decoder = prefix.decoder.map { KeyValues(layers: $0.layers, rows: $0.rows, positions: 0) }
        #expect(try after(moved) == 0)
        var named = LiveBatchSupport.prefix(3, shape, seed: 6)
        named.contentDigest = prefix.digest
        #expect(named.digest == prefix.digest)
        #expect(try after(LiveBatchSupport.infix(2, shape, seed: 3)) == 0)
        batch.forgetPrompts()
        #expect(batch.memory.used == 0)
    }

    @Test("what is kept makes room for requests, the longest unused first")
    func reclaiming() throws {
        let model = try model()
        let batch = LiveBatch(model, limits: .init(promptTokens: nil, keyValueRows: 8 * 16, keepsPrompts: true))
        for index in 0..<12 {
            let request = request(33, 14, salt: "a", first: Int32(index))
            let (kept, told) = try run(batch, request)
            #expect(kept == 0)
            #expect(told == (try LiveBatchSupport.alone(request, model)))
            #expect(batch.memory.used <= 128 && batch.memory.used == batch.memory.kept)
        }
        // The last is still there, the first is not.
        #expect(try run(batch, request(36, 1, salt: "a", first: 11)).kept == 32)
        #expect(try run(batch, request(36, 1, salt: "a", first: 0)).kept == 0)
    }

    @Test("memory without a limit keeps nothing")
    func nothing() throws {
        let batch = LiveBatch(try model(), limits: .init(promptTokens: nil, keepsPrompts: true))
        #expect(!batch.limits.keepsPrompts)
        #expect(try run(batch, request(36, 1, salt: "a")).kept == 0)
        #expect(try run(batch, request(36, 1, salt: "a")).kept == 0)
        #expect(batch.memory.limit == nil)
    }
}
