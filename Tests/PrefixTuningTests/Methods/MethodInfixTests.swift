import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Infix-tuning against PyTorch in float64 (Tests/Goldens/methods/generate.py), its runs and its files.
@Suite("Infix-tuning") @Compute struct MethodInfixTests {
    struct Golden: Decodable {
        var examples: [PrefixGolden.Example]
        var loss: Double
    }

    nonisolated static let folders = ["gpt2": "gpt2/tied", "llama": "architectures/llama-3"]

    static func method(
        _ model: LanguageModel, length: Int = 3, hiddenWidth: Int? = 7, dropout: Float = 0, tape: Tape = Tape()
    ) throws -> InfixMethod {
        var settings = InfixMethod.Settings()
        (settings.length, settings.hiddenWidth, settings.dropout) = (length, hiddenWidth, dropout)
        return try InfixMethod(model: model, settings: settings, seed: 1, passTape: tape)
    }

    @Test("loss, logits of the answer and all gradients", arguments: ["gpt2", "llama"], [256, 1])
    func golden(name: String, tokensPerPass: Int) throws {
        let all: [String: Golden] = try MethodGoldenTests.decode("infix.json"), golden = try #require(all[name])
        let file = try SafetensorsFile(MethodGoldenTests.folder.appendingPathComponent("infix.safetensors"))
        @Compute func values(_ key: String) throws -> [Float] {
            try CheckpointReader(file).read("\(name).\(key)", shape: try #require(file.shape(of: "\(name).\(key)")))
        }
        try MethodGoldenTests.withModel(try #require(Self.folders[name])) { folder in
            let method = try Self.method(LanguageModel.load(folder, for: .tuning)), network = method.model.network
            #expect(method.parameters.count == 6)
            for (name, value) in method.parameters { value.assign(try values("value.\(name)")) }
            let examples = golden.examples.map(\.tokenized), targets = examples.reduce(0) { $0 + $1.targetCount }
            let start = method.beginStep(dropoutSeed: 1)
            let rows = examples.map { TargetLoss.Row(example: $0, start: start, weight: 1 / Float(targets)) }
            var sum = 0.0
            for pass in TargetLoss.passes(rows, tokensPerPass: tokensPerPass) {
                let (loss, _) = TargetLoss.evaluate(pass, model: network)
                method.passTape.backward(from: loss)
                sum += Double(loss.values[0])
            }
            method.endStep()
            #expect(abs(sum / golden.loss - 1) < 1e-5)
            for (name, value) in method.parameters {
                let gradient = try #require(value.gradient?.value, "no gradient of \(name)").values
                let distance = relativeDistance(gradient, try values("grad.\(name)"))
                #expect(distance < 1e-4, "\(name): \(distance)")
            }
            for (index, example) in examples.enumerated() {
                let found = Self.logits(method.model, example, after: method.start())
                let distance = relativeDistance(found, try values("logits.\(index)"))
                #expect(distance < 1e-4, "example \(index): \(distance)")
            }
        }
    }

    /// What predicts each target of one example run alone.
    static func logits(
        _ model: LanguageModel, _ example: TokenizedExample, after start: InitialKeyValues?
    ) -> [Float] {
        let prompt = Array(example.tokens.prefix(example.targetStart))
        let (sequence, read) = model.network.begin([prompt], after: [start])[0]
        let cache = KVCache(shape: model.network.shape, sequences: [sequence], keepsTokens: false)
        let batch = TokenBatch([Array(example.tokens[read...].dropLast())])
        let hidden = model.network.hiddenStates(batch, cache: cache, dropout: nil)
        return model.network.head(
            hidden.rows(at: (0..<Int32(example.targetCount)).map { Int32(example.targetStart - 1 - read) + $0 })
        ).values
    }

    @Test("without embeddings of its own and without a shift, an infix is the tokens that it stands for")
    func tokens() throws {
        let model = try TinyModel.worded()
        let words: [Int32] = [7, 7, 201]
        let infix = VirtualTokens(
            embeddings: model.network.embeddings(of: words), shift: .zeros([3, model.network.shape.prefixRowWidth]))
        let example = TokenizedExample(tokens: [3, 99, 250, 0, 17, 5], targetStart: 4)
        let plain = TokenizedExample(tokens: [3, 99, 250] + words + [0, 17, 5], targetStart: 7)
        let found = Self.logits(model, example, after: InitialKeyValues(afterPrompt: infix))
        #expect(relativeDistance(found, Self.logits(model, plain, after: nil)) < 1e-5)
        // And the prompt sees nothing of it.
        let prefix = try PrefixMethod(model: model, settings: .tiny(length: 2, hiddenWidth: nil), seed: 1).start()
        let both = InitialKeyValues(decoder: prefix?.decoder, afterPrompt: infix)
        #expect(
            relativeDistance(
                Self.logits(model, example, after: both), Self.logits(model, plain, after: prefix)) < 1e-5)
    }

    private static func trainer(_ model: LanguageModel, hiddenWidth: Int? = 7, tokensPerPass: Int = 256) throws
        -> Trainer
    {
        var settings = TrainingSettings()
        (settings.duration, settings.batchSize, settings.learningRate) = (.steps(6), 3, 1e-2)
        settings.tokensPerPass = tokensPerPass
        return try Trainer(
            method(model, hiddenWidth: hiddenWidth, dropout: 0.2), examples: TinyModel.examples(7, vocabulary: 300),
            settings: settings)
    }

    @Test("a run that was stopped continues bit for bit, and learns", arguments: [7, nil])
    func resumed(hiddenWidth: Int?) throws {
        let model = try TinyModel.worded(), examples = TinyModel.examples(7, vocabulary: 300)
        let whole = try Self.trainer(model, hiddenWidth: hiddenWidth), before = whole.validationLoss(examples)
        var losses: [Double] = []
        while !whole.isFinished { losses.append(try whole.step().loss) }
        #expect(whole.validationLoss(examples) < before)
        try withTrainingFolder { folder in
            let first = try Self.trainer(model, hiddenWidth: hiddenWidth)
            for _ in 0..<3 { _ = try first.step() }
            try first.saveState(to: folder)
            let second = try Self.trainer(model, hiddenWidth: hiddenWidth)
            try second.restoreState(from: folder)
            for index in 3..<6 { #expect(try second.step().loss == losses[index]) }
            #expect(second.method.bits == whole.method.bits)
        }
        let single = try Self.trainer(model, hiddenWidth: hiddenWidth, tokensPerPass: 1)
        for loss in losses { #expect(abs(try single.step().loss / loss - 1) < 1e-4) }
    }

    @Test("an infix trains beside a prefix in the same passes")
    func together() throws {
        let model = try TinyModel.worded(), tape = Tape(), examples = TinyModel.examples(6, vocabulary: 300)
        @Compute func trainers(_ tape: Tape?) throws -> [Trainer] {
            let prefix = PrefixMethod.Settings.tiny(length: 2, hiddenWidth: nil)
            let methods: [any TuningMethod] = [
                try Self.method(model, length: 2, tape: tape ?? Tape()),
                try PrefixMethod(model: model, settings: prefix, seed: 1, passTape: tape ?? Tape()),
                try Self.method(model, length: 4, hiddenWidth: nil, tape: tape ?? Tape()),
            ]
            return try methods.map { try Trainer($0, examples: examples, settings: .tiny(batch: 2)) }
        }
        let together = try JointTrainer(trainers(tape))
        while !together.isFinished { _ = together.step() }
        for (joint, alone) in zip(together.trainers, try trainers(nil)) {
            while !alone.isFinished { _ = try alone.step() }
            for (one, other) in zip(joint.method.parameters, alone.method.parameters) {
                let distance = relativeDistance(one.value.values, other.value.values)
                #expect(distance < 1e-4, "\(joint.method.name) \(one.name): \(distance)")
            }
        }
    }

    @Test("a written infix answers as the trained method does: greedy and with beams, in common batches")
    func written() throws {
        let model = try TinyModel.worded(), method = try Self.method(model, length: 2)
        let trainer = try Trainer(method, examples: TinyModel.examples(6, vocabulary: 300), settings: .tiny())
        while !trainer.isFinished { _ = try trainer.step() }
        try withTrainingFolder { folder in
            try method.write(to: folder)
            #expect(InfixFile.isInfix(folder))
            let file = try InfixFile(folder)
            #expect(file.parameterCount == method.storedParameterCount && file.length == 2)
            #expect(file.baseModel == "worded")
            #expect(
                failure(PrefixError.self) { _ = try PrefixFile(folder) }?.description.contains("INFIX_TUNING") == true)
            let start = InitialKeyValues(afterPrompt: try file.infix(for: model))
            let prompts: [[Int32]] = [[3, 99, 250, 0], [17], [5, 0]]
            for strategy in [DecodingOptions.Strategy.greedy, .beam(width: 3)] {
                var options = DecodingOptions()
                (options.strategy, options.maxNewTokens) = (strategy, 6)
                let generator = Generator(model.network)
                let trained = try generator.generate(prompts, after: method.start(), options: options)
                let mixed = try generator.generate(
                    [[8, 9, 4]] + prompts, after: [nil, start, start, start], options: options)
                #expect(Array(mixed.dropFirst()).map(\.tokenIds) == trained.map(\.tokenIds))
                guard case .greedy = strategy else { continue }
                for (prompt, answer) in zip(prompts, trained) {
                    // Token for token, the greatest logit of the whole text so far.
                    for (index, token) in answer.tokenIds.enumerated() {
                        let text = prompt + answer.tokenIds.prefix(index + 1)
                        let logits = Self.logits(
                            model, TokenizedExample(tokens: text, targetStart: prompt.count), after: start
                        ).suffix(model.network.shape.vocabularySize)
                        let best = logits.indices.max { logits[$0] < logits[$1] }
                        #expect(best == logits.startIndex + Int(token))
                    }
                }
            }
            var options = DecodingOptions()
            options.maxNewTokens = 36
            #expect(
                failure(GenerationError.self) {
                    _ = try Generator(model.network).generate([[1, 2, 3, 4]], after: start, options: options)
                } == .tooLong(index: 0, prefix: 2, prompt: 4, newTokens: 36, positions: 40))
        }
    }

    @Test("what does not fit is refused")
    func refusals() throws {
        let model = try TinyModel.worded()
        #expect(throws: PrefixError.tooLong(length: 40, positions: 40)) { _ = try Self.method(model, length: 40) }
        #expect(throws: PrefixError.self) { _ = try Self.method(model, length: 0) }
        #expect(throws: PrefixError.self) { _ = try Self.method(model, hiddenWidth: 0) }
        #expect(throws: PrefixError.self) { _ = try Self.method(model, dropout: 1) }
        try MethodGoldenTests.withModel("bart/uneven") { folder in
            let bart = try LanguageModel.load(folder, for: .tuning)
            #expect(throws: PrefixError.infixOfEncoder(architecture: "BART")) { _ = try Self.method(bart) }
            let saved = folder.appendingPathComponent("saved")
            try Self.method(model).write(to: saved)
            #expect(throws: PrefixError.infixOfEncoder(architecture: "BART")) {
                _ = try InfixFile(saved).infix(for: bart)
            }
        }
        try MethodGoldenTests.withModel("gpt2/tied") { folder in
            let saved = folder.appendingPathComponent("saved")
            try Self.method(model).write(to: saved)
            let other = try LanguageModel.load(folder)
            #expect(throws: PrefixError.self) { _ = try InfixFile(saved).infix(for: other) }
            try Data("{\"peft_type\": \"INFIX_TUNING\"}".utf8).write(
                to: saved.appendingPathComponent("adapter_config.json"))
            #expect(
                failure(PrefixError.self) { _ = try InfixFile(saved) }?.description.hasSuffix(
                    ": it does not describe an infix") == true)
        }
    }
}
