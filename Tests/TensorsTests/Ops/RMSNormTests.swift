import Testing

@testable import Tensors

/// y = x / √(mean x² + ε) · gain over each head of each row, and its derivative, in double precision.
private struct Reference {
    var x: [Double]
    /// One gain per head; nil where the head is copied.
    var gains: [[Double]?]
    let width: Int
    let epsilon: Double

    private func head(_ index: Int) -> (x: [Double], gain: [Double]?, scale: Double) {
        let x = Array(x[index * width..<(index + 1) * width])
        return (x, gains[index % gains.count], 1 / (dot(x, x) / Double(width) + epsilon).squareRoot())
    }

    var output: [Double] {
        (0..<x.count / width).flatMap { index in
            let (x, gain, scale) = head(index)
            return gain.map { zip(x, $0).map { $0 * scale * $1 } } ?? x
        }
    }

    func gradients(_ dy: [Double]) -> (x: [Double], gains: [[Double]]) {
        var dx: [Double] = [], dGains = gains.map { _ in [Double](repeating: 0, count: width) }
        for index in 0..<x.count / width {
            let (x, gain, scale) = head(index), g = Array(dy[index * width..<(index + 1) * width])
            guard let gain else {
                dx += g
                continue
            }
            let dz = zip(g, gain).map { $0 * $1 }, correlation = dot(dz, x) * scale * scale / Double(width)
            for i in 0..<width {
                dGains[index % gains.count][i] += g[i] * x[i] * scale
                dx.append(scale * (dz[i] - x[i] * correlation))
            }
        }
        return (dx, dGains)
    }
}

@Compute @Suite struct RMSNormTests {
    @Test func referenceGradientIsTheSlope() {
        var random = SeededGenerator(70)
        let reference = Reference(
            x: random.values(2 * 3 * 5, deviation: 2).doubles,
            gains: [random.values(5).doubles, random.values(5).doubles, nil], width: 5, epsilon: 1e-3)
        let dy = random.values(2 * 3 * 5).doubles, gradients = reference.gradients(dy)
        func value(_ change: (inout Reference) -> Void) -> Double {
            var changed = reference
            change(&changed)
            return dot(dy, changed.output)
        }
        expectSlope(of: { x in value { $0.x = x } }, at: reference.x, equals: gradients.x, "x")
        for head in 0..<2 {
            expectSlope(
                of: { gain in value { $0.gains[head] = gain } }, at: reference.gains[head] ?? [],
                equals: gradients.gains[head], "gain \(head)")
        }
    }

    @Test(arguments: [(1, 3), (1, 5), (17, 16), (17, 33), (3, 768), (650, 48), (650, 100)])
    func equalsReference(rows: Int, width: Int) {
        var random = SeededGenerator(UInt64(rows * 1000 + width))
        let x = random.values(rows * width, deviation: 2).map { $0 + 0.5 }, gain = random.values(width)
        let dy = random.values(rows * width), tape = Tape()
        let xs = Tensor(x, shape: [rows, width], tape: tape), gains = Tensor(gain, shape: [width], tape: tape)
        let y = xs.rmsNormalized(gain: gains, epsilon: 1e-5)
        #expect(y.shape == [rows, width])
        y.backward(dy)
        let reference = Reference(x: x.doubles, gains: [gain.doubles], width: width, epsilon: 1e-5)
        let gradients = reference.gradients(dy.doubles)
        expectClose(y.values, reference.output, tolerance: 1e-6, "y")
        expectClose(xs.gradient?.value?.values, gradients.x, tolerance: 4e-6, "dx")
        expectClose(gains.gradient?.value?.values, gradients.gains[0], tolerance: 4e-6, "dGain")
    }

    /// A row of zeros, and one whose squares are far below ε.
    @Test func epsilonHoldsSmallRows() {
        let x: [Float] = [0, 0, 1e-6, -1e-6]
        let y = Tensor(x, shape: [2, 2]).rmsNormalized(gain: Tensor([1, 2], shape: [2]), epsilon: 1e-6)
        expectClose(y.values.map { $0 * 1000 }, [0, 0, 1, -2], tolerance: 1e-6, "y")
    }

    private nonisolated static let forms = [
        (rows: 1, heads: 2, keyHeads: 2, width: 8), (rows: 5, heads: 6, keyHeads: 2, width: 12),
        (rows: 70, heads: 4, keyHeads: 1, width: 64), (rows: 3, heads: 3, keyHeads: 3, width: 5),
    ]

    @Test(arguments: forms.indices)
    func headsEqualReference(form: Int) {
        let (rows, heads, keyHeads, width) = Self.forms[form]
        let all = (heads + 2 * keyHeads) * width
        var random = SeededGenerator(UInt64(71 + form))
        let x = random.values(rows * all), dy = random.values(rows * all), tape = Tape()
        let gains = [random.values(width), random.values(width)]
        let xs = Tensor(x, shape: [rows, all], tape: tape)
        let tensors = gains.map { Tensor($0, shape: [width], tape: tape) }
        let y = xs.headsNormalized(
            queryGain: tensors[0], keyGain: tensors[1], heads: heads, keyHeads: keyHeads, headWidth: width,
            epsilon: 1e-6)
        y.backward(dy)
        let kinds = [Int](repeating: 0, count: heads) + [Int](repeating: 1, count: keyHeads)
        let perHead = kinds.map { Optional(gains[$0].doubles) } + [[Double]?](repeating: nil, count: keyHeads)
        let reference = Reference(x: x.doubles, gains: perHead, width: width, epsilon: 1e-6)
        let gradients = reference.gradients(dy.doubles)
        expectClose(y.values, reference.output, tolerance: 1e-6, "y")
        expectClose(xs.gradient?.value?.values, gradients.x, tolerance: 4e-6, "dx")
        for kind in 0..<2 {
            let parts = kinds.indices.filter { kinds[$0] == kind }.map { gradients.gains[$0] }
            let sum = (0..<width).map { i in parts.reduce(0) { $0 + $1[i] } }
            expectClose(tensors[kind].gradient?.value?.values, sum, tolerance: 4e-6, "dGain \(kind)")
        }
    }

    /// Every subset of x and the two gains may be differentiated; gradients are added to what is collected.
    @Test(arguments: 0..<8)
    func differentiatesWhatIsAskedAndAdds(subset: Int) {
        var random = SeededGenerator(75)
        let x = random.values(4 * 32), gains = [random.values(8), random.values(8)], dy = random.values(4 * 32)
        let tape = Tape()
        func tensor(_ values: [Float], _ shape: [Int], _ bit: Int) -> Tensor {
            Tensor(values, shape: shape, tape: subset & bit != 0 ? tape : nil)
        }
        let xs = tensor(x, [4, 32], 1), query = tensor(gains[0], [8], 2), key = tensor(gains[1], [8], 4)
        func normalized() -> Tensor {
            xs.headsNormalized(
                queryGain: query, keyGain: key, heads: 2, keyHeads: 1, headWidth: 8, epsilon: 1e-5)
        }
        let once = normalized(), again = normalized()
        #expect((once.gradient != nil) == (subset != 0))
        (once + again).backward(dy)
        let reference = Reference(
            x: x.doubles, gains: [gains[0].doubles, gains[0].doubles, gains[1].doubles, nil], width: 8, epsilon: 1e-5)
        let expected = reference.gradients(dy.doubles.map { 2 * $0 })
        let dQuery = zip(expected.gains[0], expected.gains[1]).map { $0 + $1 }
        for (tensor, expected, name) in [
            (xs, expected.x, "dx"), (query, dQuery, "dQueryGain"), (key, expected.gains[2], "dKeyGain"),
        ] where tensor.gradient != nil {
            expectClose(tensor.gradient?.value?.values, expected, tolerance: 4e-6, name)
        }
    }
}
