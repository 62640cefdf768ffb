import Foundation

/// SentencePiece's compiled rules of replacement (`precompiled_charsmap`): a double-array trie of byte strings, and the
/// texts that replace them.
///
/// Layout: the trie's length in bytes as a little-endian number of 32 bits, the trie's units of 32 bits each, and the
/// replacements, each ended by a zero byte. A unit's bits: 0–7 label, 8 whether a value follows, 9 whether the offset
/// counts in steps of 256, 10–30 offset, 31 whether it is a value. Source: darts-clone.
struct PrecompiledMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]
    /// The length in bytes of the longest replacement that can be put into a text.
    let longestReplacementUsed: Int
    /// Per first byte, whether the trie goes on at all; most text is passed over by this.
    private let beginnings: [Bool]

    /// Graphemes of more bytes are never looked up as a whole.
    private static let longestGrapheme = 5

    /// Longer ones than any rule has are damage, and could fill the memory.
    private static let longestReplacement = 1_024

    /// - Throws: ``TokenizerError/inconsistent(file:component:reason:)`` where the layout is broken. Offsets within the
    ///   trie that lead nowhere are no error: nothing is found there.
    init(_ bytes: [UInt8], file: String, component: String) throws {
        func inconsistent(_ reason: String) -> TokenizerError {
            .inconsistent(file: file, component: component, reason: reason)
        }
        guard bytes.count >= 4 else { throw inconsistent("the precompiled_charsmap is shorter than its header") }
        func number(at start: Int) -> UInt32 {
            var value: UInt32 = 0
            for index in 0..<4 { value |= UInt32(bytes[start + index]) << UInt32(8 * index) }
            return value
        }
        let size = Int(number(at: 0))
        guard size >= 4, size % 4 == 0, size <= bytes.count - 4 else {
            throw inconsistent("the precompiled_charsmap declares a trie of \(size) bytes and has \(bytes.count - 4)")
        }
        units = (1...size / 4).map { number(at: 4 * $0) }
        replacements = Array(bytes[(4 + size)...])
        guard String(validating: replacements, as: UTF8.self) != nil else {
            throw inconsistent("the replacements of the precompiled_charsmap are not UTF-8")
        }
        let lengths = replacements.split(separator: 0).lazy.map(\.count).filter { $0 <= Self.longestReplacement }
        longestReplacementUsed = lengths.max() ?? 0
        let root = Self.offset(of: units[0])
        let units = units
        beginnings = (0...255).map { byte in
            let node = root ^ byte
            return byte > 0 && node < units.count && units[node] & 0x8000_00FF == UInt32(byte)
        }
    }

    private static func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

    /// What replaces a piece of text: the replacement of the shortest beginning of it that has one, as the library does
    /// it; nil where none has.
    private func replacement(of part: UnsafeBufferPointer<UInt8>) -> ArraySlice<UInt8>? {
        guard let first = part.first, beginnings[Int(first)] else { return nil }
        var node = Self.offset(of: units[0])
        for byte in part {
            node ^= Int(byte)
            guard byte != 0, node < units.count else { return nil }
            let unit = units[node]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            node ^= Self.offset(of: unit)
            guard node < units.count else { return nil }
            if unit >> 8 & 1 == 1 {
                let start = Int(units[node] & 0x7FFF_FFFF)
                guard start < replacements.count else { return start == replacements.count ? [] : nil }
                // A value that points into a character is damage; what it would give is not text.
                guard replacements[start] & 0xC0 != 0x80 else { return nil }
                let end = replacements[start...].prefix(Self.longestReplacement + 1).firstIndex(of: 0)
                if let end { return replacements[start..<end] }
                let rest = replacements[start...]
                return rest.count <= Self.longestReplacement ? rest : nil
            }
        }
        return nil
    }

    /// The text with each grapheme cluster of at most five bytes replaced as a whole, or else each of its characters.
    ///
    /// - Parameter most: About where to stop: beyond that the text is refused, whatever follows.
    func normalized(_ text: UnsafeBufferPointer<UInt8>, atMost most: Int = .max) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 8)
        var position = 0
        while position < text.count && output.count <= most {
            // Two ASCII characters never form one cluster, except for CR LF.
            let first = text[position]
            if first < 0x80, position + 1 == text.count || text[position + 1] < 0x80, first != 0x0D {
                append(UnsafeBufferPointer(rebasing: text[position..<position + 1]), to: &output)
                position += 1
                continue
            }
            var end = position + 1
            while end < text.count && !(text[end] < 0x80 && text[end - 1] < 0x80 && text[end - 1] != 0x0D) { end += 1 }
            appendClusters(of: UnsafeBufferPointer(rebasing: text[position..<end]), to: &output, atMost: most)
            position = end
        }
        return output
    }

    private func appendClusters(of text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8], atMost most: Int) {
        var start = 0
        for cluster in String(decoding: text, as: UTF8.self) where output.count <= most {
            let end = start + cluster.utf8.count
            if end - start <= Self.longestGrapheme,
                let replacement = replacement(of: UnsafeBufferPointer(rebasing: text[start..<end]))
            {
                output += replacement
            } else {
                while start < end {
                    let length = CharacterClasses.scalar(at: start, of: text).length
                    append(UnsafeBufferPointer(rebasing: text[start..<start + length]), to: &output)
                    start += length
                }
            }
            start = end
        }
    }

    @inline(__always)
    private func append(_ character: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        if let replacement = replacement(of: character) { output += replacement } else { output += character }
    }
}
