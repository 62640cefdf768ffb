import Testing

@testable import Tensors

@Compute @Suite struct JoinedRowsTests {
    @Test func rowsComeOneAfterAnotherAndGradientsGoBack() {
        let tape = Tape()
        let a = Tensor((0..<6).map(Float.init), shape: [3, 2], tape: tape)
        let b = Tensor([10, 11], shape: [1, 2]), c = Tensor([20, 21, 22, 23], shape: [2, 2], tape: tape)
        let y = Tensor.joiningRows([(a, 1..<3), (b, 0..<1), (a, 2..<3), (c, 0..<0), (c, 1..<2)])
        #expect(y.shape == [5, 2])
        #expect(y.values == [2, 3, 4, 5, 10, 11, 4, 5, 22, 23])
        y.backward((1...10).map(Float.init))
        // Row 2 of a occurs twice.
        #expect(a.gradient?.value?.values == [0, 0, 1, 2, 3 + 7, 4 + 8])
        #expect(c.gradient?.value?.values == [0, 0, 9, 10])
    }

    @Test func constantsRecordNothing() {
        let b = Tensor([10, 11], shape: [1, 2])
        #expect(Tensor.joiningRows([(b, 0..<1), (b, 0..<1)]).gradient == nil)
    }
}
