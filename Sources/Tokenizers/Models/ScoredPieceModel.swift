/// SentencePiece's byte-pair encoding (Sennrich et al. 2016, as Kudo and Richardson 2018 have it): a text starts as its
/// characters, and of all neighbours that together make a piece, those whose piece has the greatest score become one (the
/// leftmost among equals), until none do. There is no list of merges: with 262,144 pieces it would have twice as many entries.
struct ScoredPieceModel: Sendable {
    let vocabulary: Vocabulary
    /// By id: how many pieces have a greater score; −1 for tokens that no text is merged into.
    let ranks: [Int32]
    /// Stands for characters of which not even all bytes have tokens; where nil, they are dropped.
    let unknown: Int32?

    private let table: PieceTable
    /// Ids of "<0x00>" to "<0xFF>"; −1 where the vocabulary lacks one.
    private let byteIdentifiers: [Int32]

    /// - Parameters:
    ///   - vocabulary: without gaps.
    ///   - scores: by id, none of them NaN.
    ///   - isPiece: by id, whether text may be merged into it.
    init(vocabulary: Vocabulary, scores: [Float], isPiece: [Bool], unknown: Int32?) {
        self.vocabulary = vocabulary
        self.unknown = unknown
        table = PieceTable(vocabulary.spellings.map { $0 ?? [] })
        byteIdentifiers = vocabulary.byteFallbackIdentifiers
        var ranks = [Int32](repeating: -1, count: scores.count)
        let order = scores.indices.filter { isPiece[$0] }.sorted { scores[$0] > scores[$1] }
        var rank: Int32 = 0
        for (place, identifier) in order.enumerated() {
            if place > 0 && scores[identifier] < scores[order[place - 1]] { rank = Int32(truncatingIfNeeded: place) }
            ranks[identifier] = rank
        }
        self.ranks = ranks
    }

    /// No token: a character that is not in the vocabulary, and what was merged into its neighbour.
    private static let none: Int32 = -1
    private static let dead: Int32 = -2

    /// Appends the tokens of a text.
    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], budget: inout EncodingBudget
    ) {
        guard !word.isEmpty, word.count < Int32.max else { return }
        var symbols: [Int32] = []
        // Symbol i takes the bytes from its start to that of the next one still alive.
        var starts: [Int32] = []
        symbols.reserveCapacity(word.count)
        starts.reserveCapacity(word.count + 1)
        var position = 0
        while position < word.count {
            let length = CharacterClasses.scalar(at: position, of: word).length
            symbols.append(table.identifier(of: UnsafeBufferPointer(rebasing: word[position..<position + length])))
            starts.append(Int32(truncatingIfNeeded: position))
            position += length
        }
        starts.append(Int32(truncatingIfNeeded: position))
        guard merge(&symbols, starts, of: word, budget: &budget) else { return }
        append(symbols, starts, of: word, to: &output)
    }

    /// Merges in O(n log n): a queue of (rank, position), and links over the symbols still alive. False where the budget is
    /// used up.
    private func merge(
        _ symbols: inout [Int32], _ starts: [Int32], of word: UnsafeBufferPointer<UInt8>,
        budget: inout EncodingBudget
    ) -> Bool {
        let count = symbols.count
        var next = (1...Int32(count)).map { $0 }
        var previous = (-1..<Int32(count) - 1).map { $0 }
        // What each symbol would become with the next one, and when: rank and position, the key in the queue.
        var pieces = [Int32](repeating: Self.none, count: count)
        var keys = [UInt64](repeating: .max, count: count)
        var queue = PriorityQueue<UInt64>()
        func look(at position: Int) {
            keys[position] = .max
            let right = Int(next[position])
            guard right < count, symbols[position] >= 0, symbols[right] >= 0 else { return }
            let range = Int(starts[position])..<Int(starts[Int(next[right])])
            // A step is some nanoseconds, in which the hash takes up more than a byte.
            guard range.count <= table.longest, budget.spend(4 + range.count / 4, on: "vocabulary") else { return }
            let identifier = table.identifier(of: UnsafeBufferPointer(rebasing: word[range]))
            guard identifier >= 0, ranks[Int(identifier)] >= 0 else { return }
            pieces[position] = identifier
            keys[position] = UInt64(UInt32(bitPattern: ranks[Int(identifier)])) << 32 | UInt64(position)
            queue.push(keys[position])
        }
        for position in 0..<count { look(at: position) }
        while !budget.isExhausted, let top = queue.pop() {
            let position = Int(top & 0xFFFF_FFFF)
            // An entry is stale unless the neighbours are still those.
            guard keys[position] == top else { continue }
            let absorbed = Int(next[position])
            symbols[position] = pieces[position]
            symbols[absorbed] = Self.dead
            keys[absorbed] = .max
            next[position] = next[absorbed]
            if next[position] < count { previous[Int(next[position])] = Int32(truncatingIfNeeded: position) }
            look(at: position)
            if previous[position] >= 0 { look(at: Int(previous[position])) }
        }
        return !budget.isExhausted
    }

    /// Characters without a token become those of their bytes, else the unknown token, of which several in a row are one.
    private func append(
        _ symbols: [Int32], _ starts: [Int32], of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32]
    ) {
        // An unknown token waits until the next known one; tokens of bytes overtake it, as in Hugging Face's library.
        var hasUnknown = false
        for (index, symbol) in symbols.enumerated() where symbol != Self.dead {
            let bytes = word[Int(starts[index])..<Int(starts[index + 1])]
            if symbol >= 0 {
                if hasUnknown, let unknown { output.append(unknown) }
                hasUnknown = false
                output.append(symbol)
            } else if bytes.allSatisfy({ byteIdentifiers[Int($0)] >= 0 }) {
                for byte in bytes { output.append(byteIdentifiers[Int(byte)]) }
            } else {
                hasUnknown = true
            }
        }
        if hasUnknown, let unknown { output.append(unknown) }
    }
}

extension ScoredPieceModel {
    /// The merges that a `tokenizer.json` needs in place of the scores: every way to make a piece of two tokens, those of
    /// the greatest score first.
    ///
    /// A list has an order among merges that the scores leave to the place in the text. Where two places of one piece overlap,
    /// its merges are ordered so that the left place goes first, which one order can do unless the piece is one text three
    /// times over. Where different pieces have one score, the one with the lower id goes first, wherever it stands.
    func merges() -> [BytePairModel.Merge] {
        var merges: [BytePairModel.Merge] = []
        let order = ranks.indices.filter { ranks[$0] >= 0 }.sorted { (ranks[$0], $0) < (ranks[$1], $1) }
        for identifier in order {
            guard let piece = vocabulary.spellings[identifier] else { continue }
            piece.withUnsafeBufferPointer { appendMerges(of: $0, to: &merges) }
        }
        return merges
    }

    private func appendMerges(
        of piece: UnsafeBufferPointer<UInt8>, to merges: inout [BytePairModel.Merge]
    ) {
        let count = piece.count
        func add(_ split: Int) {
            guard piece[split] & 0xC0 != 0x80 else { return }
            let left = table.identifier(of: UnsafeBufferPointer(rebasing: piece[..<split]))
            guard left >= 0 else { return }
            let right = table.identifier(of: UnsafeBufferPointer(rebasing: piece[split...]))
            if right >= 0 { merges.append(.init(left: left, right: right)) }
        }
        // "xy" and "yz" are both the piece where y is its beginning and its end. Then x has the length of z, and the two
        // merges are split there and at the length of y.
        for split in stride(from: 1, through: count / 2, by: 1) {
            let other = count - split
            if split == other {
                add(split)
            } else if piece[..<other].elementsEqual(piece[split...]) {
                add(split)
                add(other)
            } else {
                add(other)
                add(split)
            }
        }
    }
}
