import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Tiny random GPT-2 models against `transformers` in float64 (Tests/Goldens/gpt2/generate.py): every logit, every
/// gradient, with and without a prefix.
@Suite("GPT-2 against transformers") @Compute struct GPT2GoldenTests {
    nonisolated static let models = ["tied", "untied-erf", "inverse-layer-scale", "relu-unscaled"]
    nonisolated static let tolerance: Float = 1e-5

    @Test("logits of every position", arguments: models)
    func logits(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model(.frozen(differentiable: false))
        for (index, sequence) in golden.cases.sequences.enumerated() {
            let cache = KVCache(shape: model.shape, sequences: [.init()], keepsTokens: true)
            let hidden = model.hiddenStates(TokenBatch([sequence]), cache: cache, dropout: nil)
            let expected = try golden.values("logits.\(index)")
            #expect(relativeError(model.head(hidden).values, expected) < Self.tolerance)
        }
    }

    @Test("logits after a prefix, all sequences in one ragged batch", arguments: models)
    func prefixLogits(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model(.frozen(differentiable: false))
        let prefix = KeyValues(rowsOf: try golden.tensor("prefix.prompt_embeddings"), shape: model.shape)
        let sequences = golden.cases.sequences
        let cache = KVCache(
            shape: model.shape, sequences: sequences.map { _ in .init(after: prefix) }, keepsTokens: false)
        let batch = TokenBatch(sequences)
        let logits = model.head(model.hiddenStates(batch, cache: cache, dropout: nil)).values
        let vocabulary = model.shape.vocabularySize
        for (index, range) in batch.ranges.enumerated() {
            let found = Array(logits[range.lowerBound * vocabulary..<range.upperBound * vocabulary])
            #expect(relativeError(found, try golden.values("prefix.logits.\(index)")) < Self.tolerance)
        }
    }

    @Test("token by token equals all at once", arguments: models)
    func incremental(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model(.frozen(differentiable: false))
        let prefix = KeyValues(rowsOf: try golden.tensor("prefix.prompt_embeddings"), shape: model.shape)
        let sequence = golden.cases.sequences[1]
        let cache = KVCache(shape: model.shape, sequences: [.init(after: prefix)], keepsTokens: true)
        var logits: [Float] = []
        for chunk in [Array(sequence[..<5])] + sequence[5...].map({ [$0] }) {
            logits += model.head(model.hiddenStates(TokenBatch([chunk]), cache: cache, dropout: nil)).values
        }
        #expect(relativeError(logits, try golden.values("prefix.logits.1")) < Self.tolerance)
    }

    @Test("gradients of all weights", arguments: models)
    func weightGradients(name: String) throws {
        let golden = try Golden(name)
        let tape = Tape()
        let model = try golden.model(.trainable(tape))
        let loss = golden.loss(of: model, after: nil, reduction: .mean)
        #expect(relativeError(loss.values, try golden.values("loss_mean")) < Self.tolerance)
        tape.backward(from: loss)
        var compared = 0
        for (parameter, value) in model.parameters {
            let short = parameter.replacingOccurrences(of: "transformer.", with: "")
            let expected = try golden.values("grad.\(short)")
            let found = try #require(value.gradient?.value, "no gradient for \(parameter)").values
            #expect(relativeError(found, expected) < Self.tolerance, "\(parameter)")
            compared += 1
        }
        #expect(compared == golden.gradientNames.count)
    }

    @Test("loss and gradient of a prefix through frozen weights", arguments: models, [Golden.Reduction.sum, .mean])
    func prefixGradient(name: String, reduction: Golden.Reduction) throws {
        let golden = try Golden(name)
        let model = try golden.model(.frozen(differentiable: true))
        let tape = Tape()
        let p = try golden.tensor("prefix.prompt_embeddings").leaf(on: tape)
        let loss = golden.loss(of: model, after: KeyValues(rowsOf: p, shape: model.shape), reduction: reduction)
        #expect(relativeError(loss.values, try golden.values("prefix.loss_\(reduction)")) < Self.tolerance)
        tape.backward(from: loss)
        let found = try #require(p.gradient?.value).values
        // The golden is the gradient of the mean.
        let targets = Float(golden.targetCount)
        let expected = try golden.values("prefix.grad").map { reduction == .mean ? $0 : $0 * targets }
        #expect(relativeError(found, expected) < Self.tolerance)
    }
}

/// One folder of goldens.
struct Golden {
    enum Reduction: String, CustomStringConvertible, Sendable {
        case sum, mean
        var description: String { rawValue }
    }

    struct Cases: Decodable {
        var sequences: [[Int32]]
        var target_starts: [Int]
    }

    let folder: URL
    let cases: Cases
    private let file: SafetensorsFile

    init(_ name: String) throws {
        folder = Fixtures.goldens.appendingPathComponent("gpt2/\(name)")
        cases = try JSONDecoder().decode(
            Cases.self, from: Data(contentsOf: folder.appendingPathComponent("cases.json")))
        file = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors"))
    }

    var gradientNames: [String] { file.names.filter { $0.hasPrefix("grad.") } }
    var targetCount: Int { zip(cases.sequences, cases.target_starts).map { $0.count - $1 }.reduce(0, +) }

    @Compute func model(_ use: WeightUse) throws -> GPT2 {
        let configuration = try GPT2Configuration.read(from: folder.appendingPathComponent("config.json"))
        let weights = try SafetensorsFile(folder.appendingPathComponent("model.safetensors"))
        return try GPT2(configuration, reader: CheckpointReader(weights), use: use)
    }

    func values(_ name: String) throws -> [Float] {
        let shape = try #require(file.shape(of: name), "no golden \(name)")
        return try CheckpointReader(file).read(name, shape: shape)
    }

    @Compute func tensor(_ name: String) throws -> Tensor {
        Tensor(try values(name), shape: try #require(file.shape(of: name)))
    }

    /// Cross-entropy of the targets of all sequences, each after `start`.
    @Compute func loss(of model: GPT2, after start: KeyValues?, reduction: Reduction) -> Tensor {
        let batch = TokenBatch(cases.sequences)
        let cache = KVCache(
            shape: model.shape, sequences: cases.sequences.map { _ in .init(after: start) }, keepsTokens: false)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: nil)
        var rows: [Int32] = [], targets: [Int32] = []
        for (range, (sequence, start)) in zip(batch.ranges, zip(cases.sequences, cases.target_starts)) {
            for index in start..<sequence.count {
                rows.append(Int32(range.lowerBound + index - 1))
                targets.append(sequence[index])
            }
        }
        let weight: Float = reduction == .sum ? 1 : 1 / Float(rows.count)
        return crossEntropy(
            hidden.rows(at: rows), head: model.head, targets: targets,
            weights: [Float](repeating: weight, count: rows.count)
        ).loss
    }
}
