/// The best of many scored tokens of several rows, found in one pass without sorting the rest.
struct TopCandidates {
    /// A token, the row it comes from, and its score.
    struct Candidate: Equatable {
        let score: Float
        let row: Int
        let token: Int32
    }

    /// The candidates so far, best first; of equal ones the first offered comes first.
    private(set) var best: [Candidate] = []
    private let capacity: Int

    /// A selection of the best `capacity`.
    init(capacity: Int) {
        self.capacity = capacity
        best.reserveCapacity(capacity + 1)
    }

    /// What a score must exceed to be among the best.
    var bound: Float { best.count < capacity ? -.infinity : best[capacity - 1].score }

    /// Offers the tokens of one row: score + offset each. What is −∞ or no number is never among the best.
    mutating func offer(_ scores: UnsafePointer<Float>, count: Int, plus offset: Float, row: Int) {
        var bound = bound
        for token in 0..<count {
            let score = scores[token] + offset
            guard score > bound else { continue }
            let place = best.lastIndex { $0.score >= score }.map { $0 + 1 } ?? 0
            best.insert(Candidate(score: score, row: row, token: Int32(token)), at: place)
            if best.count > capacity { best.removeLast() }
            bound = self.bound
        }
    }
}
