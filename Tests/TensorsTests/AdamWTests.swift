import Foundation
import Testing

@testable import Tensors

/// AdamW in double precision (Loshchilov & Hutter 2019, algorithm 2, in the order of torch.optim.AdamW).
private struct Reference {
    var w: [Double], m: [Double], v: [Double]

    mutating func step(
        _ t: Int, _ g: [Double], rate: Double, beta1: Double, beta2: Double, epsilon: Double, decay: Double
    ) {
        for i in w.indices {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
            let first = m[i] / (1 - pow(beta1, Double(t))), second = v[i] / (1 - pow(beta2, Double(t)))
            w[i] = w[i] * (1 - rate * decay) - rate * first / (second.squareRoot() + epsilon)
        }
    }
}

@Compute @Suite struct AdamWTests {
    @Test(arguments: [1, 17, 1003, 20_000])
    func equalsReferenceOverTwentySteps(count: Int) {
        var random = SeededGenerator(UInt64(count))
        let start = random.values(count)
        let zeros = [Double](repeating: 0, count: count)
        var reference = Reference(w: start.doubles, m: zeros, v: zeros)
        let w = Tensor(start, shape: [count]), m = Tensor.zeros([count]), v = Tensor.zeros([count])
        for step in 1...20 {
            let gradient = random.values(count, deviation: 0.1), rate = 0.01 / Double(step)
            let update = AdamWUpdate(
                step: step, learningRate: rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1,
                gradientScale: 0.25)
            update.apply(to: w, gradient: Tensor(gradient, shape: [count]), first: m, second: v)
            reference.step(
                step, gradient.doubles.map { $0 * 0.25 }, rate: rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
                decay: 0.1)
        }
        expectClose(w.values, reference.w, tolerance: 1e-6, "w")
        // The moments are small: compared relative to the greatest one.
        for (actual, expected, name) in [(m, reference.m, "m"), (v, reference.v, "v")] {
            let greatest = expected.map(abs).max() ?? 1
            expectClose(
                actual.values.map { $0 / Float(greatest) }, expected.map { $0 / greatest }, tolerance: 1e-6, name)
        }
    }

    /// Three steps of torch.optim.AdamW 2.13 (float32): rate 0.01, weight decay 0.1, else its defaults.
    @Test func equalsTorch() {
        let w = Tensor([1, -2, 0.5], shape: [3]), m = Tensor.zeros([3]), v = Tensor.zeros([3])
        let gradients: [[Float]] = [[0.1, -0.2, 0.3], [0.5, 0.1, -0.3], [-0.4, 2, 1e-4]]
        for (index, gradient) in gradients.enumerated() {
            AdamWUpdate(
                step: index + 1, learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1,
                gradientScale: 1
            ).apply(to: w, gradient: Tensor(gradient, shape: [3]), first: m, second: v)
        }
        expectClose(w.values, [0.9771295189857483, -1.9874855279922485, 0.48945263028144836], tolerance: 1e-7, "w")
        expectClose(m.values, [0.013100001029670238, 0.19279998540878296, -0.002690000692382455], tolerance: 2e-8, "m")
        expectClose(
            v.values, [0.0004197300295345485, 0.004049910232424736, 0.00017973012290894985], tolerance: 1e-9, "v")
    }

    /// A gradient of nothing but zeros moves nothing but by the decay; ε keeps 0 / 0 away.
    @Test func zeroGradientOnlyDecays() {
        let w = Tensor([2, -4], shape: [2]), m = Tensor.zeros([2]), v = Tensor.zeros([2])
        AdamWUpdate(
            step: 1, learningRate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.5, gradientScale: 1
        ).apply(to: w, gradient: .zeros([2]), first: m, second: v)
        #expect(w.values == [1.5, -3])
    }

    @Test(arguments: [0, 1, 17, 65_535, 65_536, 65_537, 500_000, 65 * 65_536 + 1])
    func sumOfSquaresEqualsReference(count: Int) {
        let x = (0..<count).map { Float($0 % 1021) / 300 - 1.7 }
        let expected = x.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(Tensor(x, shape: [count]).sumOfSquares - expected) <= 1e-11 * max(1, expected))
    }

    /// Squares beyond float's range: the norm of a diverging gradient is still a number.
    @Test func sumOfSquaresDoesNotOverflow() {
        #expect(Tensor([1e30, 1e30], shape: [2]).sumOfSquares > 1.9e60)
        #expect(Tensor([1, .nan], shape: [2]).sumOfSquares.isNaN)
    }
}
