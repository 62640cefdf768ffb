import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Where the values of a prefix come from before training.
@Suite("Initial values of a prefix") @Compute struct PrefixInitializationTests {
    nonisolated static let words = "the table near the text"

    @Test("random values have the distributions of the authors' code")
    func distributions() {
        let shape = ModelShape(
            layerCount: 2, keyHeadCount: 4, headWidth: 16, width: 64, positionCount: 999, vocabularySize: 9)
        var generator = SeededGenerator(seed: 4)
        let tape = Tape()
        let mlp = MLPPrefix(
            random: &generator, length: 500, hiddenWidth: 400, outputWidth: shape.prefixRowWidth, width: shape.width,
            tape: tape)
        var found: [String: [Float]] = [:]
        for (name, value) in mlp.parameters { found[name] = value.values }
        expectNormal(found["wte.weight"] ?? [], count: 500 * 64)
        // The inverse square root of the number of inputs: 64, then 400.
        expectUniform(found["control_trans.0.weight"] ?? [], count: 400 * 64, bound: 0.125)
        expectUniform(found["control_trans.0.bias"] ?? [], count: 400, bound: 0.125)
        expectUniform(found["control_trans.2.weight"] ?? [], count: 256 * 400, bound: 0.05)
        expectUniform(found["control_trans.2.bias"] ?? [], count: 256, bound: 0.05)
        let flat = FlatPrefix(
            random: &generator, length: 100, width: shape.prefixRowWidth, tape: tape)
        expectNormal(flat.evaluate().values, count: 100 * 256)
    }

    @Test("the seed fixes random values, and nothing else does")
    func seeds() throws {
        let model = try TinyModel.worded()
        @Compute func bits(_ seed: UInt64, _ hiddenWidth: Int?) throws -> [[UInt32]] {
            try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: hiddenWidth), seed: seed).bits
        }
        for hiddenWidth in [nil, 6] {
            #expect(try bits(1, hiddenWidth) == bits(1, hiddenWidth))
            #expect(try bits(1, hiddenWidth) != bits(2, hiddenWidth))
        }
    }

    @Test("ten positions where neither settings nor source say otherwise")
    func defaultLength() throws {
        let model = try TinyModel.worded()
        let method = try PrefixMethod(model: model, settings: .tiny(length: nil, hiddenWidth: nil), seed: 1)
        #expect(try method.prefix().length == 10)
        #expect(method.reservedPositions == 10)
    }

    @Test("words are read with a leading space; the prefix is what the frozen model makes of them")
    func wordsAreText() throws {
        let model = try TinyModel.worded()
        let prefix = try flat(model, .words(Self.words)).prefix()
        let tokens = try model.tokenizer.encode(" " + Self.words)
        #expect(try tokens != model.tokenizer.encode(Self.words))
        #expect(prefix.length == tokens.count)
        #expect(prefix.values == model.keyValues(of: tokens)[.decoder]?.values)
        // A prefix of words must do what the words themselves do in front of a text.
        let text: [Int32] = [42, 7, 299, 1, 1]
        let whole = model.logits(tokens + text)
        let expected = Array(whole[(tokens.count * model.network.shape.vocabularySize)...])
        let found = model.logits(text, after: try prefix.keyValues(for: model.network.shape))
        #expect(relativeError(found, expected) < 1e-5)
        #expect(relativeError(found, model.logits(text)) > 1e-2)
    }

    @Test("a file is read as it is")
    func file() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("text.txt")
            try Data("\(Self.words)\n".utf8).write(to: url)
            let prefix = try flat(model, .file(url)).prefix()
            let tokens = try model.tokenizer.encode(Self.words + "\n")
            #expect(prefix.values == model.keyValues(of: tokens)[.decoder]?.values)
            try Data().write(to: url)
            #expect(throws: DataError.self) { _ = try flat(model, .file(url)) }
            #expect(throws: DataError.self) {
                _ = try flat(model, .file(folder.appendingPathComponent("missing.txt")))
            }
        }
    }

    @Test("words that are none", arguments: ["", " ", "\n\t "])
    func noWords(words: String) throws {
        let model = try TinyModel.worded()
        let error = failure(PrefixError.self) { _ = try flat(model, .words(words)) }
        #expect(error == .badInitialText(tokens: 0, length: nil))
        #expect(error?.description.contains("no tokens") == true)
    }

    @Test("an adapter is continued from")
    func adapter() throws {
        let model = try TinyModel.worded(), shape = model.network.shape
        let values = (0..<4 * shape.prefixRowWidth).map { Float($0) / 64 }
        try withTrainingFolder { folder in
            try Prefix(length: 4, values: values, shape: shape).write(to: folder)
            #expect(try flat(model, .adapter(folder)).prefix().values == values)
            #expect(try flat(model, .adapter(folder), length: 4).prefix().values == values)
            let error = failure(PrefixError.self) { _ = try flat(model, .adapter(folder), length: 5) }
            #expect(error == .otherLength(adapter: 4, asked: 5))
            #expect(error?.description.contains("4 positions, but the prefix length was set to 5") == true)
        }
    }

    @Test("a text of another length than asked for, or too long for the model")
    func lengths() throws {
        let model = try TinyModel.worded()
        let count = try model.tokenizer.encode(" " + Self.words).count
        let other = failure(PrefixError.self) { _ = try flat(model, .words(Self.words), length: count + 1) }
        #expect(other == .badInitialText(tokens: count, length: count + 1))
        #expect(other?.description.contains("\(count) tokens, but the prefix length was set to \(count + 1)") == true)
        #expect(try flat(model, .words(Self.words), length: count).prefix().length == count)
        let long = failure(PrefixError.self) {
            _ = try flat(model, .words([String](repeating: Self.words, count: 20).joined(separator: " ")))
        }
        #expect(long?.description.contains("leaves no room for text in a model of 40 positions") == true)
        let random = failure(PrefixError.self) { _ = try flat(model, .random, length: 40) }
        #expect(random == .tooLong(length: 40, positions: 40))
    }

    @Test("settings that no prefix can have", arguments: [(0, nil, 0), (-3, nil, 0), (3, 0, 0), (3, -1, 0), (3, 4, 1)])
    func settings(length: Int, hiddenWidth: Int?, dropout: Float) throws {
        let model = try TinyModel.worded()
        var settings = PrefixMethod.Settings.tiny(length: length, hiddenWidth: hiddenWidth)
        settings.dropout = dropout
        #expect(throws: PrefixError.self) { _ = try PrefixMethod(model: model, settings: settings, seed: 1) }
    }

    private func flat(
        _ model: LanguageModel, _ initialization: PrefixInitialization, length: Int? = nil
    ) throws -> PrefixMethod {
        var settings = PrefixMethod.Settings.tiny(length: length, hiddenWidth: nil)
        settings.initialization = initialization
        return try PrefixMethod(model: model, settings: settings, seed: 1)
    }

    private func expectNormal(_ values: [Float], count: Int, at location: SourceLocation = #_sourceLocation) {
        let (mean, variance) = moments(values), n = Double(count)
        #expect(values.count == count, sourceLocation: location)
        // Four standard errors.
        #expect(abs(mean) < 4 / n.squareRoot(), sourceLocation: location)
        #expect(abs(variance - 1) < 4 * (2 / n).squareRoot(), sourceLocation: location)
        let inner = Double(values.count { abs($0) < 1 }) / n
        #expect(abs(inner - 0.6827) < 4 * (0.6827 * 0.3173 / n).squareRoot(), sourceLocation: location)
    }

    private func expectUniform(
        _ values: [Float], count: Int, bound: Double, at location: SourceLocation = #_sourceLocation
    ) {
        let (mean, variance) = moments(values), n = Double(count)
        #expect(values.count == count, sourceLocation: location)
        #expect(values.allSatisfy { Double(abs($0)) <= bound * 1.000001 }, sourceLocation: location)
        #expect(Double(values.max() ?? 0) > bound * (1 - 12 / n), sourceLocation: location)
        #expect(Double(values.min() ?? 0) < -bound * (1 - 12 / n), sourceLocation: location)
        #expect(abs(mean) < 4 * bound / (3 * n).squareRoot(), sourceLocation: location)
        // Var(x²) of a uniform variable is 4/45 · bound⁴.
        #expect(
            abs(variance - bound * bound / 3) < 4 * bound * bound * (4 / (45 * n)).squareRoot(),
            sourceLocation: location)
    }

    private func moments(_ values: [Float]) -> (mean: Double, variance: Double) {
        let n = Double(max(1, values.count))
        let mean = values.reduce(0) { $0 + Double($1) } / n
        return (mean, values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n)
    }
}

extension PrefixMethod.Settings {
    /// A prefix for tiny models.
    static func tiny(length: Int?, hiddenWidth: Int?, dropout: Float = 0) -> Self {
        var settings = Self()
        (settings.length, settings.hiddenWidth, settings.dropout) = (length, hiddenWidth, dropout)
        return settings
    }
}
