import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// The promise of live batches, kept by pretrained models.
@Suite("Live batches of real models") @Compute struct LiveBatchRealModelTests {
    nonisolated static let precisions: [WeightPrecision] = [.stored, .float32, .int8, .int4]

    /// Requests of 1 to 150 tokens after prefixes of 0 to 50 positions, alone and together.
    private func check(_ model: LanguageModel, _ name: String) throws {
        let shape = model.network.shape
        let starts = [0, 7, 50].map { $0 == 0 ? [] : [LiveBatchSupport.prefix($0, shape, seed: $0)] }
        let requests = [1, 3, 4, 18, 40, 150, 64, 40].enumerated().map { index, length in
            var options = DecodingOptions(index % 2 == 0 ? .greedy : .sample, maxNewTokens: 6)
            options.logProbabilities = 2
            options.topP = index % 4 == 1 ? 0.9 : 1
            options.seed = UInt64(index)
            let prompt = (0..<length).map { Int32(($0 * 7919 + 100) % shape.vocabularySize) }
            return GenerationRequest(prompt, after: starts[index % 3], options: options, salt: "a", number: index)
        }
        let clock = ContinuousClock(), begin = clock.now
        let isInvariant = model.isBatchInvariant()
        let passed = clock.now - begin
        let limits = LiveBatch.Limits(promptTokens: 48, keyValueRows: 4096, keepsPrompts: true)
        let batch = LiveBatch(model, limits: limits)
        var ids: [Int] = [], told = requests.map { _ in LiveBatchSupport.Told() }, kept = 0
        for round in 0..<2 {
            ids = []
            told = requests.map { _ in LiveBatchSupport.Told() }
            var waiting = requests[...]
            while !waiting.isEmpty || !batch.isEmpty {
                if let next = waiting.popFirst() { ids.append(try batch.join(next)) }
                guard let step = batch.step() else { continue }
                kept += step.begun.reduce(0) { $0 + $1.keptTokens }
                for (index, id) in ids.enumerated() { told[index].add(step, of: id) }
            }
            var same = 0
            for (request, told) in zip(requests, told) {
                same += told == (try LiveBatchSupport.alone(request, model.network)) ? 1 : 0
            }
            print(
                "\(name): \(same) of \(requests.count) alike in round \(round), invariant: \(isInvariant) in \(passed)")
            #expect((same == requests.count) == isInvariant)
        }
        #expect(isInvariant && kept > 200)
    }

    @Test(
        "SmolLM2 135M",
        .enabled(if: RealModels.smolLM2 != nil, Comment(rawValue: RealModels.missing("SmolLM2"))), arguments: precisions
    )
    func smolLM2(precision: WeightPrecision) throws {
        let file = try #require(RealModels.smolLM2)
        try check(LanguageModel.load(GGUFFile(file), precision: precision), "SmolLM2 \(precision)")
    }

    @Test(
        "Gemma 3 270M",
        .enabled(if: RealModels.gemma3 != nil, Comment(rawValue: RealModels.missing("Gemma 3"))),
        arguments: [WeightPrecision.stored, .int8])
    func gemma3(precision: WeightPrecision) throws {
        let file = try #require(RealModels.gemma3)
        try check(LanguageModel.load(GGUFFile(file), precision: precision), "Gemma 3 \(precision)")
    }
}
