import Testing

@testable import Tensors

/// y = (x − mean) / √(variance + ε) · gain + bias per row, and its derivative, in double precision.
private struct Reference {
    var x: [Double], gain: [Double], bias: [Double]
    let epsilon: Double
    var width: Int { gain.count }
    var rows: Int { x.count / width }

    func normalized(_ row: Int) -> (values: [Double], scale: Double) {
        let row = x[row * width..<(row + 1) * width]
        let mean = row.reduce(0, +) / Double(width)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
        let scale = 1 / (variance + epsilon).squareRoot()
        return (row.map { ($0 - mean) * scale }, scale)
    }

    var output: [Double] {
        (0..<rows).flatMap { row in normalized(row).values.indexed { $1 * gain[$0] + bias[$0] } }
    }

    func gradients(_ dy: [Double]) -> (x: [Double], gain: [Double], bias: [Double]) {
        var dx: [Double] = [], dGain = [Double](repeating: 0, count: width), dBias = dGain
        for row in 0..<rows {
            let (z, scale) = normalized(row), g = Array(dy[row * width..<(row + 1) * width])
            for i in 0..<width {
                dGain[i] += g[i] * z[i]
                dBias[i] += g[i]
            }
            let dz = g.indexed { $1 * gain[$0] }
            let average = dz.reduce(0, +) / Double(width), correlation = dot(dz, z) / Double(width)
            dx += dz.indexed { scale * ($1 - average - z[$0] * correlation) }
        }
        return (dx, dGain, dBias)
    }
}

extension Array where Element == Double {
    fileprivate func indexed(_ body: (Int, Double) -> Double) -> [Double] { enumerated().map { body($0, $1) } }
}

@Compute @Suite struct LayerNormTests {
    private func sample(rows: Int, width: Int, seed: UInt64) -> (x: [Float], gain: [Float], bias: [Float], dy: [Float])
    {
        var random = SeededGenerator(seed)
        let x = random.values(rows * width, deviation: 2).map { $0 + 0.5 }
        return (x, random.values(width).map { $0 + 1 }, random.values(width), random.values(rows * width))
    }

    @Test func referenceGradientIsTheSlope() {
        let (x, gain, bias, dy) = sample(rows: 3, width: 7, seed: 1)
        let reference = Reference(x: x.doubles, gain: gain.doubles, bias: bias.doubles, epsilon: 1e-5)
        let gradients = reference.gradients(dy.doubles)
        func value(_ change: (inout Reference) -> Void) -> Double {
            var changed = reference
            change(&changed)
            return dot(dy.doubles, changed.output)
        }
        expectSlope(of: { x in value { $0.x = x } }, at: reference.x, equals: gradients.x, "x")
        expectSlope(of: { gain in value { $0.gain = gain } }, at: reference.gain, equals: gradients.gain, "gain")
        expectSlope(of: { bias in value { $0.bias = bias } }, at: reference.bias, equals: gradients.bias, "bias")
    }

    @Test(arguments: [(1, 3), (1, 5), (17, 16), (17, 33), (3, 768), (650, 48), (650, 100)])
    func equalsReference(rows: Int, width: Int) {
        let (x, gain, bias, dy) = sample(rows: rows, width: width, seed: UInt64(rows * 1000 + width))
        let tape = Tape()
        let xs = Tensor(x, shape: [rows, width], tape: tape)
        let gains = Tensor(gain, shape: [width], tape: tape), biases = Tensor(bias, shape: [width], tape: tape)
        let y = xs.layerNormalized(gain: gains, bias: biases, epsilon: 1e-5)
        #expect(y.shape == [rows, width])
        y.backward(dy)

        let reference = Reference(x: x.doubles, gain: gain.doubles, bias: bias.doubles, epsilon: 1e-5)
        let gradients = reference.gradients(dy.doubles)
        expectClose(y.values, reference.output, tolerance: 1e-6, "y")
        expectClose(xs.gradient?.value?.values, gradients.x, tolerance: 4e-6, "dx")
        expectClose(gains.gradient?.value?.values, gradients.gain, tolerance: 4e-6, "dGain")
        expectClose(biases.gradient?.value?.values, gradients.bias, tolerance: 4e-6, "dBias")
    }

    /// Every subset of x, gain and bias may be differentiated, and the others cost nothing.
    @Test(arguments: 0..<8)
    func differentiatesWhatIsAsked(subset: Int) {
        let (x, gain, bias, dy) = sample(rows: 4, width: 20, seed: 9)
        let tape = Tape()
        func tensor(_ values: [Float], _ shape: [Int], _ bit: Int) -> Tensor {
            Tensor(values, shape: shape, tape: subset & bit != 0 ? tape : nil)
        }
        let xs = tensor(x, [4, 20], 1), gains = tensor(gain, [20], 2), biases = tensor(bias, [20], 4)
        let y = xs.layerNormalized(gain: gains, bias: biases, epsilon: 1e-5)
        #expect((y.gradient != nil) == (subset != 0))
        y.backward(dy)
        let expected = Reference(x: x.doubles, gain: gain.doubles, bias: bias.doubles, epsilon: 1e-5)
            .gradients(dy.doubles)
        for (tensor, expected, name) in [
            (xs, expected.x, "dx"), (gains, expected.gain, "dGain"), (biases, expected.bias, "dBias"),
        ] where tensor.gradient != nil {
            expectClose(tensor.gradient?.value?.values, expected, tolerance: 4e-6, name)
        }
    }

    @Test func addsToCollectedGradients() {
        let (x, gain, bias, dy) = sample(rows: 5, width: 40, seed: 10)
        let tape = Tape(), xs = Tensor(x, shape: [5, 40], tape: tape)
        let gains = Tensor(gain, shape: [40], tape: tape), biases = Tensor(bias, shape: [40], tape: tape)
        let once = xs.layerNormalized(gain: gains, bias: biases, epsilon: 1e-5)
        (once + xs.layerNormalized(gain: gains, bias: biases, epsilon: 1e-5)).backward(dy)
        let expected = Reference(x: x.doubles, gain: gain.doubles, bias: bias.doubles, epsilon: 1e-5)
            .gradients(dy.doubles.map { 2 * $0 })
        expectClose(xs.gradient?.value?.values, expected.x, tolerance: 4e-6, "dx")
        expectClose(gains.gradient?.value?.values, expected.gain, tolerance: 4e-6, "dGain")
        expectClose(biases.gradient?.value?.values, expected.bias, tolerance: 4e-6, "dBias")
    }

    /// A row far from zero: the variance must not be found as a difference of large squares.
    @Test func keepsDigitsFarFromZero() {
        let x = (0..<64).map { 10_000 + Float($0 % 7) }
        let ones = [Float](repeating: 1, count: 64), zeros = [Float](repeating: 0, count: 64)
        let y = Tensor(x, shape: [1, 64]).layerNormalized(
            gain: Tensor(ones, shape: [64]), bias: Tensor(zeros, shape: [64]), epsilon: 1e-5)
        let reference = Reference(x: x.doubles, gain: ones.doubles, bias: zeros.doubles, epsilon: 1e-5)
        expectClose(y.values, reference.output, tolerance: 1e-3, "y")
    }

    @Test func aConstantRowBecomesTheBias() {
        let bias: [Float] = [1, -2, 3]
        let y = Tensor([5, 5, 5], shape: [1, 3]).layerNormalized(
            gain: Tensor([2, 2, 2], shape: [3]), bias: Tensor(bias, shape: [3]), epsilon: 1e-5)
        #expect(y.values == bias)
    }
}
