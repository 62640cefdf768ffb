import CZlib
import Foundation

/// Words and phrases as 64-bit hashes: phrases of equal hash are taken to be equal (one wrong in 10⁸ corpora).
struct PhraseHash: Sendable {
    private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15
    private(set) var length = 0

    /// FNV-1a.
    static func word(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        return hash
    }

    /// One more word.
    mutating func append(_ word: UInt64) {
        var mixed = (value ^ word) &* 0xbf58_476d_1ce4_e5b9
        mixed ^= mixed >> 31
        value = mixed &* 0x94d0_49bb_1331_11eb
        length += 1
    }
}

/// A set of hashes that may say yes too often, never no.
struct HashFilter: Sendable {
    private var bits = [UInt64](repeating: 0, count: 1 << 18)

    mutating func insert(_ hash: UInt64) { bits[Int(hash >> 46)] |= 1 << (hash >> 40 & 63) }

    func mayContain(_ hash: UInt64) -> Bool { bits[Int(hash >> 46)] >> (hash >> 40 & 63) & 1 == 1 }
}

/// METEOR's table of paraphrases, which were found in parallel texts: five million pairs in English, kept in about 100 MB.
struct METEORParaphrases: Sendable {
    /// A paraphrase of a phrase.
    struct Entry: Sendable {
        let hash: UInt64
        let length: Int32
    }

    private var places: [UInt64: Range<Int32>] = [:]
    private var entries: [Entry] = []
    private var known = HashFilter()
    /// Words of the longest phrase.
    private(set) var longest = 0

    /// Reads a table, compressed or not: three lines a pair, which are a probability (not used), a phrase and its paraphrase.
    /// - Throws: ``MetricError``.
    init(_ file: URL) throws(MetricError) {
        var line = 0, phrase = PhraseHash(), current: UInt64?
        var start = 0
        try Self.forEachLine(file) { bytes in
            defer { line += 1 }
            switch line % 3 {
            case 1:
                phrase = Self.phrase(bytes)
            case 2:
                let paraphrase = Self.phrase(bytes)
                if phrase.value != current {
                    if let current { close(current, start) }
                    start = entries.count
                    // A phrase that was seen before continues.
                    if let before = places[phrase.value] {
                        entries += entries[Int(before.lowerBound)..<Int(before.upperBound)]
                    }
                    current = phrase.value
                }
                entries.append(Entry(hash: paraphrase.value, length: Int32(paraphrase.length)))
                longest = max(longest, phrase.length, paraphrase.length)
            default: break
            }
        }
        if let current { close(current, start) }
        guard line.isMultiple(of: 3) else {
            throw .malformedLine(
                path: file.path, line: line, reason: "a pair of paraphrases has three lines; the last is cut off.")
        }
    }

    private mutating func close(_ phrase: UInt64, _ start: Int) {
        places[phrase] = Int32(start)..<Int32(entries.count)
        known.insert(phrase)
    }

    /// The paraphrases of a phrase in the order of the table.
    func entries(of phrase: UInt64) -> ArraySlice<Entry> {
        guard known.mayContain(phrase), let range = places[phrase] else { return [] }
        return entries[Int(range.lowerBound)..<Int(range.upperBound)]
    }

    private static func phrase(_ line: UnsafeBufferPointer<UInt8>) -> PhraseHash {
        var phrase = PhraseHash()
        for word in line.split(separator: 0x20) { phrase.append(PhraseHash.word(word)) }
        return phrase
    }

    private static func forEachLine(_ file: URL, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(MetricError) {
        guard let stream = gzopen(file.path, "rb") else {
            throw .unreadableFile(path: file.path, reason: String(cString: strerror(errno)))
        }
        defer { gzclose(stream) }
        gzbuffer(stream, 1 << 18)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var kept = 0
        while true {
            if kept == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
            let count = buffer.withUnsafeMutableBufferPointer { part in
                gzread(stream, part.baseAddress.map { $0 + kept }, UInt32(part.count - kept))
            }
            guard count >= 0 else {
                var status: Int32 = 0
                throw .unreadableFile(
                    path: file.path, reason: gzerror(stream, &status).map { String(cString: $0) } ?? "zlib")
            }
            let filled = kept + Int(count)
            var begin = 0
            buffer.withUnsafeBufferPointer { bytes in
                while let end = bytes[begin..<filled].firstIndex(of: 0x0A) {
                    body(UnsafeBufferPointer(rebasing: bytes[begin..<end]))
                    begin = end + 1
                }
                if count == 0, begin < filled { body(UnsafeBufferPointer(rebasing: bytes[begin..<filled])) }
            }
            if count == 0 { return }
            kept = filled - begin
            buffer.replaceSubrange(0..<kept, with: Array(buffer[begin..<filled]))
        }
    }
}
