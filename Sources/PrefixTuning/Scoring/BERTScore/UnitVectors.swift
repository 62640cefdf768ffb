import Tensors

/// The vectors of a text's tokens, each of length 1.
struct UnitVectors {
    private let values: [Float]  // [tokens × width]
    private let count: Int
    private let width: Int

    /// Takes rows of a tensor [… × width] and scales each to length 1.
    @Compute init(_ states: Tensor, rows: Range<Int>) {
        let width = states.width
        var values = Array(
            UnsafeBufferPointer(start: states.floats + rows.lowerBound * width, count: rows.count * width))
        for row in rows.indices {
            let place = (row - rows.lowerBound) * width..<(row - rows.lowerBound + 1) * width
            let length = values[place].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            for index in place { values[index] = Float(Double(values[index]) / length) }
        }
        self.values = values
        self.width = width
        count = rows.count
    }

    /// For each vector its largest dot product with one of `others`, and the same for each of those.
    func greatestSimilarities(to others: UnitVectors) -> (own: [Float], others: [Float]) {
        var own = [Float](repeating: -.infinity, count: count)
        var theirs = [Float](repeating: -.infinity, count: others.count)
        values.withUnsafeBufferPointer { x in
            others.values.withUnsafeBufferPointer { y in
                for row in 0..<count {
                    for column in 0..<others.count {
                        let similarity = Self.dot(x, row * width, y, column * width, count: width)
                        own[row] = max(own[row], similarity)
                        theirs[column] = max(theirs[column], similarity)
                    }
                }
            }
        }
        return (own, theirs)
    }

    /// x[i…]·y[j…]. Eight sums side by side: against the encoder that made the vectors, this takes no time.
    private static func dot(
        _ x: UnsafeBufferPointer<Float>, _ i: Int, _ y: UnsafeBufferPointer<Float>, _ j: Int, count: Int
    ) -> Float {
        var sums = SIMD8<Float>(), index = 0
        let lanes = 8
        let first = UnsafeRawBufferPointer(x), second = UnsafeRawBufferPointer(y)
        while index + lanes <= count {
            sums +=
                first.loadUnaligned(fromByteOffset: 4 * (i + index), as: SIMD8<Float>.self)
                * second.loadUnaligned(fromByteOffset: 4 * (j + index), as: SIMD8<Float>.self)
            index += lanes
        }
        var sum = sums.sum()
        while index < count {
            sum += x[i + index] * y[j + index]
            index += 1
        }
        return sum
    }
}
