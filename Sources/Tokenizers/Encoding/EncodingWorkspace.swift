/// What encoding reuses from call to call: scratch space and the cache of words.
struct EncodingWorkspace: Sendable {
    var symbols: [Int32] = []
    /// How many of `symbols` are left after merging in place.
    var remaining = 0
    var cache = WordCache()
}

/// The tokens of words seen before. Natural text repeats few thousand words, so most words never reach the merges.
///
/// Direct-mapped and of fixed size (under 2 MB, allocated at first use): a word that falls on another's slot
/// replaces it, so hostile text can make the cache useless but never large or slow.
struct WordCache: Sendable {
    /// A word of at most 15 bytes together with its length, which is never zero: zero marks a vacant slot.
    struct Key: Equatable {
        let low: UInt64
        let high: UInt64

        /// Nil where the word is too long (or empty).
        @inline(__always)
        init?(_ word: UnsafeBufferPointer<UInt8>) {
            guard word.count < 16, word.count > 0 else { return nil }
            var low: UInt64 = 0
            var high: UInt64 = 0
            for index in 0..<min(8, word.count) { low |= UInt64(word[index]) &<< UInt64(index &* 8) }
            for index in 8..<max(8, word.count) { high |= UInt64(word[index]) &<< UInt64((index &- 8) &* 8) }
            self.low = low
            self.high = high | UInt64(word.count) << 56
        }

        @inline(__always)
        var slot: Int {
            let mixed = (low ^ (high &* 0xFF51_AFD7_ED55_8CCD)) &* 0x9E37_79B9_7F4A_7C15
            return Int(truncatingIfNeeded: mixed >> UInt64(64 - WordCache.slotBits))
        }
    }

    static let slotBits = 15
    private static let mostTokens = 7
    private static let stride = mostTokens + 1
    private var keys: [UInt64] = []
    /// Per slot, the number of tokens and then the tokens.
    private var values: [Int32] = []

    /// Appends the tokens remembered for `key`; false where there are none.
    @inline(__always)
    func append(_ key: Key, to output: inout [Int32]) -> Bool {
        let slot = key.slot
        guard !keys.isEmpty, keys[2 &* slot] == key.low, keys[2 &* slot &+ 1] == key.high else { return false }
        let start = slot &* Self.stride
        for index in 1...Int(values[start]) { output.append(values[start &+ index]) }
        return true
    }

    mutating func store(_ tokens: ArraySlice<Int32>, for key: Key) {
        guard tokens.count <= Self.mostTokens, !tokens.isEmpty else { return }
        if keys.isEmpty {
            keys = Array(repeating: 0, count: 2 << Self.slotBits)
            values = Array(repeating: 0, count: Self.stride << Self.slotBits)
        }
        let slot = key.slot
        keys[2 * slot] = key.low
        keys[2 * slot + 1] = key.high
        values[slot * Self.stride] = Int32(tokens.count)
        for (offset, token) in tokens.enumerated() { values[slot * Self.stride + 1 + offset] = token }
    }
}
