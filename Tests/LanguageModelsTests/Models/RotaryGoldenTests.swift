import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Rotary positions under every kind of scaling, in the spellings of old files and new ones, against `transformers` in
/// float64 (Tests/Goldens/rotary).
@Suite("Rotary positions against transformers") @Compute struct RotaryGoldenTests {
    private struct Model {
        let network: any CausalModel
        let sequences: [[Int32]]
        let first: Int
        let golden: SafetensorsFile
        let prefix: Tensor

        func tensor(_ name: String) throws -> [Float] { try golden.floats(name) }
    }

    nonisolated static let names = [
        "partial-ignored", "partial-inside-ignored", "partial-ignored-qwen2", "linear", "scaling-before-parameters",
        "dynamic", "dynamic-new", "yarn", "yarn-new", "yarn-stated-factor", "longrope", "longrope-new",
        "longrope-stated-factor", "llama3", "llama3-beside", "neox-keys", "neox-dynamic", "neox-yarn", "neox-longrope",
    ]

    private func model(_ name: String) throws -> Model {
        let area = Fixtures.goldens.appendingPathComponent("rotary")
        let data = try Data(contentsOf: area.appendingPathComponent("cases.json"))
        let cases = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let all = try #require(cases["configurations"] as? [String: [String: Any]])
        #expect(Set(all.keys) == Set(Self.names))
        let written = try #require(all[name]), kind = try #require(written["model_type"] as? String)
        let configuration = try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try JSONSerialization.data(withJSONObject: written).write(to: url)
            return try ModelConfigurationFile.read(from: url)
        }
        let weights = try SafetensorsFile(area.appendingPathComponent("\(kind).safetensors"))
        let golden = try SafetensorsFile(area.appendingPathComponent("golden.safetensors"))
        let shape = try #require(golden.shape(of: "prefix.\(kind)"))
        return Model(
            network: try configuration.network(
                WeightLoader(CheckpointReader(weights), use: .frozen(differentiable: false))),
            sequences: try #require(cases["sequences"] as? [[Int]]).map { $0.map(Int32.init) },
            first: try #require(cases["first"] as? Int), golden: golden,
            prefix: Tensor(try golden.floats("prefix.\(kind)"), shape: shape))
    }

    /// Sequences below and beyond the original length, in one batch: each is turned by its own length.
    @Test("logits of sequences of several lengths in one batch", arguments: names, [false, true])
    func logits(name: String, afterPrefix: Bool) throws {
        let model = try model(name), shape = model.network.shape
        let start = afterPrefix ? KeyValues(rowsOf: model.prefix, shape: shape) : nil
        let batch = TokenBatch(model.sequences)
        let cache = KVCache(
            shape: shape, sequences: model.sequences.map { _ in .init(after: start) }, keepsTokens: false)
        let logits = model.network.head(model.network.hiddenStates(batch, cache: cache, dropout: nil))
        for (index, range) in batch.ranges.enumerated() {
            let width = logits.width, found = logits.values[range.lowerBound * width..<range.upperBound * width]
            let expected = try model.tensor("\(name).\(afterPrefix ? "prefix." : "")\(index)")
            #expect(isNear(relativeError(Array(found), expected), "logits of sequence \(index)", name))
        }
    }

    /// Keys that are cached stay as they were turned, as in transformers.
    @Test("token by token", arguments: names)
    func steps(name: String) throws {
        let model = try model(name), sequence = try #require(model.sequences.last)
        let cache = KVCache(shape: model.network.shape, sequences: [.init()], keepsTokens: true)
        var logits: [Float] = []
        for part in [Array(sequence[..<model.first])] + sequence[model.first...].map({ [$0] }) {
            logits +=
                model.network.head(model.network.hiddenStates(TokenBatch([part]), cache: cache, dropout: nil)).values
        }
        #expect(isNear(relativeError(logits, try model.tensor("\(name).steps")), "logits token by token", name))
    }

    @Test("a stretched model has room for the texts that it is stretched to")
    func reach() throws {
        #expect(try model("dynamic").network.shape.positionCount == 32)
        #expect(try model("yarn").network.shape.positionCount == 256)
        #expect(try model("linear").network.shape.positionCount == 32)
        #expect(try model("longrope").network.shape.positionCount == 32)
    }
}
