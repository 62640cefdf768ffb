import Foundation
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

@Suite("Structured initialisation")
struct StructuredInitializationTests {
    @Test("All tensors of a GPT-2 are there with their shapes")
    func shapes() throws {
        let configuration = StructuredInitialization.Configuration(
            vocabularySize: 50, width: 48, layers: 3, heads: 6, positions: 20, seed: 1)
        let weights = try StructuredInitialization(configuration).weights()
        var expected: [String: [Int]] = [
            "wte.weight": [50, 48], "wpe.weight": [20, 48], "ln_f.weight": [48], "ln_f.bias": [48],
        ]
        for layer in 0..<3 {
            for (name, shape) in [
                ("ln_1.weight", [48]), ("ln_1.bias", [48]), ("ln_2.weight", [48]), ("ln_2.bias", [48]),
                ("attn.c_attn.weight", [48, 144]), ("attn.c_attn.bias", [144]), ("attn.c_proj.weight", [48, 48]),
                ("attn.c_proj.bias", [48]), ("mlp.c_fc.weight", [48, 192]), ("mlp.c_fc.bias", [192]),
                ("mlp.c_proj.weight", [192, 48]), ("mlp.c_proj.bias", [48]),
            ] { expected["h.\(layer).\(name)"] = shape }
        }
        #expect(weights.mapValues(\.shape) == expected)
        for (name, tensor) in weights {
            #expect(tensor.values.count == tensor.shape.reduce(1, *), "\(name)")
            #expect(tensor.values.allSatisfy { $0.isFinite }, "\(name)")
        }
    }

    @Test("The same seed gives the same bits; only random parts depend on it")
    func determinism() throws {
        var configuration = StructuredInitialization.Configuration(
            vocabularySize: 64, layers: 2, positions: 16, seed: 3)
        let first = try StructuredInitialization(configuration).weights()
        let again = try StructuredInitialization(configuration).weights()
        #expect(first.mapValues(\.values) == again.mapValues(\.values))
        configuration.seed = 4
        let other = try StructuredInitialization(configuration).weights()
        #expect(first["wpe.weight"]?.values == other["wpe.weight"]?.values)
        #expect(first["wte.weight"]?.values != other["wte.weight"]?.values)
    }

    @Test("Random weights have GPT-2's mean and deviation")
    func deviations() throws {
        let weights = try StructuredInitialization(.init(vocabularySize: 1000, seed: 8)).weights()
        for (name, deviation) in [("h.2.attn.c_attn.weight", 0.02), ("h.3.mlp.c_proj.weight", 0.02 / 8.0.squareRoot())]
        {
            let values = try #require(weights[name]).values.map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            let square = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
            #expect(abs(mean) < 0.02 * deviation)
            #expect(abs(square.squareRoot() / deviation - 1) < 0.02)
        }
    }

    @Test("Repeated random tokens are copied before any training")
    func copiesRepeatedTokens() throws {
        let configuration = StructuredInitialization.Configuration(seed: 2)
        let model = ReferenceGPT2(configuration, try StructuredInitialization(configuration).weights())
        var random = SeededRandom(seed: 11)
        var (right, total) = (0, 0)
        for _ in 0..<3 {
            let tokens = (0..<60).map { _ in random.below(configuration.vocabularySize) }
            let predictions = model.predictions(for: tokens + tokens, from: 60)
            // The place of the second half's token i predicts its token i + 1.
            for index in 0..<59 {
                total += 1
                if predictions[index] == tokens[index + 1] { right += 1 }
            }
        }
        #expect(Double(right) / Double(total) >= 0.9)
    }

    @Test(
        "Shapes without room for the circuit are refused with a sentence",
        arguments: [
            (StructuredInitialization.Configuration(layers: 1), "layers is 1"),
            (StructuredInitialization.Configuration(width: 190), "cannot be divided into 6 heads"),
            (StructuredInitialization.Configuration(width: 200, heads: 4), "Heads of width 50 do not fit"),
            (StructuredInitialization.Configuration(vocabularySize: 0), "vocabularySize is 0"),
        ])
    func refusals(configuration: StructuredInitialization.Configuration, message: String) {
        let error = #expect(throws: StructuredInitializationError.self) {
            try StructuredInitialization(configuration)
        }
        #expect(error?.description.contains(message) == true)
    }
}

/// A plain GPT-2 forward pass, as an oracle: readable, slow, and independent of the package's engine.
struct ReferenceGPT2 {
    let configuration: StructuredInitialization.Configuration
    let weights: StructuredInitialization.Weights

    init(_ configuration: StructuredInitialization.Configuration, _ weights: StructuredInitialization.Weights) {
        self.configuration = configuration
        self.weights = weights
    }

    /// The most likely next token at each place from `start` on.
    func predictions(for tokens: [Int], from start: Int) -> [Int] {
        let d = configuration.width
        let (wte, wpe) = (values("wte.weight"), values("wpe.weight"))
        var x = tokens.enumerated().map { place, token in
            (0..<d).map { wte[token * d + $0] + wpe[place * d + $0] }
        }
        for layer in 0..<configuration.layers {
            let attended = attention(x.map { normalized($0, "h.\(layer).ln_1") }, layer)
            for place in x.indices { x[place] = zip(x[place], attended[place]).map(+) }
            for place in x.indices {
                let hidden = product(normalized(x[place], "h.\(layer).ln_2"), "h.\(layer).mlp.c_fc").map(gelu)
                x[place] = zip(x[place], product(hidden, "h.\(layer).mlp.c_proj")).map(+)
            }
        }
        return x[start...].map { row in
            let last = normalized(row, "ln_f")
            var best = (token: -1, score: -Float.infinity)
            for token in 0..<configuration.vocabularySize {
                var score: Float = 0
                for i in 0..<d { score += last[i] * wte[token * d + i] }
                if score > best.score { best = (token, score) }
            }
            return best.token
        }
    }

    private func values(_ name: String) -> [Float] { weights[name]?.values ?? [] }

    private func normalized(_ row: [Float], _ name: String) -> [Float] {
        let mean = row.reduce(0, +) / Float(row.count)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(row.count)
        let (gain, bias) = (values(name + ".weight"), values(name + ".bias"))
        return row.indices.map { (row[$0] - mean) / (variance + 1e-5).squareRoot() * gain[$0] + bias[$0] }
    }

    private func product(_ row: [Float], _ name: String) -> [Float] {
        var result = values(name + ".bias")
        let matrix = values(name + ".weight")
        let columns = result.count
        for (i, value) in row.enumerated() {
            for j in 0..<columns { result[j] += value * matrix[i * columns + j] }
        }
        return result
    }

    private func attention(_ x: [[Float]], _ layer: Int) -> [[Float]] {
        let d = configuration.width
        let headWidth = d / configuration.heads
        let projected = x.map { product($0, "h.\(layer).attn.c_attn") }
        return x.indices.map { t in
            var mixed = [Float](repeating: 0, count: d)
            for head in 0..<configuration.heads {
                let columns = head * headWidth..<(head + 1) * headWidth
                let scores = (0...t).map { j in
                    columns.reduce(Float(0)) { $0 + projected[t][$1] * projected[j][d + $1] }
                        / Float(headWidth).squareRoot()
                }
                let top = scores.max() ?? 0
                let exponentials = scores.map { exp($0 - top) }
                let sum = exponentials.reduce(0, +)
                for j in 0...t {
                    for column in columns { mixed[column] += exponentials[j] / sum * projected[j][2 * d + column] }
                }
            }
            return product(mixed, "h.\(layer).attn.c_proj")
        }
    }

    private func gelu(_ x: Float) -> Float {
        0.5 * x * (1 + tanh(0.7978845608 * (x + 0.044715 * x * x * x)))
    }
}
