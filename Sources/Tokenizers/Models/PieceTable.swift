/// Which byte string has which id: an open-addressing hash whose keys are looked up where they stand in a text, without
/// making arrays of them.
struct PieceTable: Sendable {
    /// All strings, one after the other; string i takes `offsets[i]..<offsets[i + 1]`.
    private var bytes: [UInt8] = []
    private var offsets = [0]
    /// Ids; −1 where vacant.
    private var slots: [Int32]
    /// The length in bytes of the longest.
    let longest: Int

    /// - Parameter pieces: different strings, in order of id.
    init(_ pieces: [[UInt8]]) {
        longest = pieces.reduce(0) { max($0, $1.count) }
        var bits = 4
        while 1 << bits < pieces.count * 2 { bits += 1 }
        slots = Array(repeating: -1, count: 1 << bits)
        bytes.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
        offsets.reserveCapacity(pieces.count + 1)
        for (identifier, piece) in pieces.enumerated() {
            let slot = piece.withUnsafeBufferPointer { self.slot(of: $0) }
            if slots[slot] < 0 { slots[slot] = Int32(truncatingIfNeeded: identifier) }
            bytes += piece
            offsets.append(bytes.count)
        }
    }

    /// The id of a string; −1 where it has none.
    @inline(__always)
    func identifier(of text: UnsafeBufferPointer<UInt8>) -> Int32 {
        text.count > longest ? -1 : slots[slot(of: text)]
    }

    /// The place that holds the string, or where it would go. Swift's hash has a random seed: no file can make its strings
    /// collide.
    private func slot(of text: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(text))
        let mask = slots.count &- 1
        var slot = hasher.finalize() & mask
        while slots[slot] >= 0 && !isEqual(Int(slots[slot]), text) { slot = (slot &+ 1) & mask }
        return slot
    }

    private func isEqual(_ identifier: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = offsets[identifier]
        guard offsets[identifier &+ 1] &- start == text.count else { return false }
        for index in 0..<text.count where bytes[start &+ index] != text[index] { return false }
        return true
    }
}
