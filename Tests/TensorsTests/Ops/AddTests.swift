import Testing

@testable import Tensors

@Compute @Suite struct AddTests {
    @Test(arguments: [[1], [1, 5], [17, 33], [650, 100], [2, 3, 4]])
    func addsAndPassesTheGradientToBoth(shape: [Int]) {
        let count = shape.reduce(1, *)
        var random = SeededGenerator(3)
        let x = random.values(count), y = random.values(count), c = random.values(count)
        let tape = Tape(), xs = Tensor(x, shape: shape, tape: tape), ys = Tensor(y, shape: shape, tape: tape)
        let z = xs + ys
        #expect(z.shape == shape)
        #expect(z.values == zip(x, y).map(+))
        #expect(xs.values == x && ys.values == y)
        z.backward(c)
        #expect(xs.gradient?.value?.values == c)
        #expect(ys.gradient?.value?.values == c)
    }

    @Test func addsAConstant() {
        let tape = Tape(), x = Tensor([1, 2], shape: [2], tape: tape), constant = Tensor([10, 20], shape: [2])
        (x + constant).backward([3, 4])
        (constant + x).backward([30, 40])
        #expect(x.gradient?.value?.values == [33, 44])
        #expect(constant.gradient == nil)
        #expect((constant + constant).gradient == nil)
    }
}
