import Foundation

/// Which words share a sense in WordNet, as METEOR looks them up: by the word, by its base where it is irregular, or without its
/// ending (WordNet's `morph`). Parts of speech are not told apart.
struct METEORSynonyms: Sendable {
    /// Senses of a word, as the places of their entries in WordNet's files.
    private var senses: [String: [Int32]] = [:]
    /// Bases of irregular forms.
    private var bases: [String: [String]] = [:]

    /// Reads `english.synsets` and `english.exceptions` of METEOR: pairs of lines.
    /// - Throws: ``MetricError``.
    init(meteorFolder folder: URL) throws(MetricError) {
        try Self.pairs(folder.appendingPathComponent("english.synsets")) { word, numbers in
            senses[word] = numbers.compactMap { Int32($0) }
        }
        try Self.pairs(folder.appendingPathComponent("english.exceptions")) { base, forms in
            for form in forms { bases[String(form), default: []].append(base) }
        }
    }

    /// Reads WordNet's own files `index.*` and `*.exc`.
    ///
    /// A line of an index is: lemma, part of speech, number n of senses, number p of kinds of pointers, p pointers, two
    /// counts, n places. Lines that begin with a space are the licence.
    /// - Throws: ``MetricError``.
    init(wordNetFolder folder: URL) throws(MetricError) {
        for part in ["noun", "verb", "adj", "adv"] {
            let index = folder.appendingPathComponent("index.\(part)")
            for (number, line) in try Self.lines(index).enumerated() where line.first != 0x20 && !line.isEmpty {
                let fields = line.split(separator: 0x20)
                guard fields.count > 2, let count = Self.number(fields[2]), count > 0, fields.count >= count + 6 else {
                    throw .malformedLine(
                        path: index.path, line: number + 1, reason: "this is no line of an index of WordNet 3.")
                }
                senses[String(decoding: fields[0], as: UTF8.self), default: []] += fields.suffix(count).compactMap {
                    Self.number($0).flatMap { Int32(exactly: $0) }
                }
            }
            for line in try Self.lines(folder.appendingPathComponent("\(part).exc")) {
                let fields = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
                guard let form = fields.first else { continue }
                bases[form, default: []] += fields.dropFirst()
            }
        }
    }

    /// The senses of a word and of its base, ascending.
    func senses(of word: String) -> [Int32] {
        var found = Set(senses[word] ?? [])
        if let bases = bases[word] {
            for base in bases { found.formUnion(senses[base] ?? []) }
        } else if let base = base(of: word) {
            found.formUnion(senses[base] ?? [])
        }
        return found.sorted()
    }

    /// Endings of nouns, verbs and adjectives, and what stands in their place in the base: the first one that gives a known
    /// word counts.
    private static let endings = [
        ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"),
        ("ies", "y"),
        ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
        ("er", ""), ("est", ""), ("er", "e"), ("est", "e"),
    ]

    private func base(of word: String) -> String? {
        if word.utf16.count <= 2 || word.hasSuffix("ss") { return nil }
        for (ending, replacement) in Self.endings where word.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8) {
            let base = String(decoding: word.utf8.dropLast(ending.utf8.count), as: UTF8.self) + replacement
            if senses[base] != nil { return base }
        }
        return nil
    }

    private static func pairs(_ file: URL, _ body: (String, [Substring]) -> Void) throws(MetricError) {
        let lines = try lines(file)
        guard lines.count.isMultiple(of: 2) else {
            throw .malformedLine(
                path: file.path, line: lines.count, reason: "lines come in pairs, but the last is alone.")
        }
        for index in stride(from: 0, to: lines.count, by: 2) {
            let second = String(decoding: lines[index + 1], as: UTF8.self)
            body(String(decoding: lines[index], as: UTF8.self), second.split(separator: " "))
        }
    }

    private static func lines(_ file: URL) throws(MetricError) -> [ArraySlice<UInt8>] {
        do throws(InputError) {
            let reader = try InputReader(path: file.path)
            var lines: [ArraySlice<UInt8>] = []
            // Each a copy of its own: a part of the reader's buffer would keep the whole of it.
            while let line = try reader.nextLine() { lines.append(Array(line)[...]) }
            return lines
        } catch {
            throw .input(error)
        }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for byte in field {
            guard byte.isASCIIDigit, value < 1 << 40 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }
}
