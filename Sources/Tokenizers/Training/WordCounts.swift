/// How often each word occurs: an open-addressing hash over one arena of bytes.
struct WordCounts {
    private(set) var bytes: [UInt8] = []
    /// Word i is `bytes[offsets[i]..<offsets[i + 1]]`.
    private(set) var offsets = [0]
    private(set) var counts: [Int] = []
    private var slots = [Int32](repeating: -1, count: 1 << 16)

    mutating func count(_ word: UnsafeBufferPointer<UInt8>) {
        var slot = Self.hash(word) & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if isWord(index, word) {
                counts[index] += 1
                return
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(counts.count)
        bytes += word
        offsets.append(bytes.count)
        counts.append(1)
        if counts.count * 2 > slots.count { grow() }
    }

    private func isWord(_ index: Int, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = offsets[index]
        guard offsets[index + 1] - start == word.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<word.count where bytes[start + offset] != word[offset] { return false }
            return true
        }
    }

    /// FNV-1a, with its high bits folded into those that choose the slot.
    private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in word { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7FFF_FFFF)
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        bytes.withUnsafeBufferPointer { bytes in
            for index in counts.indices {
                let word = UnsafeBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]])
                var slot = Self.hash(word) & (slots.count - 1)
                while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
                slots[slot] = Int32(index)
            }
        }
    }
}
