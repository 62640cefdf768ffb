import Testing

@testable import Tensors

@Compute @Suite struct RecomputationTests {
    private static func values(_ count: Int, _ seed: UInt64) -> [Float] {
        var generator = Tensors.SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float(generator.normal()) }
    }

    /// Gradients of x and of a leaf beside it, and the number of steps on record before the way back.
    private static func gradients(nested: Bool, recomputes: Bool) -> (x: [UInt32], w: [UInt32], steps: Int) {
        let tape = Tape(), x = Tensor(values(12, 1), shape: [3, 4], tape: tape)
        let w = Tensor(values(16, 2), shape: [4, 4], tape: tape)
        let map = TrainableMatrix(weight: w, orientation: .inputByOutput)
        func inner(_ y: Tensor) -> Tensor { map(y).applying(.geluTanh) }
        func part(_ y: Tensor, _ body: @escaping (Tensor) -> Tensor) -> Tensor {
            recomputes ? tape.recomputing(y, body) : body(y)
        }
        var y = x
        for _ in 0..<2 {
            y = part(y) { z in z + (nested ? part(z + z, inner) : inner(z + z)) }
        }
        let steps = tape.stepCount
        y.backward(values(12, 3))
        return (
            x.gradient?.value?.values.map(\.bitPattern) ?? [], w.gradient?.value?.values.map(\.bitPattern) ?? [], steps
        )
    }

    @Test(arguments: [false, true]) func sameBitsAndFewerSteps(nested: Bool) {
        let plain = Self.gradients(nested: nested, recomputes: false)
        let again = Self.gradients(nested: nested, recomputes: true)
        #expect(plain.x.count == 12 && plain.w.count == 16)
        #expect(again.x == plain.x)
        #expect(again.w == plain.w)
        #expect(again.steps == 2)
        #expect(plain.steps == 8)
    }

    /// The first layer reads constants; only what it uses besides them has a gradient.
    @Test func aConstantGoesIn() {
        let tape = Tape(), x = Tensor([1, 2], shape: [2]), w = Tensor([3, 4], shape: [2], tape: tape)
        tape.recomputing(x) { $0 + w + w }.backward([1, 10])
        #expect(w.gradient?.value?.values == [2, 20])
    }

    @Test func nothingIsRecordedWithoutRecording() {
        let tape = Tape(), x = Tensor([1, 2], shape: [2], tape: tape)
        var runs = 0
        let y = tape.withoutRecording {
            tape.recomputing(x) {
                runs += 1
                return $0 + $0
            }
        }
        #expect(y.values == [2, 4] && y.gradient == nil && tape.stepCount == 0 && runs == 1)
    }

    /// What the body leaves behind is let go before the way back.
    @Test func bodiesKeepNothing() {
        let tape = Tape(), x = Tensor([1, 2], shape: [2], tape: tape)
        weak var inside: Tensor?
        let y = tape.recomputing(x) { x in
            let z = x + x
            inside = z
            return z.applying(.geluTanh)
        }
        #expect(inside == nil)
        y.backward([1, 1])
        #expect(x.gradient?.value != nil)
    }
}
