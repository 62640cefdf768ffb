import Tokenizers

/// Where the tokens of a text stand in it.
struct TokenPlaces {
    private let text: [UInt8]
    private let tokens: [Int32]
    private let tokenizer: Tokenizer
    /// Where each token begins, and the end, where tokens stand for the bytes of the text one after the other.
    private let starts: [Int]?

    init(_ tokens: [Int32], of text: String, _ tokenizer: Tokenizer) {
        self.tokens = tokens
        self.tokenizer = tokenizer
        self.text = Array(text.utf8)
        var starts = [0]
        var place = 0
        for token in tokens {
            let bytes = tokenizer.bytes(of: token)
            guard self.text[min(place, self.text.count)...].starts(with: bytes) else { break }
            place += bytes.count
            starts.append(place)
        }
        self.starts = starts.count == tokens.count + 1 && place == self.text.count ? starts : nil
    }

    /// The tokens that have any of some bytes of the text: neighbours.
    ///
    /// Where a tokenizer changes the text, so that its tokens' bytes are others, a token is placed by how many tokens the text before it
    /// has in common with the whole.
    ///
    /// - Throws: `TokenizerError`.
    func tokens(touching range: Range<Int>) throws -> Range<Int> {
        if let starts {
            let first = (0..<tokens.count).partitioningIndex { starts[$0 + 1] > range.lowerBound }
            let end = (0..<tokens.count).partitioningIndex { starts[$0] >= range.upperBound }
            return first..<max(first, end)
        }
        let first = try common(before: range.lowerBound), last = try common(before: range.upperBound)
        let end = last.isWhole ? last.count : last.count + 1
        return first.count..<min(max(first.count, end), tokens.count)
    }

    private func common(before end: Int) throws -> (count: Int, isWhole: Bool) {
        let part = try tokenizer.encode(bytes: text[..<end])
        let count = zip(part, tokens).prefix { $0 == $1 }.reduce(0) { count, _ in count + 1 }
        return (count, count == part.count)
    }
}

extension Range<Int> {
    /// The first element that a condition holds for, which holds for all behind it; the end where there is none.
    fileprivate func partitioningIndex(_ holds: (Int) -> Bool) -> Int {
        var low = lowerBound, high = upperBound
        while low < high {
            let middle = low + (high - low) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
