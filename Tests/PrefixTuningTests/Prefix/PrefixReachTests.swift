import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// How far a prefix is seen where layers have windows.
@Suite("Reach of a prefix") struct PrefixReachTests {
    private let noun = (one: "text", many: "texts")

    @Test func sentences() throws {
        let reach = try #require(PrefixReach(window: 512, prefixLength: 10))
        #expect(reach.textLength == 502)
        #expect(reach.remark(on: [1, 502], noun) == nil && reach.remark(on: [], noun) == nil)
        let rest =
            " longer than 502 tokens, the model's window of 512 less the prefix of 10: at the end of such texts, layers with "
            + "the window see the prefix in part or not at all"
        #expect(reach.remark(on: [503, 502, 9000], noun) == "2 of 3 texts are\(rest)")
        #expect(reach.remark(on: [503, 1], noun) == "1 of 2 texts is\(rest)")
        #expect(reach.remark(on: [503], noun) == "1 of 1 text is\(rest)")
        #expect(PrefixReach(window: 3, prefixLength: 5)?.textLength == 0)
        #expect(PrefixReach(window: nil, prefixLength: 5) == nil && PrefixReach(window: 3, prefixLength: 0) == nil)
    }

    @Test(
        "windows of those models that have one",
        arguments: [
            ("mistral-window", 8), ("mistral-full-old", nil), ("qwen2-window", 6), ("qwen2-unused-window-old", nil),
            ("qwen3-window-old", 7), ("llama-3", nil), ("gemma3-window", 6), ("gemma3-bare-old", 4),
            ("neox-parallel", nil),
        ])
    func windows(name: String, window: Int?) throws {
        let folder = Fixtures.goldens.appendingPathComponent("architectures/\(name)")
        let read = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        #expect(read.attentionWindow == window)
    }

    /// What changes in the last layer's values of the prefix's first row reaches the last token directly, or not at all.
    @Test("the longest text whose last token sees the whole prefix", arguments: ["mistral-window", "gemma3-window"])
    @Compute func sight(name: String) throws {
        let folder = Fixtures.goldens.appendingPathComponent("architectures/\(name)")
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let network = try configuration.network(
            WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: false)))
        let length = 3, shape = network.shape,
            reach = try #require(
                PrefixReach(window: configuration.attentionWindow, prefixLength: length))
        func last(_ count: Int, _ values: Float) -> [Float] {
            let prefix = Tensor.filled([length, shape.prefixRowWidth]) { 0.1 }
            prefix.withMutableValues { buffer in
                for column in shape.prefixRowWidth - shape.keyWidth..<shape.prefixRowWidth { buffer[column] = values }
            }
            let cache = KVCache(
                shape: shape, sequences: [.init(after: KeyValues(rowsOf: prefix, shape: shape))], keepsTokens: false)
            let batch = TokenBatch([(0..<count).map { Int32(3 + $0) }], wanting: [1])
            return network.hiddenStates(batch, cache: cache, dropout: nil).values
        }
        for count in 1...reach.textLength + 3 {
            #expect((last(count, 0) != last(count, 5)) == (count <= reach.textLength), "\(count) tokens")
        }
    }
}
