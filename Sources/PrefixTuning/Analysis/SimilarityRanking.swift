import Tensors

/// The vectors that point most nearly where a given one does.
struct SimilarityRanking {
    /// The nearest so far, the nearest first.
    private(set) var words: [NearestWords.Word] = []
    private let vector: [Float]
    private let norm: Float
    private let count: Int

    /// - Parameters:
    ///   - vector: What others are compared with.
    ///   - count: How many are kept, 1 or more.
    init(of vector: some Sequence<Float>, count: Int) {
        self.vector = Array(vector)
        self.count = count
        norm = Self.norm(self.vector.reduce(0) { $0 + Double($1) * Double($1) })
    }

    /// Compares with a vector of each of some tokens, whose ids are above all that were added before.
    ///
    /// - Parameters:
    ///   - rows: [tokens × ≥ column + width of the vector].
    ///   - column: Where a token's vector begins.
    @Compute mutating func add(_ tokens: [Int32], _ rows: Tensor, column: Int) {
        precondition(rows.rows == tokens.count && column + vector.count <= rows.width, "\(rows.shape) at \(column)")
        for (row, token) in tokens.enumerated() {
            let values = rows.floats + row * rows.width + column
            var product = 0.0, squares = 0.0
            for i in vector.indices {
                product += Double(vector[i]) * Double(values[i])
                squares += Double(values[i]) * Double(values[i])
            }
            let size = norm * Self.norm(squares)
            insert(.init(token: token, similarity: size > 0 ? Float(product) / size : 0))
        }
    }

    private mutating func insert(_ word: NearestWords.Word) {
        if words.count == count {
            guard let last = words.last, word.similarity > last.similarity else { return }
            words.removeLast()
        }
        words.insert(word, at: words.firstIndex { $0.similarity < word.similarity } ?? words.endIndex)
    }

    private static func norm(_ squares: Double) -> Float { Float(squares.squareRoot()) }
}
