/// Collects bytes and gives out those that form whole characters; ill-formed UTF-8 becomes U+FFFD as soon as it is
/// certain, one for each maximal ill-formed subsequence, as Python's `errors="replace"` and Rust's
/// `from_utf8_lossy` do.
struct UTF8Buffer: Sendable {
    private var pending: [UInt8] = []

    mutating func append(_ bytes: some Sequence<UInt8>) { pending += bytes }

    /// Moves the complete characters to `text`.
    mutating func takeComplete(to text: inout [UInt8]) {
        if pending.isEmpty { return }
        let complete = pending.count - Self.incompleteTail(of: pending)
        text += String(decoding: pending[..<complete], as: UTF8.self).utf8
        pending.removeFirst(complete)
    }

    /// Moves everything to `text`; U+FFFD where the last character never became complete.
    mutating func takeAll(to text: inout [UInt8]) {
        text += String(decoding: pending, as: UTF8.self).utf8
        pending.removeAll(keepingCapacity: true)
    }

    /// How many bytes at the end are the beginning of a character that further bytes could complete.
    private static func incompleteTail(of bytes: [UInt8]) -> Int {
        for length in 1..<4 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            let needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
            guard lead <= 0xF4, length < needed else { return 0 }
            // The second byte decides whether the sequence can be well-formed (Unicode, table 3-7).
            let second = length > 1 ? bytes[bytes.count - length + 1] : nil
            switch (lead, second) {
            case (0xE0, .some(..<0xA0)), (0xED, .some(0xA0...)), (0xF0, .some(..<0x90)), (0xF4, .some(0x90...)):
                return 0
            default: return length
            }
        }
        return 0
    }
}
