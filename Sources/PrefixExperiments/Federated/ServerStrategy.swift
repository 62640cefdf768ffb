import Foundation

/// What a server makes of the mean change of its clients, round by round. All is of flat lists of the same values.
protocol ServerStrategy {
    /// The values that the next round starts from.
    ///
    /// - Parameters:
    ///   - values: Those that the clients started from.
    ///   - change: The mean of what they came to, less these.
    ///   - round: 1 for the first.
    mutating func next(_ values: [Float], change: [Double], round: Int) -> [Float]
}

/// FedAvg (McMahan et al. 2017): w + Δ, which is the mean of the clients' values.
struct FederatedMean: ServerStrategy {
    func next(_ values: [Float], change: [Double], round: Int) -> [Float] {
        zip(values, change).map { Float(Double($0) + $1) }
    }
}

/// FedAdam (Reddi et al. 2021, algorithm 2) as Flower 1.42 has it: m ← β₁m + (1 − β₁)Δ, v ← β₂v + (1 − β₂)Δ²,
/// w ← w + η √(1 − β₂ᵗ⁺¹) / (1 − β₁ᵗ⁺¹) · m / (√v + τ) in round t, with m = v = 0 before the first.
struct FederatedAdam: ServerStrategy {
    /// Flower's defaults.
    var eta = 0.1, beta1 = 0.9, beta2 = 0.99, tau = 1e-3
    private var first: [Double] = [], second: [Double] = []

    init(eta: Double = 0.1) { self.eta = eta }

    mutating func next(_ values: [Float], change: [Double], round: Int) -> [Float] {
        if first.isEmpty { (first, second) = (values.map { _ in 0 }, values.map { _ in 0 }) }
        let power = Double(round + 1)
        let rate = eta * (1 - pow(beta2, power)).squareRoot() / (1 - pow(beta1, power))
        return values.indices.map { index in
            let change = change[index]
            first[index] = beta1 * first[index] + (1 - beta1) * change
            second[index] = beta2 * second[index] + (1 - beta2) * change * change
            return Float(Double(values[index]) + rate * first[index] / (second[index].squareRoot() + tau))
        }
    }
}
