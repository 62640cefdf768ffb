/// The phrases of a text as hashes, by their length and by where they begin.
struct METEORWindows {
    private var hashes: [UInt64] = []
    private let count: Int
    /// 1,024 bits, one set for every phrase: most that are not in the text are told from it without a search.
    private var filter = [UInt64](repeating: 0, count: 16)

    /// The phrases of up to `longest` words of a text of hashed words.
    init(_ words: [UInt64], upTo longest: Int) {
        count = words.count
        hashes.reserveCapacity(count * longest)
        var phrases = [PhraseHash](repeating: PhraseHash(), count: count)
        for length in stride(from: 1, through: longest, by: 1) {
            for start in 0..<count {
                let end = start + length
                if end <= count {
                    phrases[start].append(words[end - 1])
                    let hash = phrases[start].value
                    filter[Int(hash >> 60)] |= 1 << (hash >> 54 & 63)
                }
                hashes.append(phrases[start].value)
            }
        }
    }

    /// Calls `body` with every place where a paraphrase stands, from left to right.
    func forEachPlace(of entry: METEORParaphrases.Entry, _ body: (Int32) -> Void) {
        let length = Int(entry.length)
        guard length <= count, filter[Int(entry.hash >> 60)] >> (entry.hash >> 54 & 63) & 1 == 1 else { return }
        let row = (length - 1) * count
        for place in 0...(count - length) where hashes[row + place] == entry.hash { body(Int32(place)) }
    }
}
