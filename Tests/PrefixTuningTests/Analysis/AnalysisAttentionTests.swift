import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors
import TestSupport
import Testing
import Tokenizers

/// How much attention a prefix gets, against `output_attentions` of transformers (Tests/Goldens/attention-mass).
@Suite("Attention to a prefix") @Compute struct AnalysisAttentionTests {
    private struct Cases: Decodable {
        var sequences, sources, targets: [[Int32]]?

        /// BART's decoder reads its start token and the target without its last.
        var texts: [AttentionMeter.Text] {
            if let sequences { return sequences.map { .init(tokens: $0) } }
            return zip(sources ?? [], targets ?? []).map { .init(source: $0, tokens: [2] + $1.dropLast()) }
        }
    }

    /// Probabilities [layers × heads × queries × positions] of one text.
    private struct Expected {
        let shape: [Int]
        let values: [Float]

        init(_ name: String) throws {
            let file = try SafetensorsFile(
                Fixtures.goldens.appendingPathComponent("attention-mass/attentions.safetensors"))
            shape = try #require(file.shape(of: name), "no golden \(name)")
            values = try CheckpointReader(file).read(name, shape: shape)
        }

        /// Sums over the queries from `first` on.
        func sum(_ layer: Int, _ head: Int, _ position: Int, from first: Int) -> Double {
            (first..<shape[2]).reduce(0) {
                $0 + Double(values[((layer * shape[1] + head) * shape[2] + $1) * shape[3] + position])
            }
        }
    }

    /// The greatest difference from the golden, over all layers, heads and positions; shares are at most 1.
    private func difference(_ mass: AttentionMass, _ path: String, _ first: (Int) -> Int) throws -> Double {
        let texts = try (0..<3).map { try Expected("\(path).\(mass.kind.rawValue).\($0)") }
        #expect(texts[0].shape == [mass.layerCount, mass.headCount, texts[0].shape[2], mass.length])
        let counted = texts.enumerated().reduce(0) { $0 + $1.element.shape[2] - first($1.offset) }
        #expect(mass.tokenCount == counted)
        var worst = 0.0
        for layer in 0..<mass.layerCount {
            for head in 0..<mass.headCount {
                for (position, share) in mass.shares(layer: layer, head: head).enumerated() {
                    let sum = texts.enumerated().reduce(0) {
                        $0 + $1.element.sum(layer, head, position, from: first($1.offset))
                    }
                    worst = max(worst, abs(share - sum / Double(counted)))
                }
            }
        }
        return worst
    }

    @Test(
        "shares of every layer, head and position",
        arguments: [
            "gpt2/untied-erf", "gpt2/inverse-layer-scale", "architectures/llama-3", "architectures/qwen3-wide",
            "architectures/mistral-window", "architectures/neox-parallel", "architectures/opt-pre",
            "architectures/bloom-tied", "bart/uneven",
        ], [512, 1])
    func golden(path: String, tokensPerPass: Int) throws {
        let model = try AnalysisModel(path)
        var texts = try model.cases(Cases.self).texts
        #expect(texts.count == 3)
        let meter = try AttentionMeter(model.network, prefix: model.prefix, tokensPerPass: tokensPerPass)
        var read: [Int] = []
        let all = try meter.measure(texts) { read.append($0) }
        #expect(read == (tokensPerPass == 1 ? [1, 2, 3] : [3]))
        #expect(all.map(\.kind) == model.network.shape.attentionKinds)
        for mass in all {
            let error = try difference(mass, path) { _ in 0 }
            print("\(path): \(mass.kind.rawValue) shares differ by \(error)")
            #expect(error < 2e-6)
            #expect(mass.total > 0.1 && mass.total < 1)
        }
        // Only some tokens of each; all of a source count.
        for index in texts.indices { texts[index].firstCounted = index }
        for mass in try meter.measure(texts) {
            let error = try difference(mass, path) { mass.kind == .encoder ? 0 : $0 }
            #expect(error < 2e-6)
        }
    }

    @Test("means are those of heads, layers and positions")
    func means() throws {
        let model = try AnalysisModel("gpt2/untied-erf")
        let meter = try AttentionMeter(model.network, prefix: model.prefix)
        let mass = try #require(try meter.measure(model.cases(Cases.self).texts).first)
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        for layer in 0..<3 {
            for position in 0..<3 {
                let heads = (0..<3).map { mass.shares(layer: layer, head: $0)[position] }
                #expect(abs(mass.shares(layer: layer)[position] - mean(heads)) < 1e-12)
            }
            #expect(abs(mass.total(layer: layer) - mean((0..<3).map { mass.total(layer: layer, head: $0) })) < 1e-12)
        }
        #expect(abs(mass.total - mean((0..<3).map { mass.total(layer: $0) })) < 1e-12)
        #expect(mass.mostAttended.sorted() == [0, 1, 2])
        let ordered = mass.mostAttended.map { mass.positionShares[$0] }
        #expect(ordered == ordered.sorted(by: >))
        let html = [mass].reportPage(subtitle: "a <model>").html
        #expect(html.contains("a &lt;model&gt;") && html.contains(AttentionMass.percent(mass.total)))
    }

    @Test("examples are read as they are scored; prompts alone are read whole")
    func examples() throws {
        let model = try TinyModel.worded()
        let tokenizer = ExampleTokenizer(model, format: .plain)
        let place = DataLocation(file: "x", line: 1)
        let (prompt, completion) = try (model.tokenizer.encode("the text"), model.tokenizer.encode(" is near"))
        func texts(_ example: Example, predictingOnly: Bool = false) throws -> [AttentionMeter.Text] {
            try AttentionMeter.texts(
                of: [example], model: model.network, tokenizer: tokenizer, predictingOnly: predictingOnly)
        }
        let alone = Example(prompt: "the text", location: place)
        #expect(try texts(alone) == [.init(tokens: prompt)])
        let full = Example(prompt: "the text", references: [" is near", " is near"], location: place)
        // The end token is predicted, not read; the last token of the prompt predicts the first of the completion.
        #expect(try texts(full) == [.init(tokens: prompt + completion), .init(tokens: prompt + completion)])
        #expect(try texts(full, predictingOnly: true).map(\.firstCounted) == [prompt.count - 1, prompt.count - 1])
        #expect(failure(DataError.self) { _ = try texts(alone, predictingOnly: true) } == .missingCompletion(place))
    }

    @Test("what does not fit is refused")
    func refusals() throws {
        let model = try TinyModel.worded(), other = try AnalysisModel("gpt2/untied-erf")
        #expect(throws: PrefixError.self) { _ = try AttentionMeter(model.network, prefix: other.prefix) }
        let prefix = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 1).prefix()
        let meter = try AttentionMeter(model.network, prefix: prefix)
        func error(_ texts: [AttentionMeter.Text]) -> AnalysisError? {
            failure(AnalysisError.self) { _ = try meter.measure(texts) }
        }
        #expect(error([]) == .noTexts)
        #expect(error([.init(tokens: [])]) == .noTexts)
        #expect(error([.init(tokens: [1, 300])]) == .unknownToken(300, vocabulary: 300))
        let long = AttentionMeter.Text(tokens: [Int32](repeating: 1, count: 38))
        #expect(error([.init(tokens: [1]), long]) == .tooLong(text: 1, tokens: 38, positions: 37))
        #expect(
            error([long])?.description
                == "text 1 has 38 tokens, but 37 fit (the model's positions less the prefix); shorten it")
    }
}
