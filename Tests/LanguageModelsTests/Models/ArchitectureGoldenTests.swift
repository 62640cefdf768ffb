import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Tiny random OPT, GPT-NeoX, Llama, Mistral, Qwen2, Qwen3, Gemma 3, SmolLM3, Phi-3, GPT-J and BLOOM models against `transformers` and PEFT in float64
/// (Tests/Goldens/architectures): relative errors, the greatest difference by the greatest value.
@Suite("Decoders against transformers") @Compute struct ArchitectureGoldenTests {
    struct Cases: Decodable {
        struct Answers: Decodable {
            var prompts, greedy, prefix_greedy, beam, prefix_beam: [[Int32]]
            var max_new_tokens: Int
            var eos_token_id: Int32
            var beam_options: Settings
        }

        var sequences: [[Int32]]
        var target_starts: [Int]
        var target_losses, prefix_target_losses: [[Float]]
        var generation: Answers
    }

    typealias Golden = ArchitectureGolden<Cases>

    nonisolated static let models = [
        "opt-pre", "opt-post-projected", "opt-bare-untied", "opt-old-names",
        "neox-parallel", "neox-sequential-old", "neox-unbiased-tied", "neox-fast-old",
        "llama-3", "llama-linear-biased-old", "llama-plain-old",
        "mistral-window", "mistral-full-old", "mistral-window-wide",
        "qwen2-tied", "qwen2-window", "qwen2-unused-window-old",
        "qwen3-wide", "qwen3-biased", "qwen3-window-old",
        "gemma3-window", "gemma3-linear-old", "gemma3-bare-old",
        "smollm3-interval-old", "smollm3-window", "phi3-window", "phi3-long-old",
        "gptj-half", "gptj-whole-tied", "bloom-tied", "bloom-norms-old",
    ]

    private func golden(_ name: String) throws -> Golden { try Golden("architectures/\(name)") }

    private func prefix(_ golden: Golden, _ model: any CausalModel) throws -> KeyValues {
        KeyValues(rowsOf: try golden.tensor("prefix.prompt_embeddings"), shape: model.shape)
    }

    @Test("logits of all sequences in one ragged batch", arguments: models, [false, true])
    func logits(name: String, afterPrefix: Bool) throws {
        let golden = try golden(name), model = try golden.model()
        let start = afterPrefix ? try prefix(golden, model) : nil
        let batch = TokenBatch(golden.cases.sequences)
        let cache = KVCache(
            shape: model.shape, sequences: golden.cases.sequences.map { _ in .init(after: start) }, keepsTokens: false)
        let logits = model.head(model.hiddenStates(batch, cache: cache, dropout: nil))
        let error = try golden.error(of: logits, batch, afterPrefix ? "prefix.logits" : "logits")
        #expect(isNear(error, afterPrefix ? "logits after a prefix" : "logits", name))
    }

    @Test("the last rows of each sequence alone", arguments: models, [false, true])
    func wantedRows(name: String, keepsTokens: Bool) throws {
        let golden = try golden(name), model = try golden.model(), start = try prefix(golden, model)
        let sequences = golden.cases.sequences, counts = sequences.enumerated().map { min($1.count, 1 + 3 * $0) }
        func hidden(_ batch: TokenBatch) -> Tensor {
            let cache = KVCache(
                shape: model.shape, sequences: sequences.map { _ in .init(after: start) }, keepsTokens: keepsTokens)
            return model.hiddenStates(batch, cache: cache, dropout: nil)
        }
        let all = TokenBatch(sequences)
        let rows = zip(all.ranges, counts).flatMap { $0.suffix($1).map(Int32.init) }
        let found = hidden(TokenBatch(sequences, wanting: counts))
        #expect(found.rows == rows.count)
        #expect(relativeError(found.values, hidden(all).rows(at: rows).values) < 1e-6)
    }

    @Test("token by token after a prefix", arguments: models)
    func incremental(name: String) throws {
        let golden = try golden(name), model = try golden.model()
        let cache = KVCache(
            shape: model.shape, sequences: [.init(after: try prefix(golden, model))], keepsTokens: true)
        let sequence = golden.cases.sequences[1]
        var logits: [Float] = []
        for chunk in [Array(sequence[..<5])] + sequence[5...].map({ [$0] }) {
            logits += model.head(model.hiddenStates(TokenBatch([chunk]), cache: cache, dropout: nil)).values
        }
        let error = relativeError(logits, try golden.tensor("prefix.logits.1").values)
        #expect(isNear(error, "logits token by token", name))
    }

    @Test("loss and gradient of a prefix", arguments: models)
    func gradient(name: String) throws {
        let golden = try golden(name), model = try golden.model(differentiable: true)
        let tape = Tape()
        let p = try golden.tensor("prefix.prompt_embeddings").leaf(on: tape)
        let sequences = golden.cases.sequences
        let targets = zip(sequences, golden.cases.target_starts).map { Array($0[$1...]) }
        let batch = TokenBatch(sequences.map { $0.dropLast() }, wanting: targets.map(\.count))
        let start = KeyValues(rowsOf: p, shape: model.shape)
        let cache = KVCache(
            shape: model.shape, sequences: sequences.map { _ in .init(after: start) }, keepsTokens: false)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: nil)
        let flat = targets.flatMap(\.self)
        let loss = crossEntropy(hidden, head: model.head, targets: flat, weights: flat.map { _ in 1 }).loss
        let expected = golden.cases.prefix_target_losses.joined().reduce(0, +)
        #expect(isNear(relativeError(loss.values, [expected]), "losses", name))
        tape.backward(from: loss)
        let found = try #require(p.gradient?.value).values
        #expect(
            isNear(relativeError(found, try golden.tensor("prefix.grad").values), "gradients", name, tolerance: 2e-5))
    }

    /// By the norm of each and one product with it: the wave of `generate.py`.
    @Test("gradients of all weights", arguments: models)
    func weightGradients(name: String) throws {
        let golden = try golden(name), tape = Tape()
        let configuration = try ModelConfigurationFile.read(from: golden.folder.appendingPathComponent("config.json"))
        let model: any CausalModel = try configuration.network(
            WeightLoader(CheckpointReader(folder: golden.folder), use: .trainable(tape)))
        let sequences = golden.cases.sequences
        let targets = zip(sequences, golden.cases.target_starts).map { Array($0[$1...]) }
        let batch = TokenBatch(sequences.map { $0.dropLast() }, wanting: targets.map(\.count))
        let cache = KVCache(shape: model.shape, sequences: sequences.map { _ in .init(after: nil) }, keepsTokens: false)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: nil)
        let flat = targets.flatMap(\.self)
        tape.backward(from: crossEntropy(hidden, head: model.head, targets: flat, weights: flat.map { _ in 1 }).loss)
        let expected: [String: [Double]] = try Fixtures.decode("architectures/\(name)/weight_gradients.json")
        #expect(Set(model.parameters.map(\.name)) == Set(expected.keys))
        // Biases of keys have none but rounding.
        let least = 0.01 * (expected.values.map { $0[0] }.max() ?? 0)
        for (parameter, value) in model.parameters {
            let numbers = try #require(expected[parameter], "no golden \(parameter)")
            let found = try #require(value.gradient?.value, "no gradient of \(parameter)").values.map(Double.init)
            let norm = found.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let wave = found.enumerated().reduce(0) { $0 + $1.element * cos(0.7 * Double($1.offset) + 1) }
            let error = max(abs(norm - numbers[0]), abs(wave - numbers[1])) / max(numbers[0], least)
            #expect(error < 2e-5, "\(parameter) differs by \(error)")
        }
    }

    @Test("greedy and beam search, without and with a prefix", arguments: models)
    func answers(name: String) throws {
        let golden = try golden(name), model = try golden.model()
        let expected = golden.cases.generation
        let start = InitialKeyValues(decoder: try prefix(golden, model))
        let greedy = DecodingOptions(
            .greedy, maxNewTokens: expected.max_new_tokens, endTokens: [expected.eos_token_id])
        let beam = expected.beam_options.options(
            maxNewTokens: expected.max_new_tokens, endToken: expected.eos_token_id)
        let generator = Generator(model)
        for (options, answers, prefix) in [
            (greedy, expected.greedy, nil), (greedy, expected.prefix_greedy, start), (beam, expected.beam, nil),
            (beam, expected.prefix_beam, start),
        ] {
            let found = try generator.generate(expected.prompts, after: prefix, options: options)
            #expect(found.map(\.tokenIds) == answers, "\(options.strategy), prefix: \(prefix != nil)")
        }
    }
}
