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

    /// Number of entries in memory.
    var count: Int { entries.count }

    /// Reads a table, compressed or not: three lines a pair, which are a probability (not used), a phrase and its paraphrase.
    /// - Throws: ``MetricError``.
    init(_ file: URL) throws(MetricError) {
        let lines: Int
        do throws(InputError) {
            // A pair is kept in a few bytes, whatever its lines hold.
            var limits = InputLimits()
            limits.lineCost = 8
            let reader = try InputReader(path: file.path, limits: limits)
            try read(reader)
            lines = reader.line
        } catch {
            throw .input(error)
        }
        guard lines.isMultiple(of: 3) else {
            throw .malformedLine(
                path: file.path, line: lines, reason: "a pair of paraphrases has three lines; the last is cut off.")
        }
    }

    private mutating func read(_ reader: InputReader) throws(InputError) {
        var phrase = PhraseHash(), run: (phrase: UInt64, start: Int)?
        // All runs of phrases that come again after others.
        var repeated: [UInt64: [Range<Int32>]] = [:]
        while let line = try reader.nextLine() {
            switch reader.line % 3 {
            case 2:
                phrase = Self.phrase(line)
            case 0:
                let paraphrase = Self.phrase(line)
                if phrase.value != run?.phrase {
                    close(run, &repeated)
                    run = (phrase.value, entries.count)
                }
                guard entries.count < 1 << 30 else { throw .endless(file: reader.name, limit: 1 << 30) }
                entries.append(Entry(hash: paraphrase.value, length: Int32(clamping: paraphrase.length)))
                longest = max(longest, phrase.length, paraphrase.length)
            default: break
            }
        }
        close(run, &repeated)
        // Put together once, at the end: at each return of a phrase it would take time and memory without bounds.
        for (phrase, runs) in repeated {
            let start = entries.count
            for run in runs { entries += entries[Int(run.lowerBound)..<Int(run.upperBound)] }
            places[phrase] = Int32(start)..<Int32(entries.count)
        }
    }

    private mutating func close(_ run: (phrase: UInt64, start: Int)?, _ repeated: inout [UInt64: [Range<Int32>]]) {
        guard let (phrase, start) = run else { return }
        let range = Int32(start)..<Int32(entries.count)
        if let first = places[phrase] {
            repeated[phrase, default: [first]].append(range)
        } else {
            places[phrase] = range
            known.insert(phrase)
        }
    }

    /// The paraphrases of a phrase in the order of the table.
    func entries(of phrase: UInt64) -> ArraySlice<Entry> {
        guard known.mayContain(phrase), let range = places[phrase] else { return [] }
        return entries[Int(range.lowerBound)..<Int(range.upperBound)]
    }

    private static func phrase(_ line: ArraySlice<UInt8>) -> PhraseHash {
        var phrase = PhraseHash()
        for word in line.split(separator: 0x20) { phrase.append(PhraseHash.word(word)) }
        return phrase
    }
}
