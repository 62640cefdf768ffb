import Foundation
import Testing

@testable import Tensors

/// loss = Σ weightᵢ · −log softmax(hᵢ·W + b)[targetᵢ], all logits at once, and its derivative.
private struct Reference {
    var hidden: ReferenceMatrix, head: ReferenceMatrix, bias: [Double]
    let targets: [Int32], weights: [Double]

    var logProbabilities: ReferenceMatrix {
        var logits = (hidden * head).adding(bias)
        let width = logits.columns
        for row in 0..<logits.rows {
            let x = logits.values[row * width..<(row + 1) * width], greatest = x.max() ?? 0
            let normalizer = greatest + log(x.reduce(0) { $0 + exp($1 - greatest) })
            for i in x.indices { logits.values[i] -= normalizer }
        }
        return logits
    }

    var perRow: [Double] {
        let probabilities = logProbabilities
        return targets.indices.map { -probabilities.values[$0 * probabilities.columns + Int(targets[$0])] }
    }

    var loss: Double { dot(weights, perRow) }

    /// weight · (softmax − one-hot).
    var logitGradients: ReferenceMatrix {
        var result = logProbabilities
        let width = result.columns
        for i in result.values.indices {
            let row = i / width, hit = Int(targets[row]) == i % width
            result.values[i] = weights[row] * (exp(result.values[i]) - (hit ? 1 : 0))
        }
        return result
    }

    var gradients: (hidden: [Double], head: [Double], bias: [Double]) {
        let d = logitGradients
        return ((d * head.transposed).values, (hidden.transposed * d).values, d.rowSum)
    }
}

@Compute @Suite struct CrossEntropyTests {
    private func sample(
        rows: Int, width: Int, vocabulary: Int, deviation: Float = 1, hasBias: Bool
    ) -> (hidden: [Float], head: [Float], bias: [Float]?, targets: [Int32], weights: [Float], reference: Reference) {
        var random = SeededGenerator(UInt64(rows * 7 + vocabulary))
        let hidden = random.values(rows * width, deviation: deviation), head = random.values(width * vocabulary)
        let bias = hasBias ? random.values(vocabulary) : nil
        let targets = random.indices(rows, below: vocabulary)
        // A row of weight 0 is not learnt from.
        let weights = (0..<rows).map { $0 % 5 == 3 ? 0 : Float.random(in: 0.1...2, using: &random) }
        let reference = Reference(
            hidden: ReferenceMatrix(hidden.doubles, rows: rows, columns: width),
            head: ReferenceMatrix(head.doubles, rows: width, columns: vocabulary),
            bias: bias?.doubles ?? [Double](repeating: 0, count: vocabulary), targets: targets,
            weights: weights.doubles)
        return (hidden, head, bias, targets, weights, reference)
    }

    @Test func referenceGradientIsTheSlope() {
        let reference = sample(rows: 4, width: 3, vocabulary: 6, hasBias: true).reference, slopes = reference.gradients
        func value(_ change: (inout Reference) -> Void) -> Double {
            var changed = reference
            change(&changed)
            return changed.loss
        }
        expectSlope(
            of: { x in value { $0.hidden.values = x } }, at: reference.hidden.values, equals: slopes.hidden, "hidden")
        expectSlope(of: { w in value { $0.head.values = w } }, at: reference.head.values, equals: slopes.head, "head")
        expectSlope(of: { b in value { $0.bias = b } }, at: reference.bias, equals: slopes.bias, "bias")
    }

    private nonisolated static let shapes = [
        [1, 5, 7, 128], [3, 8, 1, 128], [17, 20, 50, 16], [17, 20, 1031, 5], [130, 24, 257, 128], [300, 16, 101, 100],
    ]

    /// A head that notes how many rows it is given.
    private final class CountingHead: LinearMap {
        let inputWidth = 4, outputWidth = 3, rowsForLoss = 64
        var parameterGradient: Gradient? { nil }
        var counts: [Int] = []

        func apply(_ x: TensorRows, into y: TensorRows) {
            counts.append(x.count)
            for i in 0..<x.count * outputWidth { y.floats[i] = 0 }
        }
        func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {}
        func collectGradient(_ dy: TensorRows, x: TensorRows) {}
    }

    /// Chunks begin at multiples of 16: products are computed up to one, and over what lies behind.
    @Test(arguments: [(91, nil, [64, 27]), (300, 100, [112, 112, 76]), (20, 5, [5, 5, 5, 5]), (5, nil, [5])])
    func chunksBeginAtMultiples(rows: Int, chunk: Int?, counts: [Int]) {
        let head = CountingHead()
        _ = crossEntropy(
            Tensor(shape: [rows, 4]), head: head, targets: Array(repeating: 0, count: rows),
            weights: Array(repeating: 1, count: rows), chunk: chunk)
        #expect(head.counts == counts)
    }

    @Test(arguments: MapKind.allCases, shapes)
    func equalsReference(kind: MapKind, shape: [Int]) throws {
        let (rows, width, vocabulary, chunk) = (shape[0], shape[1], shape[2], shape[3])
        for hasBias in [false, true] {
            let s = sample(rows: rows, width: width, vocabulary: vocabulary, hasBias: hasBias)
            let tape = Tape(), hidden = Tensor(s.hidden, shape: [rows, width], tape: tape)
            let head = try kind.make(s.head, input: width, output: vocabulary, bias: s.bias, tape: tape)
            let (loss, perRow) = crossEntropy(
                hidden, head: head, targets: s.targets, weights: s.weights, chunk: chunk)
            #expect(loss.shape == [1])
            expectClose(perRow, s.reference.perRow, tolerance: 2e-6, "per row")
            expectClose(loss.values, [s.reference.loss], tolerance: 2e-6, "loss")
            tape.backward(from: loss)
            let gradients = s.reference.gradients
            expectClose(hidden.gradient?.value?.values, gradients.hidden, tolerance: 4e-6, "dHidden")
            guard kind.isTrainable else { continue }
            expectClose(kind.weightGradient(head), gradients.head, tolerance: 4e-6, "dHead")
            guard hasBias else { continue }
            let dBias = (head as? TrainableMatrix)?.bias?.gradient?.value?.values
            expectClose(dBias, gradients.bias, tolerance: 4e-6, "dBias")
        }
    }

    /// Logits of hundreds: nothing overflows, and the most probable token costs nothing.
    @Test func largeLogits() throws {
        let s = sample(rows: 17, width: 16, vocabulary: 203, deviation: 60, hasBias: false)
        #expect((s.reference.hidden * s.reference.head).values.contains { $0 > 500 })
        let tape = Tape(), hidden = Tensor(s.hidden, shape: [17, 16], tape: tape)
        let head = try MapKind.frozen.make(s.head, input: 16, output: 203, bias: nil)
        let (loss, perRow) = crossEntropy(hidden, head: head, targets: s.targets, weights: s.weights)
        tape.backward(from: loss)
        expectClose(perRow, s.reference.perRow, tolerance: 1e-6, "per row")
        // Logits of hundreds carry errors of 1e-4, which is what the probabilities are then off by.
        expectClose(hidden.gradient?.value?.values, s.reference.gradients.hidden, tolerance: 1e-3, "dHidden")
    }

    /// Where nothing is differentiated, nothing is recorded, and the loss is the same.
    @Test func constantsRecordNothing() throws {
        let s = sample(rows: 20, width: 8, vocabulary: 30, hasBias: false), tape = Tape()
        let head = try MapKind.frozenByOutput.make(s.head, input: 8, output: 30, bias: nil)
        let constant = Tensor(s.hidden, shape: [20, 8]), variable = constant.leaf(on: tape)
        let (loss, perRow) = crossEntropy(constant, head: head, targets: s.targets, weights: s.weights)
        #expect(loss.gradient == nil)
        let recorded = crossEntropy(variable, head: head, targets: s.targets, weights: s.weights)
        #expect(recorded.loss.gradient != nil)
        #expect(recorded.perRow.bits == perRow.bits && recorded.loss.values.bits == loss.values.bits)
    }

    @Test func noRows() throws {
        let tape = Tape(), hidden = Tensor([], shape: [0, 4], tape: tape)
        let head = try MapKind.frozen.make([Float](repeating: 1, count: 20), input: 4, output: 5, bias: nil)
        let (loss, perRow) = crossEntropy(hidden, head: head, targets: [], weights: [])
        tape.backward(from: loss)
        #expect(loss.values == [0] && perRow.isEmpty)
    }

    @Test(arguments: MapKind.allCases, [[1, 5, 7], [17, 20, 1031], [130, 24, 257]])
    func logProbabilitiesEqualReference(kind: MapKind, shape: [Int]) throws {
        let s = sample(rows: shape[0], width: shape[1], vocabulary: shape[2], hasBias: true)
        let head = try kind.make(s.head, input: shape[1], output: shape[2], bias: s.bias)
        let result = logProbabilities(Tensor(s.hidden, shape: [shape[0], shape[1]], tape: Tape()), head: head)
        #expect(result.shape == [shape[0], shape[2]] && result.gradient == nil)
        expectClose(result.values, s.reference.logProbabilities.values, tolerance: 1e-6, "log-probabilities")
    }
}
