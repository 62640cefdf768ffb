import Foundation

/// What METEOR looks words up in: function words, abbreviations, synonyms and paraphrases.
///
/// None of METEOR's own data is part of this package (it is under the LGPL). ``installed()`` takes it from the folder named by the
/// environment variable `PREFIXTUNE_METEOR_DATA`, and then scores are METEOR's own; otherwise it takes synonyms from an
/// installed WordNet, if there is one.
public struct METEORResources: Sendable {
    var functionWords = METEORWords.function
    var abbreviations = METEORAbbreviations.own
    var synonyms: METEORSynonyms?
    var paraphrases: METEORParaphrases?
    /// Where function words come from.
    public private(set) var functionWordsName = "own list"
    /// Where synonyms come from.
    public private(set) var synonymsName = "none"
    /// Where paraphrases come from.
    public private(set) var paraphrasesName = "none"

    /// Lists of this package alone: no synonyms, no paraphrases.
    public init() {}

    /// What this machine has, read when it is first asked for and then kept.
    ///
    /// In this order: the folder `PREFIXTUNE_METEOR_DATA`; WordNet in the folder `WNSEARCHDIR`, as WordNet itself calls it, or
    /// where Debian's package `wordnet-base` puts it; the lists of this package.
    /// - Throws: ``MetricError`` if a folder that was named lacks a file, or a file cannot be read.
    public static func installed() throws(MetricError) -> METEORResources { try found.get() }

    private static let found: Result<METEORResources, MetricError> = {
        let environment = ProcessInfo.processInfo.environment
        func read() throws(MetricError) -> METEORResources {
            if let path = environment["PREFIXTUNE_METEOR_DATA"], !path.isEmpty {
                return try METEORResources(meteorFolder: URL(fileURLWithPath: path))
            }
            if let path = environment["WNSEARCHDIR"], !path.isEmpty {
                return try METEORResources(wordNetFolder: URL(fileURLWithPath: path))
            }
            let debian = URL(fileURLWithPath: "/usr/share/wordnet")
            let isThere = FileManager.default.fileExists(atPath: debian.appendingPathComponent("index.noun").path)
            return isThere ? try METEORResources(wordNetFolder: debian) : METEORResources()
        }
        do throws(MetricError) { return .success(try read()) } catch { return .failure(error) }
    }()

    /// METEOR's own data.
    ///
    /// - Parameter folder: What `unzip meteor-1.5.jar` gives: `function/english.words`, `nonbreaking/english.prefixes` and
    ///   `synonym/english.*`. Paraphrases are read if `paraphrase-en.gz` is there too, or in the folder `data` in it.
    /// - Throws: ``MetricError`` if a file is missing or broken; only paraphrases may be missing.
    public init(meteorFolder folder: URL) throws(MetricError) {
        let words = try TextLines(folder.appendingPathComponent("function/english.words")).lines
        functionWords = Set(words)
        functionWordsName = "METEOR's"
        abbreviations = try METEORAbbreviations(folder.appendingPathComponent("nonbreaking/english.prefixes"))
        synonyms = try METEORSynonyms(meteorFolder: folder.appendingPathComponent("synonym"))
        synonymsName = "METEOR's WordNet 3"
        let tables = ["paraphrase-en.gz", "data/paraphrase-en.gz"].map { folder.appendingPathComponent($0) }
        if let table = tables.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
            paraphrases = try METEORParaphrases(table)
            paraphrasesName = "METEOR's"
        }
    }

    /// Lists of this package, and synonyms of WordNet 3.
    ///
    /// - Parameter folder: With `index.noun`, `noun.exc` and so on.
    /// - Throws: ``MetricError`` if a file is missing or broken.
    public init(wordNetFolder folder: URL) throws(MetricError) {
        synonyms = try METEORSynonyms(wordNetFolder: folder)
        synonymsName = folder.path == "/usr/share/wordnet" ? "WordNet 3 of Debian" : "WordNet 3"
    }
}

extension METEORAbbreviations {
    /// Reads a list of the Moses tokenizer: one a line, `#NUMERIC_ONLY#` after those that keep their stop only before numbers.
    init(_ file: URL) throws(MetricError) {
        var always: Set<String> = [], beforeNumbers: Set<String> = []
        for line in try TextLines(file).lines {
            let fields = line.split(separator: " ").map { String($0) }
            guard let word = fields.first, !word.hasPrefix("#") else { continue }
            // A word that is listed twice counts as it is listed last.
            let isNumeric = fields.count > 1 && fields[1] == "#NUMERIC_ONLY#"
            always.remove(word)
            beforeNumbers.remove(word)
            if isNumeric { beforeNumbers.insert(word) } else { always.insert(word) }
        }
        self.init(always: always, beforeNumbers: beforeNumbers)
    }
}
