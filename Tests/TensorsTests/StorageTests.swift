import Foundation
import TestSupport
import Testing

@testable import Tensors

@Compute @Suite struct StorageTests {
    @Test func capacitiesHoldWhatIsAskedAndWasteLittle() {
        var previous = 0
        for count in Array(0...5000) + [1 << 20, 1 << 20 + 1, 123_456_789] {
            let capacity = BlockPool.capacity(for: count)
            #expect(capacity >= count && capacity >= previous)
            #expect(capacity % 16 == 0, "a block ends at a whole cache line")
            #expect(capacity <= max(128, count + count / 8 + 64))
            previous = capacity
        }
    }

    @Test(.disabled(if: Sanitizer.watchesBlocks, "blocks are not kept, so that their ends are watched"))
    func blocksAreUsedAgain() {
        let pool = BlockPool()
        let (first, capacity) = pool.take(1000)
        #expect(Int(bitPattern: first) % 64 == 0)
        pool.put(first, capacity: capacity)
        let (second, _) = pool.take(capacity - 5)
        #expect(second == first)
        let (third, thirdCapacity) = pool.take(1000)
        #expect(third != second, "a block in use is not handed out twice")
        pool.put(second, capacity: capacity)
        pool.put(third, capacity: thirdCapacity)
        pool.clear()
    }

    @Test(.disabled(if: Sanitizer.watchesBlocks, "blocks are not kept, so that their ends are watched"))
    func largeBlocksAreUsedAgainWhateverTheirSizes() {
        let pool = BlockPool(), size = 100_000
        let blocks = (0..<4).map { _ in pool.take(size).0 }
        for block in blocks { #expect(Int(bitPattern: block) % 64 == 0) }
        #expect(Set(blocks).count == 4)
        for block in blocks.prefix(3) { pool.put(block, capacity: size) }
        // Three neighbours are one place again; what follows them is still in use.
        let (large, capacity) = pool.take(3 * size)
        #expect(large == blocks[0])
        let (other, otherCapacity) = pool.take(size)
        #expect(other > blocks[3])
        for (block, capacity) in [(blocks[3], size), (large, capacity), (other, otherCapacity)] {
            pool.put(block, capacity: capacity)
        }
        pool.clear()
    }

    /// Random blocks, each filled with its own number: none overlaps another, and none is disturbed.
    @Test func arenaKeepsBlocksApart() throws {
        var arena = Arena(), random = SeededGenerator(9)
        var blocks: [(start: UnsafeMutablePointer<UInt8>, size: Int, mark: UInt8)] = []
        for round in 0..<600 {
            if !blocks.isEmpty, random.next() % 5 < 2 {
                let (start, size, mark) = blocks.remove(at: Int(random.next() % UInt64(blocks.count)))
                for place in stride(from: 0, to: size, by: 997) { try #require(start[place] == mark) }
                try #require(start[size - 1] == mark)
                arena.put(UnsafeMutableRawPointer(start), size: size)
            } else {
                // Some are larger than a region.
                let size = round % 100 == 99 ? 300 << 20 : Int(random.next() % (3 << 20)) + 1
                let taken = arena.take(size), block = try #require(taken), mark = UInt8(truncatingIfNeeded: round)
                let start = block.bindMemory(to: UInt8.self, capacity: size)
                for place in stride(from: 0, to: size, by: 997) { start[place] = mark }
                start[size - 1] = mark
                blocks.append((start, size, mark))
            }
            if round % 50 == 0 { arena.releaseFreeMemory() }
        }
        for (start, size, mark) in blocks {
            #expect(start[0] == mark && start[size - 1] == mark)
            arena.put(UnsafeMutableRawPointer(start), size: size)
        }
        arena.releaseFreeMemory()
    }

    @Test func tensorsShareAndLetGo() {
        weak var storage: Storage?
        do {
            let x = Tensor([1, 2, 3, 4], shape: [2, 2])
            storage = x.storage
            #expect(x.detached.storage === x.storage && x.leaf(on: Tape()).storage === x.storage)
            x.assign([5, 6, 7, 8])
            #expect(x.detached.values == [5, 6, 7, 8])
        }
        #expect(storage == nil)
    }

    @Test func shapes() {
        let scalar = Tensor([7], shape: []), cube = Tensor.zeros([2, 3, 4])
        #expect(scalar.count == 1 && scalar.width == 1 && scalar.rows == 1)
        #expect(cube.count == 24 && cube.width == 4 && cube.rows == 6 && cube.values.allSatisfy { $0 == 0 })
        #expect(Tensor([], shape: [0, 5]).rows == 0 && Tensor([], shape: [5, 0]).rows == 0)
    }

    /// A bad number at any place, in vector bodies and in tails.
    @Test(arguments: [Float.nan, .signalingNaN, .infinity, -.infinity])
    func isFiniteSeesEveryElement(bad: Float) {
        for count in [1, 2, 15, 16, 17, 40, 1000] {
            var values = [Float](repeating: .greatestFiniteMagnitude, count: count)
            #expect(Tensor(values, shape: [count]).isFinite)
            for i in values.indices {
                values[i] = bad
                #expect(!Tensor(values, shape: [count]).isFinite, "element \(i) of \(count)")
                values[i] = -.leastNonzeroMagnitude
            }
        }
    }

    /// A NaN that goes in comes out: no operation hides it.
    @Test func nanGoesThroughEveryOperation() throws {
        var random = SeededGenerator(50)
        var values = random.values(6 * 24)
        values[30] = .nan
        let x = Tensor(values, shape: [6, 24]), tape = Tape(), leaf = x.leaf(on: tape)
        let ones = Tensor([Float](repeating: 1, count: 24), shape: [24])
        for kind in Activation.all { #expect(!x.applying(kind).isFinite, "\(kind)") }
        #expect(!(x + x).isFinite)
        #expect(!x.layerNormalized(gain: ones, bias: ones, epsilon: 1e-5).isFinite)
        #expect(!x.rows(at: [1]).isFinite)
        #expect(!x.droppingOut(0.5, seed: 1).isFinite)
        for rows in [1..<3, 0..<6] {
            let own = KeyValueSegment(source: x, rows: .range(rows), keyColumn: 8, valueColumn: 16)
            let output = attention(
                queries: x, sequences: [AttendingSequence(queries: rows, segments: [own])],
                geometry: AttentionGeometry(heads: 1, headWidth: 8, scale: 1))
            #expect(!output.rows(at: rows.map(Int32.init)).isFinite)
        }
        for kind in MapKind.allCases {
            let map = try kind.make(random.values(24 * 5), input: 24, output: 5, bias: nil)
            #expect(!map(x).isFinite)
            let targets = [Int32](repeating: 1, count: 6)
            let (loss, _) = crossEntropy(leaf, head: map, targets: targets, weights: [1, 1, 1, 1, 1, 1])
            #expect(!loss.isFinite)
            tape.backward(from: loss)
            #expect(leaf.gradient?.take()?.isFinite == false)
            #expect(!logProbabilities(x, head: map).isFinite)
        }
    }
}
