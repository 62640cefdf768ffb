/// Repeatable random numbers (SplitMix64, Steele et al. 2014): a failure names its seed and comes back with it.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// `count` numbers of mean 0 and the given standard deviation, roughly normal (a sum of four uniform ones).
    mutating func values(_ count: Int, deviation: Float = 1) -> [Float] {
        (0..<count).map { _ in
            let sum = (0..<4).reduce(Float(0)) { total, _ in total + Float.random(in: -1...1, using: &self) }
            return sum * 0.866_025_4 * deviation
        }
    }

    /// `count` numbers in 0..<bound.
    mutating func indices(_ count: Int, below bound: Int) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &self) }
    }
}

extension Array where Element == Float {
    /// The same numbers in double precision, for the reference versions.
    var doubles: [Double] { map(Double.init) }
    /// The bits: equal results are equal bit for bit, NaN included.
    var bits: [UInt32] { map(\.bitPattern) }
}
