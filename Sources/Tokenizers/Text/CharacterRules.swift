/// The compiled normalisation rules of a SentencePiece model (`precompiled_charsmap`): the size of a double array in
/// bytes, the double array (Darts-clone), and the replacements, each ended by a zero byte.
///
/// The library follows the array without looking at its bounds. This check is what makes it safe: no walk leaves the
/// array, none is endless, and every value is the place of a replacement of sensible length.
struct CharacterRules {
    /// At most so many rules may begin alike, for the library keeps them in an array of this size.
    private static let deepest = 32
    /// In bytes; the longest that Unicode prescribes takes 33. Every character of a text could become this.
    private static let longestReplacement = 256
    /// How many bytes may replace one, at most; Unicode prescribes 11 (U+FDFA, 3 bytes by 33). The library holds about 20
    /// bytes for each byte of a normalised text, so that rules that blow a text up would fill the memory.
    private static let greatestGrowth = 16

    private let units: [UInt32]
    private let damage: ProtobufReader.Damage

    /// - Throws: ``ProtobufReader/Damage``.
    static func check(_ blob: ArraySlice<UInt8>) throws {
        let damage = ProtobufReader.Damage(offset: blob.startIndex, reason: "the rules for characters are damaged")
        func word(at offset: Int) -> UInt32 {
            let start = blob.startIndex + offset
            return blob[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        guard blob.count > 4, blob.last == 0 else { throw damage }
        let size = Int(word(at: 0))
        guard size >= 1024, size.isMultiple(of: 4), size < blob.count - 4 else { throw damage }
        let units = stride(from: 4, to: 4 + size, by: 4).map(word)
        try CharacterRules(units: units, damage: damage).check(replacements: blob.dropFirst(4 + size))
    }

    private init(units: [UInt32], damage: ProtobufReader.Damage) {
        self.units = units
        self.damage = damage
    }

    /// Where the 256 places begin, at most 255 above, among which those that follow `place` lie.
    private func base(of place: Int) -> Int {
        let unit = units[place]
        return place ^ Int((unit >> 10) << ((unit & (1 << 9)) >> 6))
    }

    private func endsRule(_ place: Int) -> Bool { units[place] & (1 << 8) != 0 }
    private func isValue(_ place: Int) -> Bool { units[place] & (1 << 31) != 0 }

    private func check(replacements: ArraySlice<UInt8>) throws {
        // Who follows whom, found from the followers: one at `place` labelled c has the base `place ^ c`.
        var followers = [[Int32]](repeating: [], count: units.count)
        for place in units.indices where !isValue(place) {
            let base = place ^ Int(units[place] & 0xFF)
            if base < units.count { followers[base].append(Int32(place)) }
        }
        // Depth first; a place is closed when the number of rules below it is known.
        let unseen = -1, open = -2
        var depths = [Int](repeating: unseen, count: units.count)
        var stack = [0]
        while let place = stack.last {
            if depths[place] >= 0 {
                stack.removeLast()
                continue
            }
            let base = base(of: place)
            guard base | 0xFF < units.count else { throw damage }
            if depths[place] == unseen {
                depths[place] = open
                if place != 0, endsRule(place) { _ = try length(of: value(of: place), in: replacements) }
                for follower in followers[base] where depths[Int(follower)] < 0 {
                    // A follower that is still open lies above: the walk would be endless.
                    guard depths[Int(follower)] == unseen else { throw damage }
                    stack.append(Int(follower))
                }
            } else {
                let below = followers[base].map { depths[Int($0)] }.max() ?? 0
                depths[place] = below + (endsRule(place) ? 1 : 0)
                guard depths[place] <= Self.deepest else { throw damage }
                stack.removeLast()
            }
        }
        try checkGrowth(followers, replacements)
    }

    /// Refuses rules that make much of little. Breadth first, so that each rule is seen with the fewest bytes it replaces.
    private func checkGrowth(_ followers: [[Int32]], _ replacements: ArraySlice<UInt8>) throws {
        var lengths = [Int](repeating: -1, count: units.count)
        lengths[0] = 0
        var queue = [0]
        var head = 0
        while head < queue.count {
            let place = queue[head]
            head += 1
            if place != 0, endsRule(place) {
                let length = try length(of: value(of: place), in: replacements)
                guard length <= lengths[place] * Self.greatestGrowth else {
                    throw damage.because("a rule for characters makes \(length) bytes of \(lengths[place])")
                }
            }
            for follower in followers[base(of: place)] where lengths[Int(follower)] < 0 {
                lengths[Int(follower)] = lengths[place] + 1
                queue.append(Int(follower))
            }
        }
    }

    /// Where the replacement of a rule that ends at `place` begins.
    private func value(of place: Int) -> Int { Int(units[base(of: place)] & 0x7FFF_FFFF) }

    /// How long the replacement at `value` is.
    private func length(of value: Int, in replacements: ArraySlice<UInt8>) throws -> Int {
        guard value < replacements.count else { throw damage }
        let start = replacements.startIndex + value
        let end = min(start + Self.longestReplacement, replacements.endIndex)
        guard let zero = replacements[start..<end].firstIndex(of: 0) else { throw damage }
        return zero - start
    }
}
