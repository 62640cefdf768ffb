import Testing

@testable import Tensors

/// The same operation gives the same bits, however often it runs; all but matrix products give the same bits with any
/// number of threads, too. (oneDNN splits a product by the threads it has, and so sums in another order.)
@Compute @Suite struct DeterminismTests {
    /// An operation and the way back through it; what it returns is compared bit by bit.
    enum Operation: CaseIterable, Sendable {
        case layerNorm, rmsNorm, headNorms, rotary, geluTanh, geluErf, relu, tanh, silu, gate, add, dropout
        case embedding, attention, fewQueries, window, attentionDropout
        case logSoftmax, adamW, sumOfSquares
        case frozen, trainable, crossEntropy

        var isIndependentOfThreads: Bool { ![.frozen, .trainable, .crossEntropy].contains(self) }

        @Compute func run() throws -> [UInt32] {
            var random = SeededGenerator(60)
            let rows = 131, width = 100, tape = Tape()
            let x = Tensor(random.values(rows * width), shape: [rows, width], tape: tape)
            let gain = Tensor(random.values(width), shape: [width], tape: tape)
            let bias = Tensor(random.values(width), shape: [width], tape: tape)
            func play(_ y: Tensor, _ leaves: [Tensor]) -> [UInt32] {
                y.backward(random.values(y.count))
                return y.values.bits + leaves.flatMap { $0.gradient?.value?.values.bits ?? [] }
            }
            switch self {
            case .layerNorm: return play(x.layerNormalized(gain: gain, bias: bias, epsilon: 1e-5), [x, gain, bias])
            case .rmsNorm: return play(x.rmsNormalized(gain: gain, epsilon: 1e-5), [x, gain])
            case .headNorms:
                let gains = (0..<2).map { _ in Tensor(random.values(10), shape: [10], tape: tape) }
                return play(
                    x.headsNormalized(
                        queryGain: gains[0], keyGain: gains[1], heads: 4, keyHeads: 3, headWidth: 10, epsilon: 1e-5),
                    [x] + gains)
            case .rotary:
                return play(
                    x.rotated(
                        positions: random.indices(rows, below: 40), heads: 4, headWidth: 20, rotaryWidth: 14,
                        frequencies: random.values(7)), [x])
            case .silu: return play(x.applying(.silu), [x])
            case .gate: return play(x.gated(.silu), [x])
            case .geluTanh: return play(x.applying(.geluTanh), [x])
            case .geluErf: return play(x.applying(.geluErf), [x])
            case .relu: return play(x.applying(.relu), [x])
            case .tanh: return play(x.applying(.tanh), [x])
            case .add: return play(x + x, [x])
            case .dropout: return play(x.droppingOut(0.1, seed: 3), [x])
            case .embedding: return play(x.rows(at: random.indices(500, below: rows)), [x])
            case .attention, .fewQueries:
                return Self.attention(lengths: self == .attention ? [17, 64, 5] : [1, 2, 3, 1], play)
            case .window: return Self.attention(lengths: [17, 64, 5, 1], window: 20, play)
            case .attentionDropout:
                return Self.attention(
                    lengths: [17, 64, 5, 1], dropout: AttentionDropout(probability: 0.1, seed: 5), play)
            case .logSoftmax:
                backend.logSoftmax(x.floats, rows: rows, vocabulary: width)
                return x.values.bits
            case .adamW:
                let first = Tensor.zeros([rows, width]), second = Tensor.zeros([rows, width])
                let whole = Tensor(random.values(rows * width), shape: [rows, width])
                let left = Tensor(random.values(5 * rows), shape: [5, rows])
                let right = Tensor(random.values(5 * width), shape: [5, width])
                let product = GradientProduct(left.allRows, right.allRows)
                for (step, gradient) in [(1, Gradient.Content.whole(whole)), (2, .product(product))] {
                    AdamWUpdate(
                        step: step, learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01,
                        gradientScale: 0.9
                    ).apply(to: x, gradient: gradient, first: first, second: second)
                }
                return x.values.bits + first.values.bits + second.values.bits
            case .sumOfSquares:
                let sum = Tensor(random.values(300_001), shape: [300_001]).sumOfSquares.bitPattern
                return [UInt32(truncatingIfNeeded: sum), UInt32(truncatingIfNeeded: sum >> 32)]
            case .frozen, .trainable, .crossEntropy:
                let kind = self == .frozen ? MapKind.frozen : .trainable
                let map = try kind.make(random.values(width * 70), input: width, output: 70, bias: nil, tape: tape)
                guard self == .crossEntropy else {
                    return play(map(x), [x]) + (kind.weightGradient(map)?.bits ?? [])
                }
                let targets = random.indices(rows, below: 70), weights = [Float](repeating: 1, count: rows)
                let (loss, perRow) = Tensors.crossEntropy(x, head: map, targets: targets, weights: weights, chunk: 40)
                return play(loss, [x]) + perRow.bits + (kind.weightGradient(map)?.bits ?? [])
            }
        }

        @Compute private static func attention(
            lengths: [Int], window: Int? = nil, dropout: AttentionDropout? = nil,
            _ play: (Tensor, [Tensor]) -> [UInt32]
        ) -> [UInt32] {
            var random = SeededGenerator(61), start = 0
            let rows = lengths.reduce(0, +), tape = Tape()
            let x = Tensor(random.values(rows * 180), shape: [rows, 180], tape: tape)
            let prefix = Tensor(random.values(7 * 120), shape: [7, 120], tape: tape)
            let sequences = lengths.map { length in
                defer { start += length }
                return AttendingSequence(
                    queries: start..<start + length,
                    segments: [
                        KeyValueSegment(source: prefix, rows: .range(0..<7), keyColumn: 0, valueColumn: 60),
                        KeyValueSegment(
                            source: x, rows: .range(start..<start + length), keyColumn: 60, valueColumn: 120),
                    ])
            }
            let geometry = AttentionGeometry(heads: 5, headWidth: 12, scale: 0.3, window: window)
            return play(
                Tensors.attention(queries: x, sequences: sequences, geometry: geometry, dropout: dropout), [x, prefix])
        }
    }

    @Test(arguments: Operation.allCases)
    func theSameBitsTwice(operation: Operation) throws {
        let first = try operation.run()
        #expect(!first.isEmpty)
        #expect(try operation.run() == first)
    }

    @Test(arguments: Operation.allCases.filter(\.isIndependentOfThreads), [2, 3])
    func theSameBitsWithAnyNumberOfThreads(operation: Operation, threads: Int) throws {
        let before = Compute.threads
        defer { Compute.threads = before }
        Compute.threads = 1
        let alone = try operation.run()
        Compute.threads = threads
        #expect(try operation.run() == alone)
    }
}
