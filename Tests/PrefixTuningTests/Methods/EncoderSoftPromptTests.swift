import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Prompt tuning and P-tuning before an encoder's text against PEFT's forward in float64 (Tests/Goldens/soft-prompts/generate.py).
@Suite("Soft prompts of encoder–decoder models") @Compute struct EncoderSoftPromptTests {
    static let folder = Fixtures.goldens.appendingPathComponent("soft-prompts")
    nonisolated static let names = ["bart-scaled", "bart-uneven", "t5-plain", "t5-gated"].flatMap { model in
        ["prompt-tuning", "p-tuning"].map { "\(model)-\($0)" }
    }

    struct Case: Decodable {
        var model, kind: String
        var losses: [[Double]]
        var answers: [[Int32]]
    }

    struct Pairs: Decodable {
        var sources, targets: [[Int32]]
    }

    private static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent(path)))
    }

    /// A case with its pairs as examples, and what reads its tensors.
    private func withCase(
        _ name: String, _ body: (URL, Case, [TokenizedExample], (String, [Int]) throws -> [Float]) throws -> Void
    ) throws {
        let cases: [String: Case] = try Self.decode("soft-prompts/cases.json"), golden = try #require(cases[name])
        let file = try SafetensorsFile(Self.folder.appendingPathComponent("golden.safetensors"))
        let pairs: Pairs = try Self.decode("\(golden.model)/cases.json")
        try MethodGoldenTests.withModel(golden.model) { folder in
            let start = try #require(LanguageModel.load(folder).network.startToken)
            let examples = zip(pairs.sources, pairs.targets).map {
                TokenizedExample(source: $0, tokens: [start] + $1, targetStart: 1)
            }
            try body(folder, golden, examples) { try CheckpointReader(file).read("\(name).\($0)", shape: $1) }
        }
    }

    @Test("what PEFT has written gives its logits, losses and answers", arguments: names)
    func read(name: String) throws {
        try withCase(name) { folder, golden, examples, values in
            let model = try LanguageModel.load(folder), network = model.network
            let prefix = try ResidentPrefix(contentsOf: Self.folder.appendingPathComponent(name), for: model)
            #expect(prefix.length == 3 && prefix.positions == 3 && prefix.start.decoder == nil)
            #expect(prefix.byteCount >= 3 * network.shape.width * 4)
            let begun = network.begin(
                examples.map { Array($0.tokens.prefix(1)) }, about: examples.map(\.source),
                after: examples.map { _ in prefix.start })
            let batch = TokenBatch(examples.map { Array($0.tokens.dropLast()) })
            let cache = KVCache(shape: network.shape, sequences: begun.map(\.sequence), keepsTokens: false)
            let logits = network.head(network.hiddenStates(batch, cache: cache, dropout: nil))
            for (index, rows) in batch.ranges.enumerated() {
                let width = network.shape.vocabularySize
                let found = Array(logits.values[rows.lowerBound * width..<rows.upperBound * width])
                #expect(relativeError(found, try values("logits.\(index)", [rows.count, width])) < 1e-5)
            }
            let (_, losses) = TargetLoss.evaluate(examples, model: network, start: prefix.start, weight: 1)
            #expect(relativeDifference(losses.map(Double.init), golden.losses.flatMap(\.self)) < 1e-5)
            let (_, plain) = TargetLoss.evaluate(examples, model: network, start: nil, weight: 1)
            #expect(relativeDifference(plain.map(Double.init), golden.losses.flatMap(\.self)) > 1e-3)

            // Beside requests that come after nothing.
            let options = DecodingOptions(.greedy, maxNewTokens: golden.answers[0].count)
            let sources = examples.flatMap { [$0.source, $0.source] }
            let answers = try Generator(network).generate(
                sources, after: sources.indices.map { $0.isMultiple(of: 2) ? prefix.start : nil }, options: options)
            for (index, expected) in golden.answers.enumerated() {
                #expect(answers[2 * index].tokenIds == expected)
            }
            let alone = try Generator(network).generate(examples.map(\.source), options: options)
            #expect(examples.indices.allSatisfy { answers[2 * $0 + 1].tokenIds == alone[$0].tokenIds })
        }
    }

    @Test(
        "gradients of what PEFT trains, however much is computed twice; and it is written as PEFT reads it",
        arguments: names)
    func gradients(name: String) throws {
        try withCase(name) { folder, golden, examples, values in
            var settings = SoftPromptMethod.Settings(golden.kind == "p-tuning" ? .encoder : .prompt)
            (settings.length, settings.hiddenWidth) = (3, golden.kind == "p-tuning" ? 10 : nil)
            let model = try LanguageModel.load(folder, for: .tuning)
            let method = try SoftPromptMethod(model: model, settings: settings, seed: 1)
            for (name, value) in method.parameters {
                value.assign(try values("value.\(name == "prefix" ? "embedding.weight" : name)", value.shape))
            }
            for part in Recomputation.Part.allCases {
                let (loss, _) = TargetLoss.evaluate(
                    examples, model: model.network, start: method.beginStep(dropoutSeed: 0), weight: 1,
                    recomputation: Recomputation(part, on: method.passTape))
                #expect(abs(Double(loss.values[0]) / golden.losses.joined().reduce(0, +) - 1) < 1e-5)
                method.passTape.backward(from: loss)
                method.endStep()
                for (name, value) in method.parameters {
                    let gradient = try #require(value.gradient?.take(), "no gradient of \(name)").values
                    let key = "grad.\(name == "prefix" ? "embedding.weight" : name)"
                    #expect(relativeDistance(gradient, try values(key, value.shape)) < 1e-4, "\(name)")
                }
            }
            let saved = folder.appendingPathComponent("saved"), file = "adapter_model.safetensors"
            try method.write(to: saved)
            let (ours, theirs) = (
                try SafetensorsFile(saved.appendingPathComponent(file)),
                try SafetensorsFile(Self.folder.appendingPathComponent("\(name)/\(file)"))
            )
            let key = "prompt_embeddings", shape = try #require(theirs.shape(of: key)), used = 3 * shape[1]
            #expect(ours.shape(of: key) == shape && ours.names == theirs.names)
            let (found, expected) = (
                try CheckpointReader(ours).read(key, shape: shape), try CheckpointReader(theirs).read(key, shape: shape)
            )
            #expect(relativeError(Array(found.prefix(used)), Array(expected.prefix(used))) < 1e-5)
            for (name, folder) in [("saved", saved), ("PEFT's", Self.folder.appendingPathComponent(name))] {
                let configuration = try PEFTConfiguration(folder.appendingPathComponent("adapter_config.json"))
                #expect(
                    configuration.num_transformer_submodules == 2 && configuration.num_virtual_tokens == 3, "\(name)")
                #expect(configuration.task_type == "SEQ_2_SEQ_LM" && configuration.token_dim == shape[1], "\(name)")
            }
        }
    }

    @Test(
        "embeddings of tokens are read as the tokens",
        arguments: ["bart/scaled", "bart/uneven", "t5/plain", "t5/gated"])
    func embeddingsOfTokens(path: String) throws {
        try MethodGoldenTests.withModel(path) { folder in
            let network = try LanguageModel.load(folder).network, start = try #require(network.startToken)
            @Compute func losses(_ source: [Int32], after tokens: [Int32]) -> [Double] {
                let embeddings = tokens.isEmpty ? nil : network.embeddings(of: tokens)
                let example = TokenizedExample(source: source, tokens: [start, 9, 4, 7], targetStart: 1)
                return TargetLoss.evaluate(
                    [example], model: network, start: InitialKeyValues(sourceEmbeddings: embeddings), weight: 1
                ).perTarget.map(Double.init)
            }
            let whole = losses([5, 9, 7, 3, 11], after: [])
            #expect(relativeDifference(losses([7, 3, 11], after: [5, 9]), whole) < 1e-6)
            #expect(relativeDifference(losses([7, 3, 11], after: [9, 5]), whole) > 1e-4)
        }
    }

    @Test("of another width, or too long") func refusals() throws {
        try MethodGoldenTests.withModel("bart/scaled") { folder in
            let model = try LanguageModel.load(folder), shape = model.network.shape
            @Compute func refusal(_ length: Int, _ width: Int) -> PrefixError? {
                let prompt = SoftPrompt(
                    width: width, values: Array(repeating: 0, count: length * width), place: .encoder)
                return failure(PrefixError.self) { _ = try prompt.start(on: model) }
            }
            #expect(refusal(2, shape.width) == nil)
            #expect(
                refusal(2, shape.width + 1) == .wrongSize(found: 2 * shape.width + 2, expected: "2 × \(shape.width)"))
            #expect(refusal(40, shape.width) == .tooLong(length: 40, positions: 40))
            // A source that does not fit behind it.
            let start = InitialKeyValues(sourceEmbeddings: Tensor.zeros([30, shape.width]))
            #expect(throws: GenerationError.sourceTooLong(index: 0, source: 11, positions: 10)) {
                _ = try Generator(model.network).generate(
                    [Array(repeating: 3, count: 11)], after: start, options: DecodingOptions(maxNewTokens: 2))
            }
        }
    }
}
