/// The unigram language model of SentencePiece (Kudo 2018): of all ways to cut a word into tokens, the one with the
/// greatest sum of scores.
struct UnigramModel: Sendable {
    let vocabulary: Vocabulary
    /// By id.
    let scores: [Double]
    /// Stands for characters without a token; where nil, they are dropped.
    let unknown: Int32?
    /// Whether unknown text becomes tokens of its bytes, "<0x41>".
    let fallsBackToBytes: Bool

    private let trie: ByteTrie
    private let unknownScore: Double
    /// Ids of "<0x00>" to "<0xFF>"; −1 where the vocabulary lacks one.
    private let byteIdentifiers: [Int32]

    /// What a character without a token costs beyond the worst token.
    private static let unknownPenalty = 10.0

    init(vocabulary: Vocabulary, scores: [Double], unknown: Int32?, fallsBackToBytes: Bool) {
        self.vocabulary = vocabulary
        self.scores = scores
        self.unknown = unknown
        self.fallsBackToBytes = fallsBackToBytes
        trie = ByteTrie(vocabulary.identifiers.map { (key: $0.key, value: $0.value) })
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        byteIdentifiers = vocabulary.byteFallbackIdentifiers
    }

    /// The best way to reach a place in the word.
    private struct Step {
        var score = 0.0
        /// Where its last token starts; −1 where the place is not reached.
        var start: Int32 = -1
        var identifier: Int32 = 0
    }

    /// Appends the tokens of one word.
    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], budget: inout EncodingBudget
    ) {
        guard !word.isEmpty, word.count < Int32.max else { return }
        withUnsafeTemporaryAllocation(of: Step.self, capacity: word.count + 1) { steps in
            steps.initialize(repeating: Step())
            guard findBestPath(of: word, steps, budget: &budget) else { return }
            append(word, steps, to: &output)
        }
    }

    /// False where the budget is used up.
    private func findBestPath(
        of word: UnsafeBufferPointer<UInt8>, _ steps: UnsafeMutableBufferPointer<Step>, budget: inout EncodingBudget
    ) -> Bool {
        @inline(__always)
        func offer(_ end: Int, _ score: Double, _ start: Int, _ identifier: Int32) {
            if steps[end].start < 0 || score > steps[end].score {
                steps[end] = Step(score: score, start: Int32(truncatingIfNeeded: start), identifier: identifier)
            }
        }
        var position = 0
        while position < word.count {
            let length = CharacterClasses.scalar(at: position, of: word).length
            let scoreHere = steps[position].score
            var hasToken = false
            let looked = trie.forEachPrefix(of: word, from: position) { end, identifier in
                offer(end, scores[Int(identifier)] + scoreHere, position, identifier)
                if end - position == length { hasToken = true }
            }
            guard budget.spend(looked, on: "vocabulary") else { return false }
            if !hasToken { offer(position + length, unknownScore + scoreHere, position, unknown ?? -1) }
            position += length
        }
        return true
    }

    /// Walks back from the end; unknown tokens in a row become one.
    private func append(
        _ word: UnsafeBufferPointer<UInt8>, _ steps: UnsafeMutableBufferPointer<Step>, to output: inout [Int32]
    ) {
        let first = output.count
        var end = word.count
        while end > 0 {
            let identifier = steps[end].identifier
            var start = Int(steps[end].start)
            if identifier != unknown && identifier >= 0 {
                output.append(identifier)
            } else {
                while start > 0 && (steps[start].identifier == unknown || steps[start].identifier < 0) {
                    start = Int(steps[start].start)
                }
                appendUnknown(UnsafeBufferPointer(rebasing: word[start..<end]), to: &output)
            }
            end = start
        }
        output[first...].reverse()
    }

    /// Appends in reverse.
    private func appendUnknown(_ text: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) {
        if let identifier = trie.value(of: text) {
            output.append(identifier)
        } else if fallsBackToBytes && text.allSatisfy({ byteIdentifiers[Int($0)] >= 0 }) {
            for byte in text.reversed() { output.append(byteIdentifiers[Int(byte)]) }
        } else if let unknown {
            output.append(unknown)
        }
    }
}

extension Vocabulary {
    /// Ids of "<0x00>" to "<0xFF>"; −1 where there is none.
    var byteFallbackIdentifiers: [Int32] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<256).map { byte in
            identifier(of: Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15], UInt8(ascii: ">")]) ?? -1
        }
    }
}
