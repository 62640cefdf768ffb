import Testing

@testable import Tensors

/// y[i] = table[indices[i]]; on the way back dTable[indices[i]] += dy[i].
private enum Reference {
    static func rows(_ table: [Double], _ indices: [Int32], width: Int) -> [Double] {
        indices.flatMap { table[Int($0) * width..<(Int($0) + 1) * width] }
    }

    static func gradient(_ dy: [Double], _ indices: [Int32], width: Int, entries: Int) -> [Double] {
        var sum = [Double](repeating: 0, count: entries * width)
        for (i, index) in indices.enumerated() {
            for column in 0..<width { sum[Int(index) * width + column] += dy[i * width + column] }
        }
        return sum
    }
}

@Compute @Suite struct EmbeddingTests {
    @Test func referenceGradientIsTheSlope() {
        var random = SeededGenerator(4)
        let indices: [Int32] = [2, 0, 2, 1, 2], table = random.values(4 * 3).doubles, dy = random.values(15).doubles
        expectSlope(
            of: { dot(dy, Reference.rows($0, indices, width: 3)) }, at: table,
            equals: Reference.gradient(dy, indices, width: 3, entries: 4), "table")
    }

    @Test(arguments: [(1, 1, 1), (5, 1, 7), (5, 17, 33), (40, 650, 20), (1000, 300, 100)])
    func equalsReference(entries: Int, count: Int, width: Int) {
        var random = SeededGenerator(UInt64(entries + count))
        let table = random.values(entries * width), dy = random.values(count * width)
        let indices = random.indices(count, below: entries)
        let tape = Tape(), tables = Tensor(table, shape: [entries, width], tape: tape)
        let y = tables.rows(at: indices)
        #expect(y.shape == [count, width])
        #expect(y.values.doubles == Reference.rows(table.doubles, indices, width: width))
        y.backward(dy)
        expectClose(
            tables.gradient?.value?.values,
            Reference.gradient(dy.doubles, indices, width: width, entries: entries), tolerance: 2e-6, "dTable")
    }

    @Test func noRows() {
        let tape = Tape(), table = Tensor([1, 2, 3, 4], shape: [2, 2], tape: tape)
        let y = table.rows(at: [])
        #expect(y.shape == [0, 2] && y.values.isEmpty)
        y.backward([])
        #expect(table.gradient?.value?.values == [0, 0, 0, 0])
    }
}
