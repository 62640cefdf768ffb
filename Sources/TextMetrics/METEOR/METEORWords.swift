/// Words whose stop is part of them, and does not end a sentence.
struct METEORAbbreviations: Sendable {
    /// Wherever they stand.
    let always: Set<String>
    /// Where a number follows.
    let beforeNumbers: Set<String>

    /// Single capitals, titles and common abbreviations: METEOR's own list is longer, but hardly matters, since any word
    /// keeps its stop before a word in small letters, and only a last word or one before a capital is looked up.
    static let own = METEORAbbreviations(
        always: words(
            "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
            "Mr Mrs Ms Dr Drs Prof Rev Hon Sen Rep Gov Gen Col Maj Capt Lt Sgt Cpl Adm St Jr Sr Messrs Bros",
            "Inc Ltd Corp Co vs etc e.g i.e viz cf v"),
        beforeNumbers: words("No Nos no nos Art Fig p pp"))

    /// Whether a word before a stop keeps it, given how the next word begins.
    func keepsStop(_ word: String, before next: Unicode.Scalar?) -> Bool {
        if always.contains(word) { return true }
        guard let next else { return false }
        if ("a"..."z").contains(next) { return true }
        return ("0"..."9").contains(next) && beforeNumbers.contains(word)
    }

    private static func words(_ lines: String...) -> Set<String> { Set(METEORWords.split(lines)) }
}

/// The function words that METEOR counts less than others.
enum METEORWords {
    /// English words of the closed classes with their clitics, and punctuation.
    ///
    /// METEOR counts the 93 most frequent words of a corpus of news as function words ("said" and "year" among them). That
    /// list is not ours to copy; this one is made of what grammars call function words, so that scores differ a little.
    static let function = Set(
        split([
            "a an the this that these those", "and or but nor so yet if than as because while although though whether",
            "i me my mine myself you your yours he him his himself she her hers it its itself we us our ours they them their theirs",
            "who whom whose which what when where why how there here",
            "about above across after against along among around at before behind below beside between beyond by down during for",
            "from in inside into near of off on onto out outside over past per since through throughout to toward towards under",
            "until up upon via with within without",
            "be am is are was were been being have has had having do does did will would shall should can could may might must",
            "not no all any both each every some such also very too just only then",
            "'s 't n't 'll 're 've 'd 'm s t", ". , : ; ? ! \" ' ( ) [ ] - / ...",
        ]))

    static func split(_ lines: [String]) -> [String] {
        lines.flatMap { $0.split(separator: " ").map { String($0) } }
    }
}
