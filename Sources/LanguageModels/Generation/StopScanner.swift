/// Finds the first of some stop texts in a text that comes in pieces, and holds back what may be the beginning of one.
///
/// The text ends at the stop text that is complete first; of those that end together, at the longest. That depends on the bytes alone: cut
/// into whatever pieces, a text comes out the same, and no part of a stop text comes out. Pieces that come out are whole characters
/// where the text is UTF-8. Time per byte is that of one step of Knuth, Morris & Pratt (1977) for each stop text.
///
/// ```swift
/// var scanner = StopScanner(["\nUser:"])
/// scanner.append("Hi.\nUs".utf8)    // "Hi."
/// scanner.append("er: what".utf8)   // "", and scanner.stop is "\nUser:"
/// ```
public struct StopScanner: Sendable {
    private struct Pattern: Sendable {
        let text: String
        let bytes: [UInt8]
        /// Of each beginning, the length of the longest shorter one that it ends with.
        let borders: [Int]
        /// How many bytes of it the text ends with.
        var matched = 0

        init(_ text: String) {
            self.text = text
            bytes = Array(text.utf8)
            var borders = [0], border = 0
            for byte in bytes.dropFirst() {
                while border > 0, byte != bytes[border] { border = borders[border - 1] }
                if byte == bytes[border] { border += 1 }
                borders.append(border)
            }
            self.borders = borders
        }

        mutating func take(_ byte: UInt8) {
            while matched > 0, byte != bytes[matched] { matched = borders[matched - 1] }
            if byte == bytes[matched] { matched += 1 }
        }
    }

    private var patterns: [Pattern]
    private let includesStop: Bool
    private var held: [UInt8] = []

    /// The stop text that was found; nothing comes out after it.
    public private(set) var stop: String?

    /// A scanner at the beginning of a text.
    ///
    /// - Parameters:
    ///   - stops: The stop texts; empty ones do not count.
    ///   - includesStop: Whether the one that is found comes out, too (vLLM's `include_stop_str_in_output`).
    public init(_ stops: [String], includesStop: Bool = false) {
        patterns = stops.filter { !$0.isEmpty }.map(Pattern.init)
        self.includesStop = includesStop
    }

    /// Takes the next bytes of the text.
    ///
    /// - Returns: The bytes that are now known to stand before a stop text.
    public mutating func append(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        if stop != nil { return [] }
        for byte in bytes {
            held.append(byte)
            var found: Pattern?
            for index in patterns.indices {
                patterns[index].take(byte)
                let pattern = patterns[index]
                if pattern.matched == pattern.bytes.count, pattern.matched > found?.matched ?? 0 { found = pattern }
            }
            if let found {
                stop = found.text
                defer { held = [] }
                return includesStop ? held : Array(held.dropLast(found.matched))
            }
        }
        let open = patterns.reduce(0) { max($0, $1.matched) }
        let count = open > 0 ? held.count - open : held.count - Self.lengthOfPart(held)
        defer { held.removeFirst(count) }
        return Array(held.prefix(count))
    }

    /// What is held back, once nothing follows.
    public mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held
    }

    /// How many of the last bytes are a character that is not complete.
    private static func lengthOfPart(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            if byte & 0xC0 == 0x80 { continue }
            let needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return needed > length ? length : 0
        }
        return 0
    }
}
