import Foundation
import Tensors

/// Privacy of clients at a server that they trust (DP-FedAvg, McMahan et al. 2018): each client's change is clipped to a norm S,
/// and their mean gets Gaussian noise of deviation σS/n, with n the clients that a round has on average.
struct ClientPrivacy {
    /// S; infinite for none.
    let clip: Double
    /// σ: the deviation on the sum of the changes, by S.
    let noise: Double

    /// Shortens a change to the norm S, where it is longer.
    func clipped(_ change: [Double]) -> [Double] {
        let norm = change.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return norm > clip ? change.map { $0 * (clip / norm) } : change
    }

    /// The mean with noise.
    func noisy(_ mean: [Double], clients: Double, _ generator: inout SeededGenerator) -> [Double] {
        guard noise > 0 else { return mean }
        let deviation = noise * clip / clients
        return mean.map { $0 + deviation * generator.normal() }
    }
}

/// What rounds with noise tell of a single client at most: ε for a δ, where neighbouring sets of clients differ in one.
///
/// Rényi differential privacy: a round with noise σ in which each client takes part with probability q has, for an integer order
/// α, ε(α) = ln Σₖ C(α, k) (1 − q)^(α − k) qᵏ exp((k² − k) / 2σ²) / (α − 1) (Mironov, Talwar & Zhang 2019, "Rényi Differential
/// Privacy of the Sampled Gaussian Mechanism", equation 4), and α / 2σ² for q = 1 and any α > 1 (Mironov 2017). Rounds add up. It
/// means (ε, δ) with ε = Tε(α) + ln((α − 1)/α) − (ln δ + ln α) / (α − 1) for each α (Canonne, Kamath & Steinke 2020, proposition
/// 12): the least counts. For q < 1 there are integer orders only here, so that the bound is a little higher than where fractional
/// ones are tried, too.
enum PrivacyAccountant {
    /// ε; infinite without noise.
    static func epsilon(noise: Double, sampling: Double, rounds: Int, delta: Double) -> Double {
        guard noise > 0 else { return .infinity }
        let whole = (2...64).map(Double.init) + [80, 96, 128, 256, 512, 1024]
        let orders = sampling < 1 ? whole : (1..<100).map { 1 + Double($0) / 10 } + whole
        return orders.map { order in
            let divergence =
                Double(rounds)
                * (sampling < 1
                    ? sampled(Int(order), noise: noise, sampling: sampling) : order / (2 * noise * noise))
            return max(0, divergence + log1p(-1 / order) - log(delta * order) / (order - 1))
        }.min() ?? .infinity
    }

    /// ε(α) of one round.
    private static func sampled(_ order: Int, noise: Double, sampling: Double) -> Double {
        let all = Double(order)
        let terms = (0...order).map { k -> Double in
            let k = Double(k)
            return lgamma(all + 1) - lgamma(k + 1) - lgamma(all - k + 1) + (all - k) * log1p(-sampling)
                + k * log(sampling) + (k * k - k) / (2 * noise * noise)
        }
        let largest = terms.max() ?? 0
        return (largest + log(terms.reduce(0) { $0 + exp($1 - largest) })) / (all - 1)
    }
}
