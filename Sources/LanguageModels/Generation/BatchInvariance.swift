import Foundation
import Tensors

extension CausalModel {
    /// Whether the model computes the same bits for a sequence whatever goes through it beside, and however a prompt is cut into
    /// parts: then a request to a ``LiveBatch`` has the same answer, bit by bit, alone and among others.
    ///
    /// It is tried, with a frozen model's own matrices, as it depends on the processor and the library that multiplies: of 64
    /// texts of a token, the first 1, 3, 9 and 17 by themselves; a prompt of 40 tokens whole, in parts of 17 and 23, and beside
    /// others; and the token after each of them. The kernels of integers are made for it; oneDNN's products of 32-bit floats
    /// keep it where they were measured; weights of 16 bits do not keep it. It takes as long as reading some 350 tokens.
    ///
    /// - Parameter type: How keys and values are held.
    public func isBatchInvariant(as type: CacheType = .float32) -> Bool {
        let size = shape.vocabularySize, room = shape.positionCount
        func token(_ index: Int) -> Int32 { Int32((index * 7919 + 11) % size) }
        let texts = (0..<64).map { [token($0)] }
        let together = scores(of: texts, as: type)
        for count in [1, 3, 9, 17] {
            let few = scores(of: Array(texts[..<count]), as: type)
            guard few.equals(together, in: 0..<count, from: 0) else { return false }
        }
        let length = min(40, room - 2)
        // A part has no fewer than 4 tokens.
        guard length >= 8 else { return true }
        let prompt = (0..<length).map(token), cut = max(4, length * 17 / 40)
        let whole = scores(of: [prompt], as: type)
        let besides = scores(of: [texts[5], prompt, Array(prompt.suffix(5)), texts[9]], as: type)
        return whole.equals(besides, in: 0..<1, from: 1)
            && whole.equals(scores(of: [prompt], cutAt: cut, as: type), in: 0..<1, from: 0)
    }

    /// The scores of the token after each text, and of the one after that.
    private func scores(of texts: [[Int32]], cutAt cut: Int = 0, as type: CacheType) -> ScoresOfTexts {
        let starts = startToken.map { start in texts.map { _ in [start] } }
        let begun = begin(
            starts ?? texts, about: starts == nil ? [] : texts, after: texts.map { _ in [] }, as: type)
        let cache = KVCache(shape: shape, sequences: begun.map(\.sequence), keepsTokens: true, as: type)
        func next(_ inputs: [[Int32]]) -> Tensor {
            let batch = TokenBatch(inputs, wanting: inputs.map { _ in 1 })
            return head(hiddenStates(batch, cache: cache, dropout: nil))
        }
        var inputs = starts ?? texts
        if cut > 0, starts == nil {
            _ = next(inputs.map { Array($0.prefix(cut)) })
            inputs = inputs.map { Array($0.dropFirst(cut)) }
        }
        return ScoresOfTexts(steps: [next(inputs), next(texts.map { [$0[0]] })])
    }
}

/// Scores [texts × vocabulary] of some steps.
@Compute private struct ScoresOfTexts {
    let steps: [Tensor]

    /// Whether some rows have the same bits as others, from one on.
    func equals(_ other: ScoresOfTexts, in rows: Range<Int>, from first: Int) -> Bool {
        zip(steps, other.steps).allSatisfy { step, other in
            memcmp(
                step.floats + rows.lowerBound * step.width, other.floats + first * step.width,
                rows.count * step.width * MemoryLayout<Float>.size) == 0
        }
    }
}

extension LanguageModel {
    /// Whether an answer has the same bits whatever else the model is busy with; see ``CausalModel/isBatchInvariant(as:)``.
    public func isBatchInvariant() -> Bool { network.isBatchInvariant(as: cacheType) }
}
