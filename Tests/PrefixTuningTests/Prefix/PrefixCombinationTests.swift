import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

@Suite("Prefixes made of two") @Compute struct PrefixCombinationTests {
    static func prefix(_ length: Int, seed: UInt64, _ model: LanguageModel) throws -> Prefix {
        try PrefixMethod(model: model, settings: .tiny(length: length, hiddenWidth: nil), seed: seed).prefix()
    }

    @Test("a mixture: its ends, its middle, and beyond")
    func mixture() throws {
        let model = try TinyModel.worded()
        let (a, b) = (try Self.prefix(3, seed: 1, model), try Self.prefix(3, seed: 2, model))
        #expect(try a.interpolated(with: b, weight: 0) == a && a.interpolated(with: b, weight: 1) == b)
        let middle = try a.interpolated(with: b, weight: 0.25).values
        for (index, value) in middle.enumerated() {
            #expect(abs(value - (0.75 * a.values[index] + 0.25 * b.values[index])) < 1e-6)
        }
        #expect(try a.interpolated(with: a, weight: -3).values.elementsEqual(a.values) { abs($0 - $1) < 1e-5 })
    }

    @Test("in a row: text attends to the positions of both")
    func row() throws {
        let model = try TinyModel.worded(), shape = model.network.shape, text: [Int32] = [3, 99, 250]
        let (a, b) = (try Self.prefix(3, seed: 1, model), try Self.prefix(2, seed: 2, model))
        let both = try a.concatenated(with: b)
        #expect(both.length == 5 && both.values == a.values + b.values && both.baseModel == "worded")
        let logits = model.logits(text, after: try both.keyValues(for: shape))
        #expect(logits != model.logits(text, after: try a.keyValues(for: shape)))
        // Attention does not know the order of what has no position.
        let turned = model.logits(text, after: try b.concatenated(with: a).keyValues(for: shape))
        #expect(zip(logits, turned).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test("what does not go together is refused")
    func refusals() throws {
        let model = try TinyModel.worded(), a = try Self.prefix(3, seed: 1, model)
        func reason(_ body: () throws -> Prefix) -> String? {
            let error = failure(PrefixError.self) { _ = try body() }
            guard case .cannotCombine(let reason)? = error else { return nil }
            return reason
        }
        let longer = try Self.prefix(4, seed: 1, model)
        #expect(reason { try a.interpolated(with: longer, weight: 0.5) } == "one has 3 positions, the other 4")
        var zero = a
        zero.textPosition = .zero
        #expect(reason { try a.concatenated(with: zero) }?.hasPrefix("text starts after one of them") == true)
        let other = try PrefixMethod(
            model: TinyModel.golden("tied"), settings: .tiny(length: 3, hiddenWidth: nil), seed: 1
        ).prefix()
        #expect(reason { try a.concatenated(with: other) } == "they belong to models of other layers or heads")
    }
}
