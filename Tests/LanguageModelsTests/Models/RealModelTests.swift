import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Real pretrained models, from GGUF files, against what `transformers` makes of the same files.
@Suite("Real models") struct RealModelTests {
    @Compute private func check(_ url: URL, golden name: String) throws {
        let golden = try SafetensorsFile(Fixtures.goldens.appendingPathComponent("real-models/\(name).safetensors"))
        let model = try LanguageModel.load(GGUFFile(url))
        var worst: Float = 0, count = 0
        for index in 0..<20 {
            let ids = try Self.ids(golden, "ids.\(index)"), expected = try golden.floats("logprobs.\(index)")
            worst = max(worst, greatestDifference(logProbabilities(model, ids, after: nil), expected))
            count += expected.count
        }
        print("\(name): log-probabilities of \(count) tokens differ by \(worst)")
        #expect(worst < 1e-4)
        guard golden.shape(of: "ids.long") != nil else { return }
        let ids = try Self.ids(golden, "ids.long"), shape = model.network.shape
        let rows = 4, width = shape.prefixRowWidth
        let prefix = Tensor(
            (0..<rows * width).map { Float(sin(Double($0) * 0.7310585786300049 + 0.1)) }, shape: [rows, width])
        let bare = logProbabilities(model, ids, after: nil)
        let after = logProbabilities(model, ids, after: KeyValues(rowsOf: prefix, shape: shape))
        let errors = (
            greatestDifference(bare, try golden.floats("logprobs.long.bare")),
            greatestDifference(after, try golden.floats("logprobs.long"))
        )
        print("\(name): of a text of \(ids.count) tokens by \(errors.0), after a prefix by \(errors.1)")
        #expect(errors.0 < 1e-4 && errors.1 < 1e-4)
        // The prefix does something, also beyond the window of most layers.
        #expect(greatestDifference(Array(bare.suffix(50)), Array(after.suffix(50))) > 1e-3)
    }

    private static func ids(_ golden: SafetensorsFile, _ name: String) throws -> [Int32] {
        let count = try #require(golden.shape(of: name)).reduce(1, *)
        return try [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            try golden.copyBytes(name, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// Of each token but the first.
    @Compute private func logProbabilities(
        _ model: LanguageModel, _ ids: [Int32], after prefix: KeyValues?
    ) -> [Float] {
        let cache = KVCache(shape: model.network.shape, sequences: [.init(after: prefix)], keepsTokens: false)
        let states = model.network.hiddenStates(TokenBatch([ids]), cache: cache, dropout: nil)
        let logits = model.network.head(states), width = logits.width, values = logits.values
        return ids.indices.dropFirst().map { index in
            let row = values[(index - 1) * width..<index * width]
            let greatest = row.max() ?? 0
            let sum = row.reduce(0.0) { $0 + exp(Double($1 - greatest)) }
            return Float(Double(row[row.startIndex + Int(ids[index])] - greatest) - log(sum))
        }
    }

    private func greatestDifference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    @Test(
        "SmolLM2 135M", .enabled(if: RealModels.smolLM2 != nil, "\(RealModels.missing("SmolLM2"))"))
    @Compute func smolLM2() throws { try check(#require(RealModels.smolLM2), golden: "smollm2") }

    @Test("Gemma 3 270M", .enabled(if: RealModels.gemma3 != nil, "\(RealModels.missing("Gemma 3"))"))
    @Compute func gemma3() throws { try check(#require(RealModels.gemma3), golden: "gemma3") }
}
