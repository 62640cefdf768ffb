import Foundation
import Testing

@testable import Tensors

extension Activation {
    static let all: [Activation] = [.geluTanh, .geluErf, .relu, .tanh, .silu]

    /// f(x) in double precision.
    func reference(_ x: Double) -> Double {
        switch self {
        case .geluTanh: x / 2 * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        // 1 + erf(x) = erfc(−x), which keeps its digits where erf(x) is near −1.
        case .geluErf: x / 2 * erfc(-x / 2.0.squareRoot())
        case .relu: max(x, 0)
        case .tanh: Foundation.tanh(x)
        case .silu: x / (1 + exp(-x))
        }
    }

    /// f′(x) in double precision.
    func referenceSlope(_ x: Double) -> Double {
        switch self {
        case .geluTanh:
            let root = (2 / Double.pi).squareRoot(), t = Foundation.tanh(root * (x + 0.044715 * x * x * x))
            return (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x)
        case .geluErf: return erfc(-x / 2.0.squareRoot()) / 2 + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
        case .relu: return x > 0 ? 1 : 0
        case .tanh: return 1 - Foundation.tanh(x) * Foundation.tanh(x)
        case .silu:
            let sigmoid = 1 / (1 + exp(-x))
            return sigmoid + x * sigmoid / (1 + exp(x))
        }
    }
}

@Compute @Suite struct ActivationTests {
    @Test(arguments: Activation.all)
    func referenceGradientIsTheSlope(kind: Activation) {
        let x = stride(from: -6.05, to: 6, by: 0.1).map { $0 }
        let ones = x.map { _ in 1.0 }
        expectSlope(
            of: { dot(ones, $0.map(kind.reference)) }, at: x, equals: x.map(kind.referenceSlope), kind.rawValue)
    }

    @Test(arguments: Activation.all, [[1, 1], [1, 5], [17, 33], [650, 100], [2, 3, 4]])
    func equalsReference(kind: Activation, shape: [Int]) {
        let count = shape.reduce(1, *)
        var random = SeededGenerator(UInt64(count))
        let x = random.values(count, deviation: 2), dy = random.values(count)
        let tape = Tape(), xs = Tensor(x, shape: shape, tape: tape)
        let y = xs.applying(kind)
        #expect(y.shape == shape)
        y.backward(dy)
        expectClose(y.values, x.doubles.map(kind.reference), tolerance: 5e-7, "y")
        let slopes = x.doubles.map(kind.referenceSlope)
        expectClose(xs.gradient?.value?.values, zip(slopes, dy.doubles).map(*), tolerance: 1e-6, "dx")
    }

    @Test(arguments: Activation.all)
    func addsToCollectedGradients(kind: Activation) {
        var random = SeededGenerator(12)
        let x = random.values(70), dy = random.values(70), tape = Tape()
        let xs = Tensor(x, shape: [7, 10], tape: tape)
        (xs.applying(kind) + xs.applying(kind)).backward(dy)
        let slopes = x.doubles.map(kind.referenceSlope)
        expectClose(xs.gradient?.value?.values, zip(slopes, dy.doubles).map { 2 * $0 * $1 }, tolerance: 1e-6, "dx")
    }

    /// The fits of exp and erf, on every 1/4096 from −30 to 30. Errors are measured against max(1, |f(x)|).
    @Test(arguments: Activation.all)
    func isAccurateOnADenseGrid(kind: Activation) {
        let x = (-30 * 4096...30 * 4096).map { Float($0) / 4096 }
        let tape = Tape(), xs = Tensor(x, shape: [x.count], tape: tape)
        let y = xs.applying(kind), values = y.values
        y.backward([Float](repeating: 1, count: x.count))
        let slopes = xs.gradient?.value?.values ?? []
        #expect(slopes.count == x.count)
        var worst = 0.0, worstSlope = 0.0
        for i in slopes.indices {
            let x = Double(x[i]), expected = kind.reference(x)
            worst.formGreater(abs(Double(values[i]) - expected) / max(1, abs(expected)))
            worstSlope.formGreater(abs(Double(slopes[i]) - kind.referenceSlope(x)))
        }
        #expect(worst <= 3e-7)
        #expect(worstSlope <= 6e-7)
    }

    /// Far out, every activation is at its limit, and its slope is 0 or 1.
    @Test(arguments: Activation.all, [Float(100), 1e4, 1e10, 1e19, 1e20, 1e30, .greatestFiniteMagnitude])
    func reachesItsLimits(kind: Activation, far: Float) {
        let tape = Tape(), x = Tensor([-far, far], shape: [2], tape: tape)
        let y = x.applying(kind)
        y.backward([1, 1])
        let values = y.values, slopes = x.gradient?.value?.values ?? []
        #expect(abs(values[0] - (kind == .tanh ? -1 : 0)) <= 1e-7)
        #expect(values[1] == (kind == .tanh ? 1 : far))
        #expect(slopes.count == 2 && abs(slopes[0]) <= 1e-7)
        #expect(slopes.count == 2 && abs(slopes[1] - (kind == .tanh ? 0 : 1)) <= 1e-7)
    }

    @Test(arguments: Activation.all)
    func keepsInfinityAndNaN(kind: Activation) {
        for count in [1, 40] {
            let infinite = Tensor([Float](repeating: .infinity, count: count), shape: [count]).applying(kind).values
            #expect(infinite.allSatisfy { $0 == (kind == .tanh ? 1 : .infinity) })
            let limit = Tensor([Float](repeating: -.infinity, count: count), shape: [count]).applying(kind).values
            #expect(limit.allSatisfy { abs($0 - (kind == .tanh ? -1 : 0)) <= 1e-7 })
            let undefined = Tensor([Float](repeating: .nan, count: count), shape: [count]).applying(kind).values
            #expect(undefined.allSatisfy { $0.isNaN })
        }
    }
}

extension Double {
    /// Becomes the greater of both; NaN stays.
    fileprivate mutating func formGreater(_ other: Double) { if !(other <= self) { self = other } }
}
