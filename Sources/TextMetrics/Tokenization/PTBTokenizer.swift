/// Penn Treebank words as the COCO caption scripts get them from Stanford's `PTBTokenizer` 3.4.1
/// (`-preserveLines -lowerCase`): lowercased, clitics cut off ("it 's", "do n't"), hyphenated words and abbreviations whole.
///
/// `PTBTokenizer().tokens(of: "It's £20-25 (cheap), isn't it?")` is
/// `["it", "'s", "#", "20-25", "-lrb-", "cheap", "-rrb-", ",", "is", "n't", "it", "?"]`.
///
/// Of the original's rules these few are left out: character entities for accented letters and typesetting marks, and
/// compounds like "Canada-U.S" without a final stop.
public struct PTBTokenizer: Sendable {
    /// What the caption scripts remove. Brackets stay: the script lists them in upper case, but gets them in lower case.
    private static let punctuation: Set<String> = [
        "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";",
    ]

    /// Creates the tokenizer.
    public init() {}

    /// All tokens of one text, punctuation included.
    public func tokens(of text: String) -> [String] {
        scan([text])[0]
    }

    /// The tokens of each text without punctuation.
    ///
    /// Like the original, this reads the texts as lines of one file: whether a stop at the end of a line belongs to an
    /// abbreviation can depend on how the next line begins.
    public func captionTokens(of texts: [String]) -> [[String]] {
        scan(texts).map { line in line.filter { !Self.punctuation.contains($0) } }
    }

    private func scan(_ texts: [String]) -> [[String]] {
        var units: [UInt16] = []
        units.reserveCapacity(texts.reduce(0) { $0 + $1.utf8.count + 1 })
        for (index, text) in texts.enumerated() {
            if index > 0 { units.append(0x0A) }
            for unit in text.utf16 { units.append(unit == 0x0A ? 0x20 : unit) }
        }
        return units.withUnsafeBufferPointer { buffer in
            var scanner = PTBScanner(text: buffer)
            var lines: [[String]] = [[]]
            lines.reserveCapacity(texts.count)
            while let piece = scanner.next() {
                switch piece {
                case .token(let token): lines[lines.count - 1].append(token)
                case .lineBreak: lines.append([])
                }
            }
            return lines
        }
    }
}
