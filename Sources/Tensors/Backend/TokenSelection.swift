import CKernels

/// How the next token of a row of scores is chosen. What is no number is passed over.
package struct TokenChoice {
    /// Scores [vocabulary], which must live until the choice is made.
    package let scores: UnsafePointer<Float>
    /// How a token is drawn; nil for the first of those with the greatest score.
    package let draw: Draw?

    /// A draw from softmax(scores / temperature), cut off by top-k, then top-p, then min-p.
    package struct Draw {
        /// Greater than 0.
        package let temperature: Double
        /// Only the k greatest scores, and those equal to the last of them; 0 keeps all.
        package let topK: Int
        /// Only the most probable tokens that together reach this share, the first of equal ones first; 1 keeps all.
        package let topP: Double
        /// Only tokens with at least this fraction of the greatest probability.
        package let minP: Double
        /// Where the draw falls in the sum of the weights in order of the tokens' numbers, in 0..<1.
        package let uniform: Double

        /// A draw.
        package init(temperature: Double, topK: Int, topP: Double, minP: Double, uniform: Double) {
            self.temperature = temperature
            self.topK = topK
            self.topP = topP
            self.minP = minP
            self.uniform = uniform
        }
    }

    /// A choice.
    package init(_ scores: UnsafePointer<Float>, draw: Draw?) {
        self.scores = scores
        self.draw = draw
    }

    fileprivate var kernel: ptk_choice {
        ptk_choice(
            scores: scores, draws: draw != nil, temperature: draw?.temperature ?? 1, top_k: Int64(draw?.topK ?? 0),
            top_p: draw?.topP ?? 1, min_p: draw?.minP ?? 0, uniform: draw?.uniform ?? 0)
    }
}

/// What is told of a row of scores.
package struct TokenDistribution: Sendable {
    /// log Σ exp(score).
    package let logSum: Double
    /// The tokens with the greatest scores, best first.
    package let best: [Int32]
}

/// Choosing among the tokens of a vocabulary: no row is sorted, and rows are shared out over the threads of the pool.
package enum TokenSelection {
    /// The token of each row; nil where all scores are −∞, or where one to be drawn by is +∞.
    @Compute package static func choose(_ choices: [TokenChoice], vocabulary: Int) -> [Int32?] {
        if choices.isEmpty { return [] }
        let kernel = choices.map(\.kernel)
        // No more threads work than rows are there.
        let bytes = ptk_choice_scratch(Int64(vocabulary), Int64(ptk_threads()))
        let scratch = Storage(count: Int(bytes) / 4)
        var tokens = [Int32](repeating: -1, count: kernel.count)
        ptk_choose(kernel, Int64(kernel.count), Int64(vocabulary), scratch.floats, &tokens)
        return tokens.map { $0 < 0 ? nil : $0 }
    }

    /// The token of one row, on the thread that calls.
    package static func choose(_ choice: TokenChoice, vocabulary: Int) -> Int32? {
        let scratch = Storage(count: Int(ptk_choice_scratch(Int64(vocabulary), 1)) / 4)
        var kernel = choice.kernel
        let token = ptk_choose_one(&kernel, Int64(vocabulary), scratch.floats)
        return token < 0 ? nil : token
    }

    /// What a row is drawn from, in order of the tokens' numbers: weights are relative to the greatest.
    package static func candidates(_ choice: TokenChoice, vocabulary: Int) -> [(token: Int32, weight: Double)] {
        let scratch = Storage(count: Int(ptk_choice_scratch(Int64(vocabulary), 1)) / 4)
        var kernel = choice.kernel, tokens = [Int32](repeating: 0, count: vocabulary)
        var weights = [Double](repeating: 0, count: vocabulary)
        let count = Int(ptk_candidates(&kernel, Int64(vocabulary), scratch.floats, &tokens, &weights))
        return (0..<count).map { (tokens[$0], weights[$0]) }
    }

    /// Describes rows of scores, each with as many of the best tokens as it asks for.
    @Compute package static func describe(
        _ rows: [(scores: UnsafePointer<Float>, best: Int)], vocabulary: Int
    ) -> [TokenDistribution] {
        describe(rows, vocabulary: vocabulary) { ptk_describe($0, Int64(rows.count), Int64(vocabulary)) }
    }

    /// Describes one row, on the thread that calls.
    package static func describe(
        _ scores: UnsafePointer<Float>, best: Int, vocabulary: Int
    ) -> TokenDistribution {
        describe([(scores, best)], vocabulary: vocabulary) { ptk_describe_one($0, Int64(vocabulary)) }[0]
    }

    private static func describe(
        _ rows: [(scores: UnsafePointer<Float>, best: Int)], vocabulary: Int,
        by kernel: (UnsafeMutablePointer<ptk_distribution>?) -> Void
    ) -> [TokenDistribution] {
        var tokens = [Int32](repeating: -1, count: max(1, rows.reduce(0) { $0 + $1.best }))
        return tokens.withUnsafeMutableBufferPointer { tokens in
            var next = tokens.baseAddress
            var described = rows.map { row in
                defer { next = next.map { $0 + row.best } }
                return ptk_distribution(scores: row.scores, best: Int64(row.best), log_sum: 0, tokens: next)
            }
            described.withUnsafeMutableBufferPointer { kernel($0.baseAddress) }
            return described.map { row in
                let best = UnsafeBufferPointer(start: row.tokens, count: Int(row.best)).prefix { $0 >= 0 }
                return TokenDistribution(logSum: row.log_sum, best: Array(best))
            }
        }
    }
}
