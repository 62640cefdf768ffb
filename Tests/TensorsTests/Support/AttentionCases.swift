import Tensors

extension AttentionCase {
    /// Sequences of new tokens, projected to [queries | keys | values] of one tensor, each after its own past.
    ///
    /// - Parameter past: What each sequence attends to before its own tokens.
    private static func causal(
        _ name: String, lengths: [Int], heads: Int, keyHeads: Int? = nil, width: Int, others: [[Int]] = [],
        constants: Set<Int> = [], window: Int? = nil, past: (Int) -> [SegmentCase] = { _ in [] }
    ) -> AttentionCase {
        let all = heads * width, keys = (keyHeads ?? heads) * width
        var start = 0
        let sequences = lengths.enumerated().map { index, length in
            let rows = start..<start + length
            start += length
            let own = SegmentCase(tensor: 0, rows: .range(rows), key: all, value: all + keys)
            return (queries: rows, segments: past(index) + [own])
        }
        return AttentionCase(
            testDescription: name, tensors: [[start, all + 2 * keys]] + others, constants: constants,
            sequences: sequences,
            geometry: AttentionGeometry(
                heads: heads, keyHeads: keyHeads, headWidth: width, scale: 1 / Float(width).squareRoot(), window: window
            ))
    }

    /// Layer `layer` of a prefix P [length × 2·layers·width] as PEFT stores it: key and value of a layer side by side.
    private static func prefix(_ tensor: Int, length: Int, layer: Int, width: Int) -> SegmentCase {
        SegmentCase(tensor: tensor, rows: .range(0..<length), key: 2 * layer * width, value: (2 * layer + 1) * width)
    }

    /// Small enough for finite differences in every element.
    static let small: [AttentionCase] = [
        causal("own tokens only, one head of 8", lengths: [1, 2, 5], heads: 1, width: 8),
        causal(
            "a prefix of three layers shared by all but the last, heads of 12", lengths: [3, 4, 5, 2], heads: 2,
            width: 12, others: [[4, 3 * 2 * 24]]
        ) { $0 == 3 ? [] : [prefix(1, length: 4, layer: 1, width: 24)] },
        causal(
            "two prefixes in one batch", lengths: [5, 1, 4, 3], heads: 2, width: 8, others: [[3, 64], [6, 64]]
        ) { [prefix(1 + $0 % 2, length: $0 % 2 == 0 ? 3 : 6, layer: 1, width: 16)] },
        causal("grouped key heads", lengths: [2, 6], heads: 6, keyHeads: 2, width: 8, others: [[3, 32]]) { _ in
            [prefix(1, length: 3, layer: 0, width: 16)]
        },
        causal(
            "histories as lists, among them one empty and one row twice", lengths: [1, 2, 3, 4, 5], heads: 2, width: 8,
            others: [[9, 32], [2, 32]]
        ) { index in
            let histories: [[Int32]] = [[0, 3, 8, 1], [0, 3, 5], [], [7], [2, 2, 4, 6, 0]]
            return [
                prefix(2, length: 2, layer: 0, width: 16),
                SegmentCase(tensor: 1, rows: .list(histories[index]), key: 0, value: 16),
            ]
        },
        causal(
            "only the prefix is differentiated", lengths: [4, 3], heads: 1, width: 8, others: [[5, 32]], constants: [0]
        ) { _ in [prefix(1, length: 5, layer: 1, width: 8)] },
        causal(
            "the prefix is a constant", lengths: [4, 2], heads: 1, width: 8, others: [[5, 16]], constants: [1]
        ) { _ in [prefix(1, length: 5, layer: 0, width: 8)] },
        causal("an empty prefix", lengths: [4], heads: 1, width: 8, others: [[3, 16]]) { _ in
            [prefix(1, length: 0, layer: 0, width: 8)]
        },
        causal("a window of 3 over own tokens", lengths: [1, 2, 3, 9, 4], heads: 2, width: 8, window: 3),
        causal("a window of 1: each token sees itself", lengths: [2, 11], heads: 1, width: 8, window: 1),
        causal(
            "a window that ends inside a prefix and a list", lengths: [2, 5], heads: 2, keyHeads: 1, width: 8,
            others: [[20, 16], [9, 16]], window: 7
        ) { _ in
            [
                prefix(1, length: 20, layer: 0, width: 8),
                SegmentCase(tensor: 2, rows: .list([4, 0, 8, 4, 1]), key: 8, value: 0),
            ]
        },
        AttentionCase(
            testDescription: "cross attention to two encoded texts, values before keys",
            tensors: [[8, 16], [9, 40]],
            sequences: [
                (0..<1, [SegmentCase(tensor: 1, rows: .range(0..<3), key: 24, value: 3)]),
                (1..<6, [SegmentCase(tensor: 1, rows: .range(3..<9), key: 24, value: 3)]),
                (6..<8, [SegmentCase(tensor: 1, rows: .range(0..<3), key: 24, value: 3)]),
            ], geometry: AttentionGeometry(heads: 2, headWidth: 8, scale: 0.3, isCausal: false)),
        AttentionCase(
            testDescription: "queries in another order than the sequences", tensors: [[9, 24]],
            sequences: [
                (5..<9, [SegmentCase(tensor: 0, rows: .range(5..<9), key: 8, value: 16)]),
                (0..<5, [SegmentCase(tensor: 0, rows: .range(0..<5), key: 8, value: 16)]),
            ], geometry: AttentionGeometry(heads: 1, headWidth: 8, scale: 0.35)),
    ]

    /// The same with dropout: one of five probabilities, then half of them.
    static let dropped: [AttentionCase] = small.enumerated().map { index, subject in
        var subject = subject
        subject.dropout = AttentionDropout(probability: index.isMultiple(of: 2) ? 0.2 : 0.5, seed: UInt64(index))
        return subject
    }

    /// Scores with something added by distance: what reaches as far as whole vectors of queries look.
    private static func biased(_ subject: AttentionCase) -> AttentionCase {
        let longest = subject.sequences.map { $0.segments.reduce(0) { $0 + $1.rows.all.count } }.max() ?? 0
        var biased = AttentionCase(
            testDescription: subject.testDescription + ", biased",
            tensors: subject.tensors + [[subject.geometry.heads, 2 * DistanceBias.reach(ofPositions: longest) + 1]],
            constants: subject.constants, sequences: subject.sequences, geometry: subject.geometry)
        biased.bias = subject.tensors.count
        return biased
    }

    static let biased = small.map(biased), largeBiased = large.map(biased)

    /// Compared with the reference only.
    static let large: [AttentionCase] = [
        causal(
            "650 tokens, heads of 64, prefix 10 of layer 2 of 4", lengths: [17, 300, 1, 200, 132], heads: 2, width: 64,
            others: [[10, 4 * 2 * 128]]
        ) { _ in [prefix(1, length: 10, layer: 2, width: 128)] },
        causal("one long sequence after a prefix of 200", lengths: [450], heads: 1, width: 12, others: [[200, 24]]) {
            _ in [prefix(1, length: 200, layer: 0, width: 12)]
        },
        causal(
            "five beams over one long past", lengths: [1, 1, 1, 1, 1], heads: 3, width: 64,
            others: [[700, 384], [50, 384]]
        ) { beam in
            let history = (0..<40).map { Int32(($0 * 5 + beam * 3) % 50) }
            return [
                SegmentCase(tensor: 1, rows: .range(10..<700), key: 0, value: 192),
                SegmentCase(tensor: 2, rows: .list(history), key: 0, value: 192),
            ]
        },
        causal(
            "a window of 40 over 300 tokens after a prefix of 50", lengths: [3, 300, 1, 60], heads: 4, keyHeads: 2,
            width: 20, others: [[50, 80]], window: 40
        ) { _ in [prefix(1, length: 50, layer: 0, width: 40)] },
        causal(
            "a window of 16 far on in the past", lengths: [1, 2, 4, 9, 33], heads: 2, width: 12, others: [[200, 48]],
            window: 16
        ) { _ in [prefix(1, length: 200, layer: 0, width: 24)] },
        causal("a window wider than everything", lengths: [1, 20], heads: 1, width: 8, window: 1000),
        causal("lengths around the block of 8", lengths: Array(1...33), heads: 2, width: 20),
        causal(
            "grouped heads of 64 over a long past", lengths: [3, 4, 40], heads: 8, keyHeads: 2, width: 64,
            others: [[100, 256]]
        ) { _ in [SegmentCase(tensor: 1, rows: .range(5..<95), key: 0, value: 128)] },
    ]
    /// The same with dropout.
    static let largeDropped: [AttentionCase] = large.enumerated().map { index, subject in
        var subject = subject
        subject.dropout = AttentionDropout(probability: 0.1, seed: 1 << 40 + UInt64(index))
        return subject
    }
}
