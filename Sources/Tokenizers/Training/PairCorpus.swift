/// The words of a corpus as symbols, with the counts of adjacent pairs kept up to date while pairs are merged.
struct PairCorpus {
    private struct Candidate: Comparable {
        var count: Int
        var pair: UInt64

        /// Most frequent first, then the lower ids.
        static func < (one: Candidate, other: Candidate) -> Bool {
            one.count != other.count ? one.count > other.count : one.pair < other.pair
        }
    }

    private struct Occurrences {
        var count = 0
        /// Words in which the pair occurs or once occurred, some repeatedly.
        var words: [Int32] = []
    }

    /// All words in a row; word i takes `lengths[i]` symbols from `starts[i]` on.
    private var symbols: [Int32]
    private var starts: [Int]
    private var lengths: [Int]
    private let counts: [Int]
    private var pairs: [UInt64: Occurrences] = [:]
    private var queue = PriorityQueue<Candidate>()
    /// The number of the merge that last visited a word.
    private var visited: [Int]
    private var mergeNumber = 0

    init(_ words: WordCounts, byteIdentifiers: [Int32]) {
        symbols = words.bytes.map { byteIdentifiers[Int($0)] }
        starts = Array(words.offsets.dropLast())
        lengths = zip(words.offsets.dropFirst(), words.offsets).map { $0 - $1 }
        counts = words.counts
        visited = Array(repeating: 0, count: counts.count)
        for word in counts.indices {
            for index in starts[word]..<max(starts[word], starts[word] + lengths[word] - 1) {
                add(counts[word], to: Self.key(symbols[index], symbols[index + 1]), in: word)
            }
        }
        for (pair, occurrences) in pairs { queue.push(.init(count: occurrences.count, pair: pair)) }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private mutating func add(_ count: Int, to pair: UInt64, in word: Int) {
        pairs[pair, default: Occurrences()].count += count
        if pairs[pair]?.words.last != Int32(word) { pairs[pair]?.words.append(Int32(word)) }
    }

    /// The pair to merge next; nil where none occurs often enough.
    mutating func mostFrequentPair(atLeast minimum: Int) -> BytePairModel.Merge? {
        while let top = queue.pop() {
            // Counts in the queue may be out of date, but only ever too high: a rise is queued anew.
            let current = pairs[top.pair]?.count ?? 0
            if current != top.count {
                if current > 0 { queue.push(.init(count: current, pair: top.pair)) }
                continue
            }
            guard current >= minimum else { return nil }
            return .init(left: Int32(top.pair >> 32), right: Int32(top.pair & 0xFFFF_FFFF))
        }
        return nil
    }

    /// Replaces the pair by `identifier` in every word, from left to right.
    mutating func merge(_ pair: BytePairModel.Merge, into identifier: Int32) {
        mergeNumber += 1
        let key = Self.key(pair.left, pair.right)
        let words = pairs[key]?.words ?? []
        var risen: Set<UInt64> = []
        for word in words where visited[Int(word)] != mergeNumber {
            visited[Int(word)] = mergeNumber
            merge(pair, into: identifier, inWord: Int(word), risen: &risen)
        }
        pairs[key] = nil
        for pair in risen {
            if let count = pairs[pair]?.count, count > 0 { queue.push(.init(count: count, pair: pair)) }
        }
    }

    private mutating func merge(
        _ pair: BytePairModel.Merge, into identifier: Int32, inWord word: Int, risen: inout Set<UInt64>
    ) {
        let start = starts[word]
        let end = start + lengths[word]
        let count = counts[word]
        var read = start
        var write = start
        while read < end {
            guard symbols[read] == pair.left, read + 1 < end, symbols[read + 1] == pair.right else {
                symbols[write] = symbols[read]
                read += 1
                write += 1
                continue
            }
            if write > start {
                let before = symbols[write - 1]
                pairs[Self.key(before, pair.left)]?.count -= count
                add(count, to: Self.key(before, identifier), in: word)
                risen.insert(Self.key(before, identifier))
            }
            if read + 2 < end {
                let after = symbols[read + 2]
                pairs[Self.key(pair.right, after)]?.count -= count
                add(count, to: Self.key(identifier, after), in: word)
                risen.insert(Self.key(identifier, after))
            }
            symbols[write] = identifier
            read += 2
            write += 1
        }
        lengths[word] = write - start
    }
}
