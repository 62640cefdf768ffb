import Foundation

/// How much the tokens of a text count in ``BERTScore``.
struct TokenWeights {
    private let known: [Int32: Double]
    private let other: Double

    /// - Parameters:
    ///   - usesIDF: Whether a token weighs log((N + 1) / (n + 1)) where n of N references have it; then the special
    ///     tokens, which all of them have, weigh 0. Else tokens weigh 1, and the special ones 0 wherever they stand.
    ///   - references: The tokens of all references, equal ones counted as often as they occur.
    init(usesIDF: Bool, specialTokens: (before: Int32, after: Int32), references: [[Int32]]) {
        guard usesIDF else {
            known = [specialTokens.before: 0, specialTokens.after: 0]
            other = 1
            return
        }
        var counts: [Int32: Int] = [:]
        for tokens in references {
            for token in Set(tokens) { counts[token, default: 0] += 1 }
        }
        let total = Double(references.count + 1)
        known = counts.mapValues { log(total / Double($0 + 1)) }
        other = log(total)
    }

    /// The weighted mean of a value per token; 0 where no token has a weight.
    func mean(_ values: [Float], over tokens: [Int32]) -> Double {
        var sum = 0.0, total = 0.0
        for (value, token) in zip(values, tokens) {
            let weight = known[token] ?? other
            sum += weight * Double(value)
            total += weight
        }
        return total == 0 ? 0 : sum / total
    }
}
