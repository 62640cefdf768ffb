import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Training the paper's three prefixes of an encoder–decoder model (Tests/Goldens/bart/generate.py, in float64).
@Suite("Prefix-tuning of BART") @Compute struct BARTTrainingTests {
    struct Golden: Decodable {
        struct Example: Decodable {
            var source, target: [Int32]

            /// The decoder reads its start token and the target without its last.
            var tokenized: TokenizedExample {
                TokenizedExample(source: source, tokens: [2] + target, targetStart: 1)
            }
        }
        var batch_size, hidden, prefix_length, steps: Int
        var learning_rate, weight_decay, epsilon: Double
        var examples: [Example]
        var losses, gradient_norms: [Double]
    }

    @Test("twenty steps of three MLPs: losses, gradient norms and final parameters", arguments: [256, 1])
    func golden(tokensPerPass: Int) throws {
        let golden: Golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: TinyBART.goldens.appendingPathComponent("training.json")))
        let file = try SafetensorsFile(TinyBART.goldens.appendingPathComponent("training.safetensors"))
        func values(_ name: String) throws -> [Float] {
            try CheckpointReader(file).read(name, shape: try #require(file.shape(of: name), "no golden \(name)"))
        }
        let method = try PrefixMethod(
            model: TinyBART.golden(), settings: .tiny(length: golden.prefix_length, hiddenWidth: golden.hidden), seed: 1
        )
        #expect(method.parameters.count == 15)
        for (name, value) in method.parameters { value.assign(try values("initial.\(name)")) }
        var settings = TrainingSettings()
        settings.duration = .steps(golden.steps)
        (settings.batchSize, settings.shuffles) = (golden.batch_size, false)
        (settings.learningRate, settings.schedule) = (golden.learning_rate, .linear)
        (settings.reduction, settings.tokensPerPass) = (.mean, tokensPerPass)
        settings.optimizer.weightDecay = golden.weight_decay
        settings.optimizer.epsilon = golden.epsilon
        settings.optimizer.clip = 0
        let trainer = try Trainer(method, examples: golden.examples.map(\.tokenized), settings: settings)
        var steps: [Trainer.Step] = []
        while !trainer.isFinished { steps.append(try trainer.step()) }
        #expect(steps.count == 20 && golden.examples.count == 60)
        for (index, step) in steps.enumerated() {
            #expect(abs(step.learningRate - 5e-3 * (1 - Double(index) / 20)) < 1e-15)
        }
        let losses = relativeDifference(steps.map(\.loss), golden.losses)
        #expect(losses < 1e-6, "losses: \(losses)")
        let norms = relativeDifference(steps.map(\.gradientNorm), golden.gradient_norms)
        #expect(norms < 1e-5, "gradient norms: \(norms)")
        var worst = 0.0
        for (name, value) in method.parameters {
            let error = relativeDistance(value.values, try values("final.\(name)"))
            worst = max(worst, error)
            #expect(error < 1e-5, "\(name): \(error)")
            // Twenty steps move every parameter: what was not trained cannot pass.
            #expect(relativeDistance(value.values, try values("initial.\(name)")) > 1e-3, "\(name) did not move")
        }
        print("BART training, \(tokensPerPass) tokens per pass: losses \(losses), norms \(norms), parameters \(worst)")
    }

    @Test("a run resumed after any step: three MLPs, dropout on prefix and model, shuffled data")
    func resumed() throws {
        let model = try TinyBART.golden()
        @Compute func trainer() throws -> Trainer {
            var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: 6, dropout: 0.2)
            settings.modelDropout = 0.1
            return try Trainer(
                PrefixMethod(model: model, settings: settings, seed: 1), examples: TinyBART.examples(5),
                settings: TrainerStateTests.settings(seed: 1))
        }
        let whole = try TrainerStateTests.train(trainer)
        #expect(try TrainerStateTests.train(trainer) == whole)
        for k in [0, 1, 3, 6, 7] {
            #expect(try TrainerStateTests.train(stoppingAfter: k, trainer) == whole, "after \(k) steps")
        }
    }

    @Test("words give each attention what the frozen model makes of them")
    func words() throws {
        let model = try TinyBART.worded(), shape = model.network.shape
        var settings = PrefixMethod.Settings.tiny(length: nil, hiddenWidth: nil)
        settings.initialization = .words("the cat sat")
        let prefix = try PrefixMethod(model: model, settings: settings, seed: 1).prefix()
        let tokens = try model.tokenizer.encode(" the cat sat")
        #expect(prefix.length == tokens.count)
        #expect(Set(prefix.parts.keys) == Set(AttentionKind.allCases))
        for (kind, tensor) in model.keyValues(of: tokens) { #expect(prefix.parts[kind] == tensor.values) }
        // Reading the words and reading nothing after a prefix of them must come to the same.
        let network = try #require(model.network as? any EncoderDecoderModel)
        let start = try prefix.keyValues(for: shape)
        let target = TokenBatch([[2, 0, 40, 77]])
        let source = network.encode(TokenBatch([tokens]), after: [nil], dropout: nil)
        @Compute func logits(_ sequence: KVCache.Sequence) -> [Float] {
            let cache = KVCache(shape: shape, sequences: [sequence], keepsTokens: false)
            return network.head(network.hiddenStates(target, cache: cache, dropout: nil)).values
        }
        let expected = logits(.init(reading: source))
        let cross = try #require(start.cross)
        #expect(relativeError(logits(.init(reading: [cross])), expected) < 1e-6)
        let unlike = logits(.init(reading: network.encode(TokenBatch([[7]]), after: [nil], dropout: nil)))
        #expect(relativeError(unlike, expected) > 1e-2)
    }

    @Test("words are fitted by the MLP of each attention")
    func fitting() throws {
        let model = try TinyBART.worded()
        var settings = PrefixMethod.Settings.tiny(length: nil, hiddenWidth: 48)
        settings.initialization = .words("the cat")
        let fitted = try PrefixMethod(model: model, settings: settings, seed: 1).prefix()
        settings.initialization = .random
        settings.length = fitted.length
        let random = try PrefixMethod(model: model, settings: settings, seed: 1).prefix()
        let targets = try model.keyValues(of: model.tokenizer.encode(" the cat"))
        for kind in AttentionKind.allCases {
            let target = try #require(targets[kind]).values
            let error = relativeDistance(fitted.parts[kind] ?? [], target)
            #expect(error < 0.9 * relativeDistance(random.parts[kind] ?? [], target), "\(kind): \(error)")
        }
    }

    @Test("the cross-attention alone")
    func crossAlone() throws {
        let model = try TinyBART.golden()
        var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: nil)
        settings.attentions = [.cross]
        let method = try PrefixMethod(model: model, settings: settings, seed: 1)
        #expect(method.parameters.map(\.name) == ["prefix2"])
        #expect(method.storedParameterCount == 3 * 2 * 2 * 24)
        let before = method.bits
        let trainer = try Trainer(method, examples: TinyBART.examples(6), settings: .tiny(reduction: .mean))
        var losses: [Double] = []
        while !trainer.isFinished { losses.append(try trainer.step().loss) }
        #expect(method.bits != before && losses.allSatisfy(\.isFinite))
        let prefix = try method.prefix()
        #expect(Set(prefix.parts.keys) == [.cross])
        try withTrainingFolder { folder in
            try method.write(to: folder)
            let read = try Prefix(folder: folder, model: model.network.shape)
            #expect(read.parts == prefix.parts && read.textPosition == .zero)
        }
    }

    @Test("a decoder-only model has no encoder to put a prefix before")
    func noSuchAttention() throws {
        var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: nil)
        settings.attentions = [.encoder]
        let model = try TinyModel.worded()
        let error = failure(PrefixError.self) { _ = try PrefixMethod(model: model, settings: settings, seed: 1) }
        #expect(error == .noSuchAttention(.encoder, architecture: "GPT-2"))
    }

    @Test("examples without a source, or with one that is too long or has unknown tokens")
    func badExamples() throws {
        let model = try TinyBART.golden()
        @Compute func refusal(_ example: TokenizedExample) throws -> TrainingError? {
            let method = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 1)
            return failure(TrainingError.self) {
                _ = try Trainer(method, examples: TinyBART.examples(1) + [example], settings: .tiny())
            }
        }
        let tokens: [Int32] = [2, 0, 5, 2]
        #expect(
            try refusal(TokenizedExample(tokens: tokens, targetStart: 1)) == .badSource(example: 2, needsSource: true))
        // The model has 40 positions, and a prefix takes none of them.
        func source(_ count: Int) -> [Int32] { [Int32](repeating: 5, count: count) }
        #expect(try refusal(TokenizedExample(source: source(40), tokens: tokens, targetStart: 1)) == nil)
        #expect(
            try refusal(TokenizedExample(source: source(41), tokens: tokens, targetStart: 1))
                == .exampleTooLong(example: 2, tokens: 41, limit: 40))
        #expect(try refusal(TokenizedExample(source: [5], tokens: [2] + source(40), targetStart: 1)) == nil)
        #expect(
            try refusal(TokenizedExample(source: [5], tokens: [2] + source(41), targetStart: 1))
                == .exampleTooLong(example: 2, tokens: 41, limit: 40))
        #expect(
            try refusal(TokenizedExample(source: [57], tokens: tokens, targetStart: 1))
                == .tokenOutOfVocabulary(token: 57, vocabulary: 57))
        let causal = try PrefixMethod(model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: nil), seed: 1)
        let error = failure(TrainingError.self) {
            _ = try Trainer(
                causal, examples: [TokenizedExample(source: [5], tokens: tokens, targetStart: 1)], settings: .tiny())
        }
        #expect(error == .badSource(example: 1, needsSource: false))
    }
}

/// Small BART models for tests.
@Compute enum TinyBART {
    nonisolated static let goldens = Fixtures.goldens.appendingPathComponent("bart")
    nonisolated static let words = Fixtures.goldens.appendingPathComponent("xsum")

    /// The golden model `scaled`. Its tokenizer is there because a model must have one; no text fits it.
    static func golden() throws -> LanguageModel {
        try load(goldens.appendingPathComponent("scaled"))
    }

    /// A model of a vocabulary that fits its tokenizer (Tests/Goldens/xsum).
    static func worded() throws -> LanguageModel { try load(words.appendingPathComponent("model")) }

    private static func load(_ folder: URL) throws -> LanguageModel {
        Compute.threads = 1
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let network = try configuration.network(
            WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: true)))
        let tokenizer = try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/roberta"))
        return try LanguageModel(
            name: folder.lastPathComponent, tokenizer: tokenizer, configuration: configuration, network: network)
    }

    /// Ragged random examples for the golden model.
    nonisolated static func examples(_ count: Int) -> [TokenizedExample] {
        var generator = SeededGenerator(seed: 11)
        func content(_ most: Int, _ generator: inout SeededGenerator) -> [Int32] {
            [0]
                + (0..<Int.random(in: 1...most, using: &generator)).map { _ in
                    Int32.random(in: 3..<57, using: &generator)
                }
                + [2]
        }
        return (0..<count).map { _ in
            let source = content(9, &generator)
            return TokenizedExample(source: source, tokens: [2] + content(5, &generator), targetStart: 1)
        }
    }
}
