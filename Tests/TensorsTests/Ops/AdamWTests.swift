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
            update.apply(to: w, gradient: .whole(Tensor(gradient, shape: [count])), first: m, second: v)
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
            ).apply(to: w, gradient: .whole(Tensor(gradient, shape: [3])), first: m, second: v)
        }
        expectClose(w.values, [0.9771295189857483, -1.9874855279922485, 0.48945263028144836], tolerance: 1e-7, "w")
        expectClose(m.values, [0.013100001029670238, 0.19279998540878296, -0.002690000692382455], tolerance: 2e-8, "m")
        expectClose(
            v.values, [0.0004197300295345485, 0.004049910232424736, 0.00017973012290894985], tolerance: 1e-9, "v")
    }

    /// The gradient of a matrix that met few rows is multiplied in registers: as if it had been multiplied out before.
    @Test(arguments: [(1, 3, 5), (10, 33, 64), (10, 7, 83), (32, 20, 130)])
    func productEqualsItsElements(rank: Int, rows: Int, columns: Int) throws {
        var random = SeededGenerator(UInt64(rank * columns))
        let start = random.values(rows * columns), tape = Tape()
        func parameter() -> Tensor { Tensor(start, shape: [rows, columns], tape: tape) }
        let (w, expected) = (parameter(), parameter()), moments = (0..<4).map { _ in Tensor.zeros([rows, columns]) }
        for step in 1...3 {
            let left = Tensor(random.values(rank * rows), shape: [rank, rows])
            let right = Tensor(random.values(rank * columns), shape: [rank, columns])
            for w in [w, expected] { w.gradient?.addProduct(left.allRows, right.allRows) }
            let whole = try #require(expected.gradient?.value), product = try #require(w.gradient?.content)
            guard case .product = product else { return #expect(Bool(false), "the product was multiplied out") }
            #expect(abs(product.sumOfSquares / whole.sumOfSquares - 1) < 1e-6)
            let update = AdamWUpdate(
                step: step, learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weightDecay: 0.1,
                gradientScale: 0.5)
            update.apply(to: w, gradient: product, first: moments[0], second: moments[1])
            update.apply(to: expected, gradient: .whole(whole), first: moments[2], second: moments[3])
            for w in [w, expected] { w.gradient?.clear() }
        }
        expectClose(w.values, expected.values.doubles, tolerance: 1e-6, "w")
        expectClose(moments[0].values, moments[2].values.doubles, tolerance: 1e-6, "m")
        expectClose(moments[1].values, moments[3].values.doubles, tolerance: 1e-6, "v")
    }

    /// A product of many rows, or one that something is added to, is a gradient like any other.
    @Test func productsAddUp() throws {
        let tape = Tape(), w = Tensor.zeros([2, 3], tape: tape), gradient = try #require(w.gradient)
        let left = Tensor([1, 2], shape: [1, 2]).allRows, right = Tensor([10, 20, 30], shape: [1, 3]).allRows
        gradient.addProduct(left, right)
        gradient.addProduct(left, right)
        #expect(gradient.value?.values == [20, 40, 60, 40, 80, 120])
        gradient.clear()
        gradient.addProduct(left, right)
        gradient.add(Tensor([1, 1, 1, 1, 1, 1], shape: [2, 3]))
        #expect(gradient.value?.values == [11, 21, 31, 21, 41, 61])
        gradient.clear()
        let rank = GradientProduct.greatestRank + 1
        func ones(_ width: Int) -> TensorRows {
            Tensor([Float](repeating: 1, count: width * rank), shape: [rank, width]).allRows
        }
        gradient.addProduct(ones(2), ones(3))
        guard case .whole(let sum) = gradient.content else { return #expect(Bool(false), "not multiplied out") }
        #expect(sum.values == [Float](repeating: Float(rank), count: 6))
    }

    /// The norm of a diverged gradient is not a number, however it is held.
    @Test func productsOfNaNAreSeen() throws {
        let tape = Tape(), w = Tensor.zeros([1, 2], tape: tape)
        w.gradient?.addProduct(Tensor([.nan], shape: [1, 1]).allRows, Tensor([1, 1], shape: [1, 2]).allRows)
        #expect(try #require(w.gradient?.content).sumOfSquares.isNaN)
    }

    /// A gradient of nothing but zeros moves nothing but by the decay; ε keeps 0 / 0 away.
    @Test func zeroGradientOnlyDecays() {
        let w = Tensor([2, -4], shape: [2]), m = Tensor.zeros([2]), v = Tensor.zeros([2])
        AdamWUpdate(
            step: 1, learningRate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.5, gradientScale: 1
        ).apply(to: w, gradient: .whole(.zeros([2])), first: m, second: v)
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
