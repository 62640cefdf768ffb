import Testing

@testable import Tensors

@Compute @Suite struct TapeTests {
    @Test func xPlusX() {
        let tape = Tape(), x = Tensor([1, 2, 3], shape: [3], tape: tape)
        (x + x).backward([1, 10, 100])
        #expect(x.gradient?.value?.values == [2, 20, 200])
    }

    /// x + f(x), twice over: the gradient of the branch that bypasses f must survive f's adding to it.
    @Test func residualBranches() {
        let x: [Float] = [-1, 0.5, 2], c: [Float] = [1, 10, 100]
        let tape = Tape(), xs = Tensor(x, shape: [3], tape: tape)
        let first = xs + xs.applying(.relu)
        (first + first.applying(.relu)).backward(c)
        // Positive x: doubled twice. Negative x: passed through twice.
        #expect(xs.gradient?.value?.values == [1, 40, 400])
    }

    /// One gradient handed to several tensors is never changed under the hands of another.
    @Test func sharedGradientsStayApart() {
        let tape = Tape()
        let leaves = (0..<3).map { Tensor([Float($0)], shape: [1], tape: tape) }
        let sum = leaves[0] + leaves[1]
        (sum + leaves[2] + sum + leaves[0]).backward([5])
        #expect(leaves.map { $0.gradient?.value?.values } == [[15], [10], [5]])
    }

    @Test func gradientsAddUpUntilCleared() {
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape)
        x.applying(.relu).backward([3])
        let handedOut = x.gradient?.value
        x.applying(.relu).backward([4])
        #expect(x.gradient?.value?.values == [7])
        #expect(handedOut?.values == [3], "a gradient that was read must not change later")
        #expect(x.gradient?.take()?.values == [7])
        #expect(x.gradient?.value == nil)
        x.applying(.relu).backward([4])
        x.gradient?.clear()
        #expect(x.gradient?.value == nil)
    }

    @Test func backwardEmptiesTheRecord() {
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape), y = x + x
        y.backward([1])
        #expect(x.gradient?.value?.values == [2])
        y.backward([1])
        #expect(x.gradient?.value?.values == [2], "the way from y to x was played already")
    }

    @Test func resetForgets() {
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape), y = x + x
        tape.reset()
        y.backward([1])
        #expect(x.gradient?.value == nil)
    }

    @Test func aBranchThatDoesNotReachTheLossCostsNothing() {
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape), unused = Tensor([1], shape: [1], tape: tape)
        let y = x.applying(.relu)
        _ = unused.applying(.tanh) + x
        y.backward([2])
        #expect(x.gradient?.value?.values == [2])
        #expect(unused.gradient?.value == nil)
    }

    @Test func withoutRecording() throws {
        struct Refusal: Error {}
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape)
        let y = tape.withoutRecording { x.applying(.relu) + x }
        #expect(y.gradient == nil && y.values == [2])
        #expect(throws: Refusal.self) { try tape.withoutRecording { throw Refusal() } }
        #expect(tape.isRecording)
        tape.isRecording = false
        tape.withoutRecording {}
        #expect(!tape.isRecording, "what was off stays off")
    }

    @Test func leavesAndConstantsEndTheWayBack() {
        let tape = Tape(), x = Tensor([1, 2], shape: [2], tape: tape)
        let leaf = x.applying(.relu).leaf(on: tape)
        (leaf + x.detached).backward([3, 4])
        #expect(leaf.gradient?.value?.values == [3, 4])
        #expect(x.gradient?.value == nil)
        #expect(x.detached.gradient == nil && x.detached.values == x.values)
    }

    /// The elements of an intermediate go as soon as nothing on the way back needs them.
    @Test func memoryIsLetGo() throws {
        let tape = Tape(), x = Tensor([Float](repeating: 1, count: 8), shape: [2, 4], tape: tape)
        let frozen = try MapKind.frozen.make([Float](repeating: 1, count: 16), input: 4, output: 4, bias: nil)
        weak var beforeFrozen: Storage?
        weak var beforeActivation: Storage?
        weak var logits: Gradient?
        func forward() -> Tensor {
            let sum = x + x
            beforeFrozen = sum.storage
            let product = frozen(sum)
            beforeActivation = product.storage
            logits = product.gradient
            return product.applying(.geluTanh)
        }
        let y = forward()
        #expect(beforeFrozen == nil, "a frozen matrix needs no x on the way back")
        #expect(beforeActivation != nil, "an activation does")
        y.backward([Float](repeating: 1, count: 8))
        #expect(beforeActivation == nil)
        #expect(logits == nil)
        #expect(x.gradient?.value != nil)
    }

    @Test func resetLetsMemoryGo() {
        let tape = Tape(), x = Tensor([1], shape: [1], tape: tape)
        weak var intermediate: Storage?
        func forward() {
            let y = x + x
            intermediate = y.storage
            _ = y.applying(.tanh)
        }
        forward()
        #expect(intermediate != nil)
        tape.reset()
        #expect(intermediate == nil)
    }
}
