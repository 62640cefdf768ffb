/// The words of a corpus with all that METEOR looks up about each, once.
struct METEORVocabulary {
    /// A text as numbers of words.
    struct Text {
        var words: [Int32]
        /// Phrases that have paraphrases in the corpus, by where they begin, the shorter first.
        var phrases: [Phrase] = []
    }

    /// A phrase in a text.
    struct Phrase {
        let start: Int32
        let length: Int32
        /// Which list of ``paraphrases``.
        let list: Int
    }

    private let stemmer = EnglishStemmer()
    private let resources: METEORResources
    private let modules: Set<METEOR.Module>
    private var numbers: [Token: Int32] = [:]
    private var stemNumbers: [Token: Int32] = [:]
    private(set) var stems: [Int32] = []
    private(set) var isFunction: [Bool] = []
    /// Ascending.
    private(set) var senses: [[Int32]] = []
    /// A bit for every sense, several senses to a bit: words that have no bit in common have no sense in common.
    private(set) var senseMasks: [UInt64] = []
    private var hashes: [UInt64] = []
    /// For phrases that occur: the paraphrases that may occur in the corpus.
    private(set) var paraphrases: [[METEORParaphrases.Entry]] = []

    init(_ resources: METEORResources, modules: [METEOR.Module]) {
        self.resources = resources
        self.modules = Set(modules)
    }

    /// A text of some words.
    mutating func text(_ words: [String]) -> Text { Text(words: words.map { number(of: $0) }) }

    private mutating func number(of word: String) -> Int32 {
        let token = Token(word)
        if let known = numbers[token] { return known }
        let number = Int32(numbers.count)
        numbers[token] = number
        let stem = Token(modules.contains(.stem) ? stemmer.stem(word) : word)
        let stemNumber = stemNumbers[stem] ?? Int32(stemNumbers.count)
        stemNumbers[stem] = stemNumber
        stems.append(stemNumber)
        isFunction.append(resources.functionWords.contains(word))
        let found = modules.contains(.synonym) ? resources.synonyms?.senses(of: word) ?? [] : []
        senses.append(found)
        senseMasks.append(found.reduce(0) { $0 | 1 << UInt64((UInt32(bitPattern: $1) &* 0x9e37_79b1) >> 26) })
        hashes.append(PhraseHash.word(word.utf8))
        return number
    }

    /// Whether two words have a sense in common.
    func shareSense(_ left: Int32, _ right: Int32) -> Bool {
        guard senseMasks[Int(left)] & senseMasks[Int(right)] != 0 else { return false }
        let (left, right) = (senses[Int(left)], senses[Int(right)])
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if left[i] == right[j] { return true }
            if left[i] < right[j] { i += 1 } else { j += 1 }
        }
        return false
    }

    /// Finds the phrases of all texts, leaving out paraphrases that occur nowhere in them.
    mutating func findPhrases(in texts: inout [Text]) {
        guard modules.contains(.paraphrase), let table = resources.paraphrases else { return }
        var occurring = HashFilter()
        for text in texts { forEachWindow(of: text, upTo: table.longest) { occurring.insert($0.hash) } }
        var lists: [UInt64: Int] = [:]
        for index in texts.indices {
            var phrases: [Phrase] = []
            var new: [[METEORParaphrases.Entry]] = []
            forEachWindow(of: texts[index], upTo: table.longest) { window in
                let found: Int
                if let known = lists[window.hash] {
                    found = known
                } else {
                    let entries = table.entries(of: window.hash).filter { occurring.mayContain($0.hash) }
                    found = entries.isEmpty ? -1 : paraphrases.count + new.count
                    if !entries.isEmpty { new.append(entries) }
                    lists[window.hash] = found
                }
                if found >= 0 { phrases.append(Phrase(start: window.start, length: window.length, list: found)) }
            }
            texts[index].phrases = phrases
            paraphrases += new
        }
    }

    /// The phrases of a text, as far as the table of paraphrases may list them.
    func windows(of text: Text) -> METEORWindows {
        METEORWindows(text.words.map { hashes[Int($0)] }, upTo: resources.paraphrases?.longest ?? 0)
    }

    private func forEachWindow(
        of text: Text, upTo longest: Int, _ body: ((start: Int32, length: Int32, hash: UInt64)) -> Void
    ) {
        for start in text.words.indices {
            var phrase = PhraseHash()
            for word in text.words[start...].prefix(longest) {
                phrase.append(hashes[Int(word)])
                body((Int32(start), Int32(phrase.length), phrase.value))
            }
        }
    }
}
