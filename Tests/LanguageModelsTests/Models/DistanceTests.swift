import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// What T5 and BLOOM add to scores by distance, and T5's gradients, against `transformers` (Tests/Goldens/t5).
@Suite("Distances") @Compute struct DistanceTests {
    struct Golden: Decodable {
        struct Ranges: Decodable {
            var count, farthest: Int
            var is_causal: Bool
            var first_distance: Int
            var ranges: [Int]
        }
        var ranges: [Ranges]
        var slopes: [[Float]]
    }

    @Test("ranges of distances")
    func ranges() throws {
        let golden: Golden = try Fixtures.decode("t5/distances.json")
        for table in golden.ranges {
            let found = table.ranges.indices.map {
                RangedDistances.range(
                    ofDistance: table.first_distance + $0, ranges: table.count, farthest: table.farthest,
                    isCausal: table.is_causal)
            }
            #expect(found == table.ranges, "\(table.count) up to \(table.farthest)")
        }
    }

    @Test("slopes of heads")
    func slopes() throws {
        let golden: Golden = try Fixtures.decode("t5/distances.json")
        for slopes in golden.slopes {
            #expect(relativeError(LinearDistances.slopes(heads: slopes.count), slopes) < 1e-6)
        }
    }

    /// The table of distances, which all blocks share, among them.
    @Test("gradients of all weights", arguments: ["plain", "gated", "mt5"])
    func gradients(name: String) throws {
        let golden = try EncoderDecoderGoldenTests.Golden("t5/\(name)"), tape = Tape()
        let configuration = try ModelConfigurationFile.read(from: golden.folder.appendingPathComponent("config.json"))
        let network = try configuration.network(
            WeightLoader(CheckpointReader(folder: golden.folder), use: .trainable(tape)))
        let model = try #require(network as? any EncoderDecoderModel)
        let sources = golden.cases.sources, targets = golden.cases.targets
        let read = model.encode(TokenBatch(sources), after: sources.map { _ in nil }, dropout: nil)
        let cache = KVCache(
            shape: model.shape, sequences: read.map { .init(after: nil, reading: [$0]) }, keepsTokens: false)
        let start = try #require(model.startToken)
        let hidden = model.hiddenStates(TokenBatch(targets.map { [start] + $0.dropLast() }), cache: cache, dropout: nil)
        let all = Array(targets.joined())
        let loss = crossEntropy(hidden, head: model.head, targets: all, weights: all.map { _ in 1 }).loss
        tape.backward(from: loss)
        let file = try SafetensorsFile(golden.folder.appendingPathComponent("gradients.safetensors"))
        #expect(model.parameters.count == file.names.count)
        for (name, value) in model.parameters {
            let shape = try #require(file.shape(of: name), "no golden \(name)")
            let found = try #require(value.gradient?.value, "no gradient of \(name)").values
            let error = relativeError(found, try CheckpointReader(file).read(name, shape: shape))
            #expect(error < 2e-5, "\(name) differs by \(error)")
        }
    }
}
