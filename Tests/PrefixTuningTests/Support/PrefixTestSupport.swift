import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Small models for the tests of prefixes and training.
///
/// With the first one, tensor work goes to one thread: on products of a few rows, threads only wait for each other.
@Compute enum TinyModel {
    /// A golden model (Tests/Goldens/gpt2). Its tokenizer is there because a model must have one; no text fits it.
    static func golden(_ name: String) throws -> LanguageModel {
        Compute.threads = 1
        let folder = Fixtures.goldens.appendingPathComponent("gpt2/\(name)")
        let configuration = try GPT2Configuration.read(from: folder.appendingPathComponent("config.json"))
        let network = try GPT2(
            configuration, reader: CheckpointReader(folder: folder), use: .frozen(differentiable: true))
        return try LanguageModel(name: name, tokenizer: tokenizer(), configuration: configuration, network: network)
    }

    /// Sizes of a model whose vocabulary is that of ``tokenizer()``.
    nonisolated static let wordedConfiguration: GPT2Configuration = {
        var configuration = GPT2Configuration()
        (configuration.width, configuration.layerCount, configuration.headCount) = (16, 2, 2)
        (configuration.positionCount, configuration.vocabularySize) = (40, 300)
        (configuration.beginToken, configuration.endTokens) = (0, [0])
        return configuration
    }()

    /// The random weights of such a model.
    nonisolated static func wordedTensors(seed: UInt64 = 7) -> [String: (shape: [Int], values: [Float])] {
        let c = wordedConfiguration
        var generator = SeededGenerator(seed: seed)
        var tensors: [String: (shape: [Int], values: [Float])] = [:]
        func add(_ name: String, _ shape: [Int], mean: Float = 0) {
            let values = (0..<shape.reduce(1, *)).map { _ in mean + 0.3 * Float(generator.normal()) }
            tensors[name] = (shape, values)
        }
        func addMap(_ name: String, _ input: Int, _ output: Int) {
            add("\(name).weight", [input, output])
            add("\(name).bias", [output])
        }
        func addNorm(_ name: String) {
            add("\(name).weight", [c.width], mean: 1)
            add("\(name).bias", [c.width])
        }
        add("transformer.wte.weight", [c.vocabularySize, c.width])
        add("transformer.wpe.weight", [c.positionCount, c.width])
        for layer in 0..<c.layerCount {
            let block = "transformer.h.\(layer)"
            addNorm("\(block).ln_1")
            addMap("\(block).attn.c_attn", c.width, 3 * c.width)
            addMap("\(block).attn.c_proj", c.width, c.width)
            addNorm("\(block).ln_2")
            addMap("\(block).mlp.c_fc", c.width, c.innerWidth)
            addMap("\(block).mlp.c_proj", c.innerWidth, c.width)
        }
        addNorm("transformer.ln_f")
        return tensors
    }

    /// A frozen model with a tokenizer of its own.
    static func worded(_ tensors: [String: (shape: [Int], values: [Float])] = wordedTensors()) throws -> LanguageModel {
        Compute.threads = 1
        let reader = CheckpointReader(TensorsInMemory(tensors))
        let network = try GPT2(wordedConfiguration, reader: reader, use: .frozen(differentiable: true))
        return try LanguageModel(
            name: "worded", tokenizer: tokenizer(), configuration: wordedConfiguration, network: network,
            weightsDigest: reader.digest)
    }

    /// Writes that model as a folder, to be loaded for fine-tuning.
    static func writeWorded(to folder: URL) throws {
        let parameters = wordedTensors().sorted { $0.key < $1.key }
            .map { (name: $0.key, value: Tensor($0.value.values, shape: $0.value.shape)) }
        try ModelFolder.write(
            configuration: wordedConfiguration, parameters: parameters, tokenizer: tokenizer(), to: folder)
    }

    nonisolated static func tokenizer() throws -> Tokenizer {
        let texts = ["the table says that the text is near the river", "a text about a table near the text"]
        return try BytePairTrainer(vocabularySize: 300).train(on: texts)
    }

    /// Ragged random examples.
    nonisolated static func examples(_ count: Int, vocabulary: Int, seed: UInt64 = 3) -> [TokenizedExample] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let prompt = Int.random(in: 1...6, using: &generator), completion = Int.random(in: 1...5, using: &generator)
            let tokens = (0..<prompt + completion).map { _ in
                Int32.random(in: 0..<Int32(vocabulary), using: &generator)
            }
            return TokenizedExample(tokens: tokens, targetStart: prompt)
        }
    }
}

extension LanguageModel {
    /// All logits of one sequence run alone, [tokens × vocabulary].
    func logits(_ tokens: [Int32], after start: InitialKeyValues? = nil) -> [Float] {
        let cache = KVCache(shape: network.shape, sequences: [.init(after: start?.decoder)], keepsTokens: false)
        return network.head(network.hiddenStates(TokenBatch([tokens]), cache: cache, dropout: nil)).values
    }

    /// −log p of each target token of one example run alone: the definition, without the code under test.
    func losses(_ example: TokenizedExample, after start: InitialKeyValues? = nil) -> [Double] {
        let vocabulary = network.shape.vocabularySize
        let logits = logits(example.tokens, after: start)
        return (example.targetStart..<example.tokens.count).map { index in
            let row = logits[(index - 1) * vocabulary..<index * vocabulary].map(Double.init)
            let greatest = row.max() ?? 0
            let total = row.reduce(0) { $0 + exp($1 - greatest) }
            return greatest + log(total) - row[Int(example.tokens[index])]
        }
    }
}

extension TuningMethod {
    /// The bits of all parameters, in order.
    var bits: [[UInt32]] { parameters.map { $0.value.values.map(\.bitPattern) } }
}

/// Goldens of Tests/Goldens/prefix.
struct PrefixGolden {
    static let folder = Fixtures.goldens.appendingPathComponent("prefix")
    private let file: SafetensorsFile

    /// A file of golden tensors.
    init(_ path: String) throws { file = try SafetensorsFile(Self.folder.appendingPathComponent(path)) }

    func values(_ name: String) throws -> [Float] {
        try CheckpointReader(file).read(name, shape: try #require(file.shape(of: name), "no golden \(name)"))
    }

    @Compute func tensor(_ name: String) throws -> Tensor {
        Tensor(try values(name), shape: try #require(file.shape(of: name)))
    }

    static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(path)))
    }

    /// An example under the names of the goldens.
    struct Example: Decodable {
        var prompt_ids, completion_ids: [Int32]

        var tokenized: TokenizedExample {
            TokenizedExample(tokens: prompt_ids + completion_ids, targetStart: prompt_ids.count)
        }
    }
}

/// The norm of the difference relative to the norm of what is expected.
func relativeDistance(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var difference = 0.0, size = 0.0
    for (a, e) in zip(found, expected) {
        difference += Double(a - e) * Double(a - e)
        size += Double(e) * Double(e)
    }
    return (difference / max(size, 1e-300)).squareRoot()
}

/// The greatest relative difference of two lists of numbers.
func relativeDifference(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs($0 - $1) / max(abs($1), 1e-300) }.max() ?? 0
}
