import Foundation
import Tensors
import Testing

/// A segment of an attention case: rows of one of its tensors.
struct SegmentCase: Sendable {
    let tensor: Int
    let rows: Rows
    let key: Int
    let value: Int

    enum Rows: Sendable {
        case range(Range<Int>)
        case list([Int32])

        var all: [Int] {
            switch self {
            case .range(let range): Array(range)
            case .list(let list): list.map(Int.init)
            }
        }
    }
}

/// A batch of sequences to attend with, over a few tensors: the subject of a test.
struct AttentionCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Rows and width of each tensor; tensor 0 holds the queries.
    let tensors: [[Int]]
    /// Tensors that are not differentiated.
    var constants: Set<Int> = []
    let sequences: [(queries: Range<Int>, segments: [SegmentCase])]
    let geometry: AttentionGeometry
    var dropout: AttentionDropout?
    /// The tensor [heads × (2·reach + 1)] of what is added to scores.
    var bias: Int?

    var outputWidth: Int { geometry.heads * geometry.headWidth }
    var outputCount: Int { tensors[0][0] * outputWidth }
}

/// Attention one number at a time, in double precision: the oracle of the kernels.
struct AttentionReference {
    let subject: AttentionCase
    private var geometry: AttentionGeometry { subject.geometry }

    /// A position that a sequence attends to.
    private struct Position {
        let tensor: Int
        let key: Int
        let value: Int
    }

    private func positions(_ segments: [SegmentCase]) -> [Position] {
        segments.flatMap { segment in
            let width = subject.tensors[segment.tensor][1]
            return segment.rows.all.map {
                Position(
                    tensor: segment.tensor, key: $0 * width + segment.key, value: $0 * width + segment.value)
            }
        }
    }

    /// An element of the dropout's mask: SplitMix64 at place 2³² · (row · heads + head) + position.
    private func mask(row: Int, head: Int, position: Int) -> Double {
        guard let dropout = subject.dropout else { return 1 }
        let place = UInt64(row * geometry.heads + head) << 32 + UInt64(position)
        var z = dropout.seed &+ (place &+ 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        let uniform = Float((z ^ (z >> 31)) >> 40) / Float(1 << 24)
        return uniform < dropout.probability ? 0 : Double(1 / (1 - dropout.probability))
    }

    /// Calls `body` for each sequence, query and head, with the offset of the query, of the output, of the key head,
    /// the visible positions, their probabilities, the mask of these and the offsets of what was added to their scores.
    private func forEachQuery(
        _ tensors: [[Double]],
        _ body: (
            _ query: Int, _ output: Int, _ keyHead: Int, _ seen: ArraySlice<Position>, _ p: [Double], _ mask: [Double],
            _ biases: [Int]
        ) -> Void
    ) {
        let depth = geometry.headWidth
        for sequence in subject.sequences {
            let all = positions(sequence.segments)
            for (i, row) in sequence.queries.enumerated() {
                let hidden = geometry.isCausal ? sequence.queries.count - 1 - i : 0
                let seen = all.dropLast(hidden).suffix(geometry.window ?? all.count)
                for head in 0..<geometry.heads {
                    let query = row * subject.tensors[0][1] + head * depth
                    let keyHead = head * geometry.keyHeads / geometry.heads * depth
                    let own = all.count - sequence.queries.count + i
                    let width = subject.bias.map { subject.tensors[$0][1] } ?? 0
                    let biases: [Int] =
                        width > 0 ? seen.indices.map { head * width + width / 2 + own - $0 } : []
                    let scores = seen.indices.map { index in
                        let position = seen[index]
                        var dot = 0.0
                        for d in 0..<depth {
                            dot += tensors[0][query + d] * tensors[position.tensor][position.key + keyHead + d]
                        }
                        let added = subject.bias.map { tensors[$0][biases[index - seen.startIndex]] } ?? 0
                        return dot * Double(geometry.scale) + added
                    }
                    let greatest = scores.max() ?? 0
                    let exponentials = scores.map { exp($0 - greatest) }, sum = exponentials.reduce(0, +)
                    body(
                        query, row * subject.outputWidth + head * depth, keyHead, seen, exponentials.map { $0 / sum },
                        seen.indices.map { mask(row: row, head: head, position: $0) }, biases)
                }
            }
        }
    }

    /// softmax(scale · q kᵀ) v.
    func output(_ tensors: [[Double]]) -> [Double] {
        var result = [Double](repeating: 0, count: subject.outputCount)
        forEachQuery(tensors) { _, output, keyHead, seen, p, mask, _ in
            for (position, (p, mask)) in zip(seen, zip(p, mask)) {
                for d in 0..<geometry.headWidth {
                    result[output + d] += p * mask * tensors[position.tensor][position.value + keyHead + d]
                }
            }
        }
        return result
    }

    /// The gradient of Σ c · output with respect to every tensor.
    func gradients(_ tensors: [[Double]], _ c: [Double]) -> [[Double]] {
        var result = tensors.map { [Double](repeating: 0, count: $0.count) }
        let depth = geometry.headWidth, scale = Double(geometry.scale)
        forEachQuery(tensors) { query, output, keyHead, seen, p, mask, biases in
            let dP = zip(seen, mask).map { position, mask in
                mask
                    * (0..<depth).reduce(0.0) {
                        $0 + c[output + $1] * tensors[position.tensor][position.value + keyHead + $1]
                    }
            }
            let average = dot(p, dP)
            for (i, position) in seen.enumerated() {
                let dScore = p[i] * (dP[i] - average) * scale, tensor = position.tensor
                if let bias = subject.bias { result[bias][biases[i]] += p[i] * (dP[i] - average) }
                for d in 0..<depth {
                    result[tensor][position.value + keyHead + d] += p[i] * mask[i] * c[output + d]
                    result[tensor][position.key + keyHead + d] += dScore * tensors[0][query + d]
                    result[0][query + d] += dScore * tensors[tensor][position.key + keyHead + d]
                }
            }
        }
        return result
    }
}

extension AttentionCase {
    /// Random elements for every tensor.
    func elements(seed: UInt64) -> [[Float]] {
        var random = SeededGenerator(seed)
        return tensors.map { random.values($0[0] * $0[1]) }
    }

    /// Attention by the engine.
    @Compute func attend(_ tensors: [Tensor]) -> Tensor { attend(tensors[0], tensors.map { .float32($0) }) }

    /// The same with keys and values apart from the queries.
    @Compute func attend(_ queries: Tensor, _ sources: [KeyValueRows]) -> Tensor {
        attention(
            queries: queries,
            sequences: sequences.map { sequence in
                AttendingSequence(
                    queries: sequence.queries,
                    segments: sequence.segments.map {
                        let rows: KeyValueSegment.Rows =
                            switch $0.rows {
                            case .range(let range): .range(range)
                            case .list(let list): .list(list)
                            }
                        return KeyValueSegment(
                            source: sources[$0.tensor], rows: rows, keyColumn: $0.key, valueColumn: $0.value)
                    })
            }, geometry: geometry, dropout: dropout,
            bias: bias.flatMap { index in sources[index].tensor.map { DistanceBias($0) } })
    }
}
