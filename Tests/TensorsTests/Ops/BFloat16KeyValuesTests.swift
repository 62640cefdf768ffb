import Testing

@testable import Tensors

/// Keys and values of bfloat16: what is put there is rounded, and attention computes with it as with floats of these values.
@Compute @Suite struct BFloat16KeyValuesTests {
    /// The nearest bfloat16 of each number, ties to even, as floats.
    private static func rounded(_ values: [Float]) -> [Float] {
        values.map { value in
            let bits = value.bitPattern, lower = bits & 0xffff_0000
            let isUp = bits & 0xffff > 0x8000 || bits & 0xffff == 0x8000 && bits & 0x1_0000 != 0
            return Float(bitPattern: isUp ? lower &+ 0x1_0000 : lower)
        }
    }

    private static func bits(of tensor: Tensor) -> [UInt32] { tensor.values.bits }

    /// Ragged batches, windows, grouped heads, lists and ranges of rows, cross attention; heads that fill vectors and heads that
    /// do not.
    @Test(arguments: AttentionCase.small + AttentionCase.large)
    func computesAsWithFloatsOfTheSameValues(subject: AttentionCase) {
        let elements = subject.elements(seed: 70), tape = Tape()
        var random = SeededGenerator(71)
        let c = random.values(subject.outputCount)
        @Compute func run(_ source: ([Float], [Int]) -> KeyValueRows) -> (output: [Float], gradient: [Float]?) {
            let queries = Tensor(elements[0], shape: subject.tensors[0], tape: tape)
            let output = subject.attend(queries, zip(elements, subject.tensors).map(source))
            output.backward(c)
            return (output.values, queries.gradient?.value?.values)
        }
        let expected = run { .float32(Tensor(Self.rounded($0), shape: $1)) }
        let found = run { KeyValueRows(copying: Tensor($0, shape: $1), column: 0, width: $1[1], as: .bfloat16) }
        if subject.geometry.headWidth % 16 == 0 {
            #expect(found.output.bits == expected.output.bits)
        } else {
            expectClose(found.output, expected.output.doubles, tolerance: 1e-6, "output")
        }
        // A query that sees one position has no choice, and no gradient.
        #expect(found.gradient?.contains { $0 != 0 } == (subject.geometry.window != 1))
        expectClose(found.gradient, expected.gradient?.doubles ?? [], tolerance: 1e-6, "gradient of the queries")
        let exact = run { .float32(Tensor($0, shape: $1)) }
        #expect(exact.output != expected.output, "rounding changes something")
    }

    /// A prefix in 16 bits before tokens in 32, shared by some of the sequences: each row has the bits that it has alone.
    @Test(arguments: [8, 16, 20, 48, 64, 128], [1, 3, 21])
    func aRowKeepsItsBits(headWidth: Int, queries: Int) {
        let heads = 4, keyHeads = 2, keyWidth = keyHeads * headWidth, first = heads * headWidth
        let lengths = [queries, queries, 1, queries + 1, queries], prefixes = [1, 1, 0, 1, 0]
        let count = lengths.reduce(0, +), width = first + 2 * keyWidth
        var random = SeededGenerator(72)
        let tokens = random.values(count * width)
        let held = [19, 37].map {
            let matrix = Tensor(random.values($0 * 2 * keyWidth), shape: [$0, 2 * keyWidth])
            return KeyValueRows(copying: matrix, column: 0, width: 2 * keyWidth, as: .bfloat16)
        }
        let geometry = AttentionGeometry(heads: heads, keyHeads: keyHeads, headWidth: headWidth, scale: 0.2)
        @Compute func attend(_ chosen: Range<Int>) -> [UInt32] {
            let skipped = lengths[..<chosen.lowerBound].reduce(0, +), rows = lengths[chosen].reduce(0, +)
            let own = Tensor(Array(tokens[skipped * width..<(skipped + rows) * width]), shape: [rows, width])
            var row = 0
            let sequences = chosen.map { index in
                let range = row..<row + lengths[index], prefix = held[prefixes[index]]
                row = range.upperBound
                return AttendingSequence(
                    queries: range,
                    segments: [
                        KeyValueSegment(
                            source: prefix, rows: .range(0..<(prefixes[index] == 0 ? 19 : 37)), keyColumn: 0,
                            valueColumn: keyWidth),
                        KeyValueSegment(
                            source: own, rows: .range(range), keyColumn: first, valueColumn: first + keyWidth),
                    ])
            }
            return Self.bits(of: attention(queries: own, sequences: sequences, geometry: geometry))
        }
        #expect(attend(0..<lengths.count) == lengths.indices.flatMap { attend($0..<$0 + 1) })
    }

    @Test func roundsToTheNearestOnceAndTakesHalfTheMemory() throws {
        var random = SeededGenerator(73)
        let values = random.values(400 * 70) + [1 + 0x1p-8, 1 + 0x3p-8, -0.0, 0x1p-130, 3e38, .infinity]
        let matrix = Tensor(Array(values.suffix(400 * 70)), shape: [400, 70])
        let floats = KeyValueRows(copying: matrix, column: 5, width: 64, as: .float32)
        let halves = KeyValueRows(copying: matrix, column: 5, width: 64, as: .bfloat16)
        #expect(halves.type == .bfloat16 && halves.width == 64 && halves.tensor == nil && halves.gradient == nil)
        #expect(Double(halves.byteCount) <= 0.52 * Double(floats.byteCount) && halves.byteCount >= 2 * 400 * 64)
        var read = [Float](repeating: 0, count: 60)
        for row in [0, 1, 399] {
            let exact = (0..<60).map { matrix.values[row * 70 + 5 + 4 + $0] }
            halves.read(row: row, column: 4, count: 60, into: &read)
            #expect(read.bits == Self.rounded(exact).bits)
            floats.read(row: row, column: 4, count: 60, into: &read)
            #expect(read.bits == exact.bits)
        }
        // Moving rows to larger memory, and writing one anew, keeps the others.
        let larger = KeyValueRows(rows: 800, width: 64, as: .bfloat16)
        larger.put(first: 400, of: halves)
        larger.put(matrix, row: 7, column: 5, into: 398)
        var other = read
        for (row, source) in [(0, 0), (397, 397), (398, 7), (399, 399)] {
            larger.read(row: row, column: 4, count: 60, into: &read)
            halves.read(row: source, column: 4, count: 60, into: &other)
            #expect(read.bits == other.bits)
        }
    }
}
