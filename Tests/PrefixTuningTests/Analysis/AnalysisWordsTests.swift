import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// The words that a prefix is nearest to.
@Suite("Nearest words") @Compute struct AnalysisWordsTests {
    nonisolated static let models = [
        "gpt2/untied-erf", "architectures/llama-3", "architectures/qwen3-wide", "architectures/mistral-window",
        "architectures/gemma3-window", "architectures/neox-parallel", "architectures/opt-post-projected",
        "architectures/phi3-window", "architectures/gptj-half", "bart/uneven",
    ]

    /// The prefix that the model makes of a text.
    private func prefix(of tokens: [Int32], _ model: LanguageModel) throws -> Prefix {
        try Prefix(
            length: tokens.count, parts: model.keyValues(of: tokens).mapValues(\.values), shape: model.network.shape)
    }

    @Test("a prefix made of words has these words in the first layer, at every position")
    func words() throws {
        let model = try TinyModel.worded(), text = PrefixInitializationTests.words
        var settings = PrefixMethod.Settings.tiny(length: nil, hiddenWidth: nil)
        settings.initialization = .words(text)
        let prefix = try PrefixMethod(model: model, settings: settings, seed: 1).prefix()
        let tokens = try model.tokenizer.encode(" " + text)
        #expect(Set(tokens).count > 2 && tokens.count == prefix.length)
        let found = try model.nearestWords(to: prefix, count: 3)
        #expect(found.count == 2 * tokens.count)
        for (index, entry) in found.enumerated() {
            #expect(entry.position == index / 2 && entry.quantity == (index % 2 == 0 ? .key : .value))
            #expect(entry.place == .init(attention: .decoder, layer: 0))
            #expect(entry.words.first?.token == tokens[entry.position], "position \(entry.position)")
            expectNear(entry)
        }
    }

    @Test("the same in other models: learned and rotary positions, shared key heads, encoders", arguments: models)
    func firstLayers(path: String) throws {
        let model = try AnalysisModel(path).model, tokens: [Int32] = [9, 41, 30, 9]
        for entry in try model.nearestWords(to: prefix(of: tokens, model), count: 2)
        where entry.place?.attention != .cross {
            #expect(entry.words.first?.token == tokens[entry.position], "\(entry)")
            expectNear(entry)
        }
    }

    @Test("a single word is found in every layer of every attention", arguments: models)
    func allLayers(path: String) throws {
        let model = try AnalysisModel(path).model, prefix = try prefix(of: [23], model)
        for kind in model.network.shape.attentionKinds {
            let count = try #require(model.network.shape.stack(kind)).layerCount, layers = Array((0..<count).reversed())
            let found = try model.nearestWords(to: prefix, before: [kind], layers: layers, count: 2)
            #expect(found.map { $0.place?.layer } == layers.flatMap { [$0, $0] })
            for entry in found {
                #expect(entry.words.first?.token == 23, "\(entry)")
                expectNear(entry)
            }
        }
    }

    /// Nearest by far, so that rounding decides nothing.
    private func expectNear(_ entry: NearestWords) {
        #expect(entry.words[0].similarity > 0.99999 && entry.words[0].similarity < 1.00001, "\(entry)")
        #expect(entry.words[1].similarity < 0.9999, "\(entry)")
    }

    @Test("layers beyond those asked for are not computed, and nothing else changes", arguments: models)
    func depth(path: String) throws {
        let model = try AnalysisModel(path).model, tokens: [Int32] = [3, 11, 40]
        for kind in model.network.shape.attentionKinds {
            let count = try #require(model.network.shape.stack(kind)).layerCount
            let all = model.keyValues(ofLoneTokens: tokens, at: 5, kind, depth: count)
            #expect(all.count == count)
            for depth in 1..<count {
                let some = model.keyValues(ofLoneTokens: tokens, at: 5, kind, depth: depth)
                #expect(some.map(\.values) == all.prefix(depth).map(\.values))
            }
            var attentions = 0
            Compute.observingAttention { _ in
                attentions += 1
            } during: {
                _ = model.keyValues(ofLoneTokens: tokens, at: 5, kind, depth: 1)
            }
            // Cross-attention reads the whole encoder; the first layer of BART's decoder has two attentions.
            let stacks = model.network.shape
            let expected =
                kind == .cross ? stacks.encoder?.layerCount : kind == .decoder && stacks.encoder != nil ? 2 : 1
            #expect(attentions == expected)
        }
    }

    @Test("the order is that of all cosines")
    func order() throws {
        let model = try TinyModel.worded(), shape = model.network.shape
        var generator = SeededGenerator(seed: 3)
        let values = (0..<2 * shape.prefixRowWidth).map { _ in Float(generator.normal()) }
        let prefix = try Prefix(length: 2, values: values, shape: shape)
        let vocabulary = (0..<300).map(Int32.init).filter { model.tokenizer.token(for: $0) != nil }
        for entry in try model.nearestWords(to: prefix, layers: [1], count: 7) {
            let own = model.keyValues(ofLoneTokens: vocabulary, at: entry.position, .decoder, depth: 2)[1]
            let column = entry.quantity == .key ? 0 : shape.keyWidth
            let first = entry.position * shape.prefixRowWidth + 2 * shape.keyWidth + column
            let mine = values[first..<first + shape.keyWidth]
            let cosines = vocabulary.indices.map { row in
                cosine(mine, own.values[row * own.width + column..<row * own.width + column + shape.keyWidth])
            }
            let best = vocabulary.indices.sorted { cosines[$0] > cosines[$1] }.prefix(7)
            #expect(entry.words.map(\.token) == best.map { vocabulary[$0] })
            #expect(relativeError(entry.words.map(\.similarity), best.map { Float(cosines[$0]) }) < 1e-5)
        }
    }

    private func cosine(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
        func dot(_ x: ArraySlice<Float>, _ y: ArraySlice<Float>) -> Double {
            zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    @Test("a soft prompt is compared with embeddings")
    func softPrompt() throws {
        let model = try TinyModel.worded(), tokens: [Int32] = [7, 250, 31], width = model.network.shape.width
        let embeddings = model.network.embeddings(of: tokens).values
        // Length does not matter; a vector of zeros is like nothing.
        let values = embeddings.map { 3 * $0 } + [Float](repeating: 0, count: width)
        let prompt = SoftPrompt(width: width, values: values, place: .decoder)
        let found = try model.nearestWords(to: prompt, count: 2)
        #expect(found.map(\.position) == [0, 1, 2, 3] && found.allSatisfy { $0.quantity == .embedding })
        for (entry, token) in zip(found, tokens) {
            #expect(entry.words.first?.token == token && entry.place == nil)
            expectNear(entry)
        }
        #expect(found[3].words.map(\.similarity) == [0, 0] && found[3].words.map(\.token) == [0, 1])
        let wide = SoftPrompt(width: width + 1, values: [Float](repeating: 1, count: width + 1), place: .decoder)
        #expect(throws: PrefixError.self) { _ = try model.nearestWords(to: wide, count: 2) }
    }

    @Test("what is not there is refused")
    func refusals() throws {
        let model = try AnalysisModel("bart/uneven").model, golden = try AnalysisModel("bart/uneven").prefix
        let decoderOnly = try Prefix(
            length: 3, parts: golden.parts.filter { $0.key != .encoder }, shape: golden.shape, textPosition: .zero)
        func error(_ kinds: [AttentionKind]?, _ layers: [Int], _ count: Int) -> AnalysisError? {
            failure(AnalysisError.self) {
                _ = try model.nearestWords(to: decoderOnly, before: kinds, layers: layers, count: count)
            }
        }
        #expect(error(nil, [0], 0) == .badCount(0))
        #expect(error([.encoder], [0], 1) == .noPrefix(before: .encoder, has: [.decoder, .cross]))
        #expect(
            error([.encoder], [0], 1)?.description
                == "the prefix does not stand before encoder attention, but before decoder, cross; choose among these")
        #expect(error(nil, [1, 3], 1) == .noSuchLayer(3, .decoder, layers: 3))
        #expect(error(nil, [-1], 1) == .noSuchLayer(-1, .decoder, layers: 3))
        let other = try AnalysisModel("gpt2/untied-erf").model
        #expect(throws: PrefixError.self) { _ = try other.nearestWords(to: decoderOnly, count: 1) }
        struct Stop: Error {}
        var shares: [Double] = []
        #expect(throws: Stop.self) {
            _ = try model.nearestWords(to: decoderOnly, count: 1) {
                shares.append($0)
                if shares.count == 2 { throw Stop() }
            }
        }
        #expect(shares == [1.0 / 6, 2.0 / 6])
    }
}
