/// A part of a text that means the same as a part of another text.
struct METEORMatch {
    /// Where it begins in the reference, and how many words it has.
    var start: Int32
    var length: Int32
    /// The same in the prediction.
    var otherStart: Int32
    var otherLength: Int32
    /// Index of the module that found it.
    var module: Int32
}

/// All matches of a prediction and a reference, before any is chosen.
struct METEORMatches {
    /// In the order in which they were found, for each first word of the reference.
    private(set) var starting: [[METEORMatch]]
    /// How many matches cover a word of the reference, and of the prediction.
    private var coverage: [Int32]
    private var otherCoverage: [Int32]

    /// Asks the modules one after another. Equal texts are matched word by word only.
    init(
        _ prediction: METEORVocabulary.Text, _ reference: METEORVocabulary.Text, windows: METEORWindows,
        _ vocabulary: METEORVocabulary, _ modules: [METEOR.Module]
    ) {
        starting = Array(repeating: [], count: reference.words.count)
        coverage = Array(repeating: 0, count: reference.words.count)
        otherCoverage = Array(repeating: 0, count: prediction.words.count)
        let used = prediction.words == reference.words ? modules.prefix(1) : modules[...]
        for (number, module) in used.enumerated() {
            let number = Int32(number)
            switch module {
            case .exact: addWords(prediction, reference, number) { $0 == $1 }
            case .stem:
                addWords(prediction, reference, number) {
                    $0 != $1 && vocabulary.stems[Int($0)] == vocabulary.stems[Int($1)]
                }
            case .synonym:
                addWords(prediction, reference, number) { $0 != $1 && vocabulary.shareSense($0, $1) }
            case .paraphrase: addPhrases(prediction, reference, windows, vocabulary, number)
            }
        }
    }

    private mutating func addWords(
        _ prediction: METEORVocabulary.Text, _ reference: METEORVocabulary.Text, _ module: Int32,
        _ isMatch: (Int32, Int32) -> Bool
    ) {
        for (start, word) in reference.words.enumerated() {
            for (otherStart, other) in prediction.words.enumerated() where isMatch(other, word) {
                add(
                    METEORMatch(
                        start: Int32(start), length: 1, otherStart: Int32(otherStart), otherLength: 1, module: module))
            }
        }
    }

    /// The table is asked about phrases of the reference and then about those of the prediction; a pair that it lists both ways
    /// is found twice, as in the original.
    private mutating func addPhrases(
        _ prediction: METEORVocabulary.Text, _ reference: METEORVocabulary.Text, _ windows: METEORWindows,
        _ vocabulary: METEORVocabulary, _ module: Int32
    ) {
        for phrase in reference.phrases {
            for entry in vocabulary.paraphrases[phrase.list] {
                windows.forEachPlace(of: entry) { place in
                    add(
                        METEORMatch(
                            start: phrase.start, length: phrase.length, otherStart: place, otherLength: entry.length,
                            module: module))
                }
            }
        }
        if prediction.phrases.isEmpty { return }
        let windows = vocabulary.windows(of: reference)
        for phrase in prediction.phrases {
            for entry in vocabulary.paraphrases[phrase.list] {
                windows.forEachPlace(of: entry) { place in
                    add(
                        METEORMatch(
                            start: place, length: entry.length, otherStart: phrase.start, otherLength: phrase.length,
                            module: module))
                }
            }
        }
    }

    private mutating func add(_ match: METEORMatch) {
        starting[Int(match.start)].append(match)
        for index in 0..<match.length { coverage[Int(match.start + index)] += 1 }
        for index in 0..<match.otherLength { otherCoverage[Int(match.otherStart + index)] += 1 }
    }

    /// The match that begins at a word of the reference, if no other match touches it: it is part of every alignment.
    func certain(at start: Int) -> METEORMatch? {
        guard starting[start].count == 1, let match = starting[start].first else { return nil }
        let isAlone =
            (0..<match.length).allSatisfy { coverage[start + Int($0)] == 1 }
            && (0..<match.otherLength).allSatisfy { otherCoverage[Int(match.otherStart + $0)] == 1 }
        return isAlone ? match : nil
    }
}
