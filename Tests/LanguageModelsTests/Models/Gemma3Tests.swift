import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// What Gemma 3's configuration reads and refuses, and what its goldens do not reach.
@Suite("Gemma 3") @Compute struct Gemma3Tests {
    private static let folder = Fixtures.goldens.appendingPathComponent("architectures/gemma3-window")

    private func configuration(_ entries: String) throws -> Gemma3Configuration {
        try Gemma3Configuration(ConfigurationReader(Data("{\(entries)}".utf8), file: "config.json"))
    }

    @Test("a file that says nothing is what transformers takes it for")
    func defaults() throws {
        let read = try configuration("")
        #expect(read.isLocal == (1...26).map { $0 % 6 != 0 })
        #expect(read.attentionWindow == 4096 && read.window(ofLayer: 4) == 4096 && read.window(ofLayer: 5) == nil)
        #expect(read.attentionScale == 1 / 16 && read.tiesWordEmbeddings && read.activation == .geluTanh)
        #expect(
            (read.width, read.headCount, read.keyHeadCount, read.headWidth, read.innerWidth) == (2304, 8, 4, 256, 9216))
        #expect(
            (read.positionCount, read.vocabularySize, read.endTokens, read.beginToken) == (131_072, 262_208, [1], 2))
        #expect(read.globalRotary.frequencies[1] == 1 / powf(1_000_000, 2.0 / 256))
        #expect(read.localRotary.frequencies[1] == 1 / powf(10_000, 2.0 / 256))
    }

    @Test("bases inside of the objects, beside them, and for the global layers alone")
    func rotations() throws {
        func bases(_ entries: String) throws -> [Double] {
            let read = try configuration("\"head_dim\": 4, \(entries)")
            return [read.globalRotary, read.localRotary].map {
                (1 / Double($0.frequencies[1] * $0.frequencies[1])).rounded()
            }
        }
        #expect(
            try bases(
                #""rope_parameters": {"full_attention": {"rope_theta": 400}, "sliding_attention": {"rope_theta": 900}}"#
            )
                == [400, 900])
        #expect(
            try bases(
                #""rope_parameters": {"full_attention": null, "sliding_attention": {}}, "rope_theta": 400, "rope_local_base_freq": 100"#
            ) == [400, 100])
        #expect(
            try bases(#""rope_scaling": {"rope_type": "linear", "factor": 2}, "rope_theta": 100"#) == [400, 10_000])
        #expect(try configuration(#""sliding_window_pattern": 1"#).attentionWindow == nil)
    }

    @Test(
        "what the network does not do",
        arguments: [
            (
                #""final_logit_softcapping": 30"#, "final_logit_softcapping",
                "a cap of 30.0 is not supported; Gemma 3 has none, and null is needed"
            ),
            (
                #""attn_logit_softcapping": 50.0"#, "attn_logit_softcapping",
                "a cap of 50.0 is not supported; Gemma 3 has none, and null is needed"
            ),
            (
                #""use_bidirectional_attention": true"#, "use_bidirectional_attention",
                "true was found, but only false can be read"
            ),
            (#""sliding_window": null"#, "sliding_window", "null was found, but local layers need a number of keys"),
            (
                #""num_hidden_layers": 2, "layer_types": ["full_attention"]"#, "layer_types",
                "1 types were found for 2 layers"
            ),
            (
                #""num_hidden_layers": 1, "layer_types": ["chunked_attention"]"#, "layer_types",
                "\"chunked_attention\" was found, but only sliding_attention and full_attention can be read"
            ),
            (
                #""rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}"#, "rope_parameters",
                "an object for each of sliding_attention and full_attention is needed"
            ),
            (
                #""rope_scaling": {"factor": 8, "type": "linear"}, "rope_parameters": {"full_attention": {}}"#,
                "rope_scaling",
                "it stands beside rope_parameters; only one of them can be read"
            ),
            (
                #""rope_parameters": {"full_attention": {"rope_type": "linear"}}"#,
                "rope_parameters.full_attention.factor",
                "the key is missing"
            ),
            (#""head_dim": 5"#, "head_dim", "a head of width 5 cannot be turned; an even width is needed"),
            (#""num_key_value_heads": 3"#, "num_key_value_heads", "3 key heads do not divide 8 query heads"),
        ])
    func refusals(entries: String, key: String, reason: String) throws {
        #expect(throws: CheckpointError.invalidConfiguration(file: "config.json", path: key, reason: reason)) {
            try configuration(entries)
        }
    }

    @Test("a model of texts and images is told from its text model")
    func imagesToo() throws {
        let file = try ConfigurationReader(
            Data(#"{"model_type": "gemma3", "text_config": {}}"#.utf8), file: "config.json")
        let error = #expect(throws: CheckpointError.self) { try ModelConfigurationFile.read(file) }
        #expect(error?.description.hasSuffix("can be read; save its text model by itself, and use that") == true)
    }

    @Test("as many parameters as tensors have elements", arguments: ["window", "linear-old", "bare-old"])
    func parameterCount(_ name: String) throws {
        let folder = Fixtures.goldens.appendingPathComponent("architectures/gemma3-\(name)")
        let source = try HuggingFaceFolder(folder).tensors
        let count = source.names.reduce(0) { $0 + (source.shape(of: $1) ?? []).reduce(1, *) }
        let read = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        #expect(read.parameterCount == count)
    }

    private func network(_ use: WeightUse) throws -> any CausalModel {
        try ModelConfigurationFile.read(from: Self.folder.appendingPathComponent("config.json"))
            .network(WeightLoader(CheckpointReader(folder: Self.folder), use: use))
    }

    private func hidden(_ model: any CausalModel, _ batch: TokenBatch) -> Tensor {
        let cache = KVCache(shape: model.shape, sequences: [.init()], keepsTokens: false)
        return model.hiddenStates(batch, cache: cache, dropout: nil)
    }

    /// As in `transformers`, whose embedding module multiplies by √d itself: `inputs_embeds` are taken as they are.
    @Test("embeddings in the place of tokens are not scaled again")
    func givenEmbeddings() throws {
        let model = try network(.frozen(differentiable: false))
        let tokens = hidden(model, TokenBatch([[7, 30, 12, 9]]))
        let given = hidden(model, TokenBatch([[12, 9]], after: model.embeddings(of: [7, 30])))
        #expect(given.values == tokens.values)
    }

    /// A norm multiplies by 1 + w: w is what files hold and what is trained.
    @Test("the gradient of a norm's weight, by differences")
    func normGradient() throws {
        let tape = Tape(), model = try network(.trainable(tape))
        for name in [
            "model.norm.weight", "model.layers.0.self_attn.q_norm.weight", "model.layers.1.self_attn.k_norm.weight",
            "model.layers.2.post_feedforward_layernorm.weight",
        ] {
            let weight = try #require(model.parameters.first { $0.name == name }?.value)
            let stored = try CheckpointReader(folder: Self.folder).read(name, shape: weight.shape)
            #expect(weight.values == stored)
            func loss() -> Tensor {
                let targets: [Int32] = [30, 12, 9, 41, 3, 17]
                return crossEntropy(
                    hidden(model, TokenBatch([[7, 30, 12, 9, 41, 3]])), head: model.head, targets: targets,
                    weights: targets.map { _ in 1 }
                ).loss
            }
            let before = loss()
            tape.backward(from: before)
            let gradient = try #require(weight.gradient?.value?.values)
            tape.reset()
            let index = 3, step: Float = 1e-2
            let sides = tape.withoutRecording {
                [step, -2 * step].map { change in
                    weight.withMutableValues { $0[index] += change }
                    return Double(loss().values[0])
                }
            }
            weight.withMutableValues { $0[index] += step }
            let difference = (sides[0] - sides[1]) / Double(2 * step)
            #expect(abs(difference - Double(gradient[index])) < 0.02 * max(0.05, abs(difference)), "\(name)")
            for (_, value) in model.parameters { value.gradient?.clear() }
        }
    }
}
