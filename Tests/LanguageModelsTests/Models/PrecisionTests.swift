import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Models whose weights are rounded when they are loaded.
@Suite("Precisions") @Compute struct PrecisionTests {
    nonisolated static let models = [
        "gpt2/tied", "gpt2/untied-erf", "architectures/opt-pre", "architectures/opt-post-projected",
        "architectures/neox-parallel", "architectures/llama-3", "architectures/qwen3-wide",
        "architectures/gemma3-window", "architectures/smollm3-window", "architectures/phi3-window",
        "architectures/gptj-half", "architectures/bloom-tied",
    ]

    /// Those that this processor can do.
    nonisolated static let bfloat16: [WeightPrecision] = Processor.multipliesBFloat16 ? [.bfloat16] : []

    private static func network(_ path: String, _ precision: WeightPrecision) throws -> any CausalModel {
        let folder = Fixtures.goldens.appendingPathComponent(path)
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        return try configuration.network(
            WeightLoader(
                CheckpointReader(folder: folder), use: .frozen(differentiable: true, precision: precision)))
    }

    /// Log-probabilities after a prefix, and the gradient of their weighted sum with respect to the prefix.
    private static func run(_ model: any CausalModel) -> (values: [Float], gradient: [Float]) {
        let shape = model.shape, tape = Tape()
        var random = SeededGenerator(seed: 3)
        func tensor(_ rows: Int, _ width: Int, _ tape: Tape? = nil) -> Tensor {
            Tensor((0..<rows * width).map { _ in Float(random.normal()) }, shape: [rows, width], tape: tape)
        }
        let prefix = tensor(3, shape.decoder.prefixRowWidth, tape)
        let tokens = (0..<12).map { Int32($0 * 5 % shape.vocabularySize) }
        let cache = KVCache(
            shape: shape, sequences: [.init(after: KeyValues(rowsOf: prefix, shape: shape))], keepsTokens: false)
        let hidden = model.hiddenStates(TokenBatch([tokens]), cache: cache, dropout: nil)
        let (loss, _) = crossEntropy(
            hidden, head: model.head, targets: tokens, weights: [Float](repeating: 1, count: tokens.count))
        let values = logProbabilities(hidden, head: model.head).values
        tape.backward(from: loss)
        return (values, prefix.gradient?.value?.values ?? [])
    }

    private static func distance(_ a: [Float], _ b: [Float]) -> Double {
        let difference = zip(a, b).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        return (difference / max(1e-30, b.reduce(0.0) { $0 + Double($1 * $1) })).squareRoot()
    }

    @Test("near the weights they round, and no nearer than they can be", arguments: models)
    func nearness(path: String) throws {
        let exact = Self.run(try Self.network(path, .float32))
        #expect(!exact.gradient.isEmpty)
        for (precision, values, gradient) in [
            // A ReLU near 0 opens or closes: the gradients of OPT's tiny models move most.
            (WeightPrecision.int8, 0.03, 0.25), (.int8Float32Gradients, 0.03, 0.25), (.int4, 0.3, 0.9),
            (.int4Float32Gradients, 0.3, 0.9),
        ] + Self.bfloat16.map({ ($0, 0.015, 0.15) }) {
            let found = Self.run(try Self.network(path, precision))
            let error = Self.distance(found.values, exact.values)
            let gradientError = Self.distance(found.gradient, exact.gradient)
            #expect(error > 1e-6 && error < values, "\(precision): values differ by \(error)")
            #expect(gradientError > 1e-6 && gradientError < gradient, "\(precision): gradients by \(gradientError)")
        }
    }

    @Test("bfloat16 where the processor cannot multiply it")
    func refusal() throws {
        for precision in WeightPrecision.allCases where precision != .bfloat16 {
            try precision.check(processorMultipliesBFloat16: false, name: "Old One")
        }
        try WeightPrecision.bfloat16.check(processorMultipliesBFloat16: true, name: "New One")
        let error = CheckpointError.unsupportedPrecision(processor: "Old One")
        #expect(throws: error) {
            try WeightPrecision.bfloat16.check(processorMultipliesBFloat16: false, name: "Old One")
        }
        #expect(
            "\(error)"
                == "products of bfloat16 need a processor with AVX512_BF16, and this one (Old One) has none; hold 16-bit "
                + "weights as they are stored, which takes as little memory, or round them to 8 bits, which is faster")
        #expect("\(CheckpointError.unsupportedPrecision(processor: nil))".contains("and this one has none"))
    }

    /// A matrix that is read by rows, unless something is to be added to it first.
    @Test("a merged adapter is in what is rounded", arguments: [WeightPrecision.int8, .int4] + bfloat16)
    func mergedAdapter(precision: WeightPrecision) throws {
        let (input, output, rank) = (40, 70, 2)
        var random = SeededGenerator(seed: 4)
        func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.normal()) } }
        let weight = values(output * input), down = values(rank * input), up = values(output * rank)
        let sum = (0..<output * input).map { i in
            (0..<rank).reduce(weight[i]) { $0 + 0.5 * up[i / input * rank + $1] * down[$1 * input + i % input] }
        }
        func product(_ weight: [Float], _ updates: LowRankUpdates?) throws -> [Float] {
            let reader = CheckpointReader(TensorsInMemory(["a.weight": ([output, input], weight)]))
            let loader = WeightLoader(
                reader, use: .frozen(differentiable: false, precision: precision), adapters: updates)
            let matrix = try loader.matrix(
                "a", input: input, output: output, orientation: .outputByInput, hasBias: false)
            return matrix(Tensor(Array(repeating: 1, count: input), shape: [1, input])).values
        }
        let update = LowRankUpdate(down: down, up: up, rank: rank, scale: 0.5)
        let merged = try product(weight, LowRankUpdates(["a": update], merges: true, file: "F"))
        #expect(Self.distance(merged, try product(sum, nil)) < 0.01)
        #expect(Self.distance(merged, try product(weight, nil)) > 0.1)
    }
}
