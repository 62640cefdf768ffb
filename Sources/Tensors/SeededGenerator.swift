import Foundation

/// A small seeded random generator whose state can be saved: xoshiro256** (Blackman & Vigna 2021).
///
/// Everything random in training draws from one of these, so that a seed fixes a run and a saved state continues it.
public struct SeededGenerator: RandomNumberGenerator, Codable, Equatable, Sendable {
    private var state: [UInt64]

    /// A generator; equal seeds give equal sequences.
    public init(seed: UInt64) {
        var z = seed
        // SplitMix64 spreads the seed over the state.
        state = (0..<4).map { _ in
            z &+= 0x9e37_79b9_7f4a_7c15
            var x = z
            x = (x ^ (x >> 30)) &* 0xbf58_476d_1ce4_e5b9
            x = (x ^ (x >> 27)) &* 0x94d0_49bb_1331_11eb
            return x ^ (x >> 31)
        }
    }

    /// Reads a saved generator.
    public init(from decoder: any Decoder) throws {
        enum Key: CodingKey { case state }
        let container = try decoder.container(keyedBy: Key.self)
        state = try container.decode([UInt64].self, forKey: .state)
        guard state.count == 4 else {
            throw DecodingError.dataCorruptedError(
                forKey: .state, in: container, debugDescription: "\(state.count) words, where 4 belong")
        }
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        func rotated(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
        let result = rotated(state[1] &* 5, 7) &* 9
        let t = state[1] << 17
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = rotated(state[3], 45)
        return result
    }

    /// A number in 0..<1.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number from the normal distribution N(0, 1) (Box & Muller 1958).
    public mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }
}
