/// What it takes on paper to add numbers over ranks: T = 2 ⌈log₂ N⌉ α + 2 (N − 1)/N · S/B.
///
/// Each rank first receives and adds its share of all numbers, then passes on what it has come to (reduce-scatter and allgather:
/// Rabenseifner's algorithm; Thakur, Rabenseifner and Gropp 2005, section 4.4, without the time of the additions). A ring sends as
/// much in 2 (N − 1) messages. Nothing that leaves every rank with all sums sends less, so that B's term is a floor.
public struct AllReduceModel: Sendable, Equatable {
    /// Of a packet on Ethernet, the part that is no header: 1,448 of 1,538 bytes with TCP's time stamps and packets of 1,500.
    public static let payload = 1448.0 / 1538

    /// Bits per second of each rank's own link, in each direction, headers included.
    public let bandwidth: Double
    /// α, seconds that a message takes, however small.
    public let latency: Double

    /// A link.
    public init(bandwidth: Double, latency: Double = 50e-6) { (self.bandwidth, self.latency) = (bandwidth, latency) }

    /// What each rank sends, and receives, at least.
    ///
    /// - Parameters:
    ///   - bytes: S, of all numbers.
    ///   - ranks: N.
    public static func wireBytes(_ bytes: Int, ranks: Int) -> Double {
        ranks > 1 ? 2 * Double(ranks - 1) / Double(ranks) * Double(bytes) : 0
    }

    /// Seconds to add numbers of so many bytes.
    public func seconds(bytes: Int, ranks: Int) -> Double {
        guard ranks > 1 else { return 0 }
        let rounds = Int.bitWidth - (ranks - 1).leadingZeroBitCount
        return 2 * Double(rounds) * latency + 8 * Self.wireBytes(bytes, ranks: ranks) / (bandwidth * Self.payload)
    }
}
