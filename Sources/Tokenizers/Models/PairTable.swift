/// Which two tokens merge into which, and how early: an open-addressing hash on the pair of ids.
struct PairTable: Sendable {
    struct Entry {
        /// Position in the list of merges; lower goes first.
        var rank: Int32
        /// The token that the pair becomes.
        var identifier: Int32
    }

    private var keys: [UInt64]
    private var entries: [Entry]
    private let shift: UInt64
    private static let vacant = UInt64.max

    init(capacity: Int) {
        var bits = 4
        while 1 << bits < capacity * 2 { bits += 1 }
        keys = Array(repeating: Self.vacant, count: 1 << bits)
        entries = Array(repeating: Entry(rank: 0, identifier: 0), count: 1 << bits)
        shift = UInt64(64 - bits)
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count &- 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while keys[slot] != key && keys[slot] != Self.vacant { slot = (slot &+ 1) & mask }
        return slot
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Sets a pair's merge; a later one replaces an earlier one. At most `capacity` different pairs may be set.
    mutating func set(_ left: Int32, _ right: Int32, to entry: Entry) {
        let key = Self.key(left, right)
        let slot = slot(of: key)
        keys[slot] = key
        entries[slot] = entry
    }

    @inline(__always)
    func entry(_ left: Int32, _ right: Int32) -> Entry? {
        let slot = slot(of: Self.key(left, right))
        return keys[slot] == Self.vacant ? nil : entries[slot]
    }
}
