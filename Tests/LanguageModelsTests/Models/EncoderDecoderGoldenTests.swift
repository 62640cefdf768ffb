import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Tiny random BART, T5 and mT5 models against `transformers`, and against the paper's three prefixes, in float64
/// (Tests/Goldens/bart, t5).
@Suite("Encoder–decoder models against transformers") @Compute struct EncoderDecoderGoldenTests {
    struct Cases: Decodable {
        struct Answers: Decodable {
            var sources: [[Int32]]
            var cases: [Case]
        }

        struct Case: Decodable {
            var options: Search
            var prefix: Bool
            var token_ids: [[Int32]]
        }

        var sources, targets: [[Int32]]
        var target_losses, prefix_target_losses: [[Float]]
        var generation: Answers
    }

    /// Settings under the names of `transformers`, whose lengths count the token that the decoder starts with.
    struct Search: Decodable, CustomStringConvertible {
        var num_beams, max_length: Int
        var min_length, no_repeat_ngram_size: Int?
        var length_penalty: Double?
        var early_stopping: Settings.EarlyStopping?
        var forced_bos_token_id, forced_eos_token_id: Int32?

        var description: String { "beams \(num_beams), at most \(max_length), \(early_stopping?.value ?? .no)" }

        /// - Parameter name: The model's folder: BART ends texts with 2, T5 with 1.
        func options(for name: String) -> DecodingOptions {
            var options = DecodingOptions(
                num_beams == 1 ? .greedy : .beam(width: num_beams), maxNewTokens: max_length - 1,
                endTokens: [name.hasPrefix("bart") ? 2 : 1])
            options.minNewTokens = max(0, (min_length ?? 0) - 1)
            options.noRepeatNGramSize = no_repeat_ngram_size ?? 0
            options.lengthPenalty = length_penalty ?? 1
            options.earlyStopping = early_stopping?.value ?? .no
            options.forcedFirstToken = forced_bos_token_id
            options.forcedLastToken = forced_eos_token_id
            return options
        }
    }

    typealias Golden = ArchitectureGolden<Cases>

    nonisolated static let models = [
        "bart/uneven", "bart/scaled", "bart/untied", "t5/plain", "t5/gated", "t5/mt5",
    ]

    private func golden(_ name: String) throws -> Golden { try Golden(name) }

    private func model(_ golden: Golden, differentiable: Bool = false) throws -> any EncoderDecoderModel {
        try #require(try golden.model(differentiable: differentiable) as? any EncoderDecoderModel)
    }

    /// The paper's prefixes: none of them moves the positions of the text.
    private func prefixes(
        _ model: any EncoderDecoderModel, _ kinds: [AttentionKind], _ rows: (AttentionKind) throws -> Tensor
    ) throws -> InitialKeyValues {
        var start = InitialKeyValues()
        for kind in kinds {
            let stack = try #require(model.shape.stack(kind))
            let values = KeyValues(rowsOf: try rows(kind), stack: stack, shiftsPositions: false)
            switch kind {
            case .decoder: start.decoder = values
            case .encoder: start.encoder = values
            case .cross: start.cross = values
            }
        }
        return start
    }

    /// The decoder's output over pairs: row i of a target's belongs to its token i.
    private func hidden(
        _ model: any EncoderDecoderModel, _ cases: Cases, count: Int? = nil, after start: InitialKeyValues?,
        wanting: [Int]? = nil
    ) -> (Tensor, TokenBatch) {
        let sources = cases.sources.prefix(count ?? cases.sources.count)
        let read = model.encode(TokenBatch(sources), after: sources.map { _ in start?.encoder }, dropout: nil)
        let batch = TokenBatch(
            cases.targets.prefix(sources.count).map { [model.startToken].compactMap(\.self) + $0.dropLast() },
            wanting: wanting)
        let cache = KVCache(
            shape: model.shape,
            sequences: read.map { .init(after: start?.decoder, reading: [start?.cross, $0].compactMap(\.self)) },
            keepsTokens: false)
        return (model.hiddenStates(batch, cache: cache, dropout: nil), batch)
    }

    @Test("logits without a prefix and with all three", arguments: models, [false, true])
    func logits(name: String, afterPrefixes: Bool) throws {
        let golden = try golden(name), model = try self.model(golden)
        let start = try prefixes(model, afterPrefixes ? AttentionKind.allCases : []) {
            try golden.tensor("prefix.\($0.rawValue)")
        }
        let (hidden, batch) = hidden(model, golden.cases, after: start)
        let error = try golden.error(of: model.head(hidden), batch, afterPrefixes ? "prefix.logits" : "logits")
        #expect(isNear(error, afterPrefixes ? "logits after three prefixes" : "logits", name))
    }

    @Test("the last rows of each target alone", arguments: models)
    func wantedRows(name: String) throws {
        let golden = try golden(name), model = try self.model(golden)
        let start = try prefixes(model, AttentionKind.allCases) { try golden.tensor("prefix.\($0.rawValue)") }
        let counts = golden.cases.targets.enumerated().map { min($1.count, 1 + 2 * $0) }
        let (all, batch) = hidden(model, golden.cases, after: start)
        let (found, _) = hidden(model, golden.cases, after: start, wanting: counts)
        let rows = zip(batch.ranges, counts).flatMap { $0.suffix($1).map(Int32.init) }
        #expect(found.rows == rows.count)
        #expect(relativeError(found.values, all.rows(at: rows).values) < 1e-6)
    }

    @Test("logits with one prefix alone", arguments: models, AttentionKind.allCases)
    func logitsOfOne(name: String, kind: AttentionKind) throws {
        let golden = try golden(name), model = try self.model(golden)
        let start = try prefixes(model, [kind]) { try golden.tensor("prefix.\($0.rawValue)") }
        let (hidden, batch) = hidden(model, golden.cases, count: 1, after: start)
        let error = try golden.error(of: model.head(hidden), batch, "prefix.\(kind.rawValue).logits")
        #expect(isNear(error, "logits after the \(kind.rawValue) prefix", name))
    }

    @Test("logits after the decoder prefix of PEFT", arguments: ["bart/scaled", "bart/untied", "t5/plain", "t5/mt5"])
    func peft(name: String) throws {
        let golden = try golden(name), model = try self.model(golden)
        let layers = model.shape.layerCount, keys = model.shape.keyWidth
        // PEFT doubles the tensor and splits it by four: layer i takes row 4i modulo 2L for keys, the next for values.
        let saved = try golden.tensor("peft.prompt_embeddings")
        var values: [Float] = []
        for row in 0..<saved.rows {
            for index in 0..<2 * layers {
                let from = row * saved.width + ((index / 2 * 4) % (2 * layers) + index % 2) * keys
                values += saved.values[from..<from + keys]
            }
        }
        let used = Tensor(values, shape: saved.shape)
        let start = InitialKeyValues(decoder: KeyValues(rowsOf: used, shape: model.shape))
        let (hidden, batch) = hidden(model, golden.cases, after: start)
        let error = try golden.error(of: model.head(hidden), batch, "peft.logits")
        #expect(isNear(error, "logits after PEFT's prefix", name))
    }

    @Test("loss and gradients of the three prefixes", arguments: models)
    func gradients(name: String) throws {
        let golden = try golden(name), model = try self.model(golden, differentiable: true)
        let tape = Tape()
        var leaves: [AttentionKind: Tensor] = [:]
        for kind in AttentionKind.allCases {
            leaves[kind] = try golden.tensor("prefix.\(kind.rawValue)").leaf(on: tape)
        }
        let start = try prefixes(model, AttentionKind.allCases) { try #require(leaves[$0]) }
        let (hidden, _) = hidden(model, golden.cases, after: start)
        let targets = Array(golden.cases.targets.joined())
        let loss = crossEntropy(hidden, head: model.head, targets: targets, weights: targets.map { _ in 1 }).loss
        let expected = golden.cases.prefix_target_losses.joined().reduce(0, +)
        #expect(isNear(relativeError(loss.values, [expected]), "losses", name))
        tape.backward(from: loss)
        for (kind, leaf) in leaves {
            let found = try #require(leaf.gradient?.value, "no gradient of \(kind)").values
            let error = relativeError(found, try golden.tensor("prefix.\(kind.rawValue).grad").values)
            #expect(isNear(error, "gradients of the \(kind.rawValue) prefix", name, tolerance: 2e-5))
        }
    }

    @Test("greedy and beam search, without and with the three prefixes", arguments: models)
    func answers(name: String) throws {
        let golden = try golden(name), model = try self.model(golden)
        let start = try prefixes(model, AttentionKind.allCases) { try golden.tensor("prefix.\($0.rawValue)") }
        #expect(golden.cases.generation.cases.count == 12)
        for setting in golden.cases.generation.cases {
            let found = try Generator(model).generate(
                golden.cases.generation.sources, after: setting.prefix ? start : nil,
                options: setting.options.options(for: name))
            #expect(found.map(\.tokenIds) == setting.token_ids, "\(setting.options), prefix: \(setting.prefix)")
        }
    }
}
