/// One concrete way to write a record as data: a family with the separators drawn for one document.
///
/// The embedded task's own layout joins ` : ` with ` | `; ``init(random:)`` never draws that pair together.
struct SyntheticLayout: Sendable {
    /// The families of layouts.
    enum Family: CaseIterable, Sendable {
        case separated, separatedLines, bullets, json, xml, brackets, call, triples, headerRow, markdown, section,
            valueFirst
        case heading
    }

    let family: Family
    private let assign: String
    private let join: String
    private let keyStyle: Int
    private let nameKey: Int
    private let typeKey: String
    private let showsType: Bool
    private let nameFirst: Bool
    private let shufflesFields: Bool

    private static let lineAssigns = [
        ": ", "=", " = ", ":", " - ", " -> ", " => ", " is ", " : ", " ~ ", "\t", ": ", " :: ",
    ]
    private static let inlineAssigns = [": ", "=", " = ", ":", " - ", " -> ", " is ", " ", ": ", " > ", " := "]
    private static let joins = [", ", "; ", " | ", " / ", " || ", " & ", " + ", " . ", " # ", " ; ", ",", " , ", ". "]

    init(random: inout SeededRandom) {
        let weighted: [Family] = [
            .separated, .separated, .separated, .separated, .separatedLines, .separatedLines, .bullets, .json, .xml,
            .brackets, .call,
            .triples, .triples, .headerRow, .markdown, .section, .valueFirst, .heading,
        ]
        family = random.pick(weighted)
        assign = random.pick(family == .separated ? Self.inlineAssigns : Self.lineAssigns)
        join = random.pick(Self.joins)
        keyStyle = random.below(5)
        nameKey = random.below(4)
        typeKey = random.pick(["type", "kind", "category", "class", "what"])
        showsType = random.chance(0.75)
        nameFirst = random.chance(0.8)
        shufflesFields = random.chance(0.3)
    }

    /// Writes `record` in this layout.
    func write(_ record: SyntheticRecord, to writer: inout SyntheticWriter, random: inout SeededRandom) {
        var pairs: [(key: String, value: String, isName: Bool)] = []
        let named = (key(self.nameKeyText(record)), record.name, true)
        if nameFirst { pairs.append(named) }
        if showsType { pairs.append((key(typeKey), record.topic.name, false)) }
        let fields = shufflesFields ? random.shuffled(record.fields) : record.fields
        for field in fields { pairs.append((key(field.attribute.key), field.value, false)) }
        if !nameFirst { pairs.append(named) }
        switch family {
        case .separated: write(pairs, open: "", between: join, close: "", to: &writer)
        case .separatedLines: write(pairs, open: "", between: "\n", close: "", to: &writer)
        case .bullets: write(pairs, open: "- ", between: "\n- ", close: "", to: &writer)
        case .json: writeJSON(pairs, to: &writer)
        case .xml: writeXML(pairs, root: record.topic.name, to: &writer)
        case .brackets: writeEnclosed(pairs, open: "[", close: "]", to: &writer)
        case .call:
            writer.write(record.topic.name + "(")
            write(pairs, assign: "=", between: ", ", to: &writer)
            writer.write(")")
        case .triples: writeTriples(record, fields: fields, to: &writer)
        case .headerRow: writeHeaderRow(pairs, to: &writer)
        case .markdown: writeMarkdown(pairs, to: &writer)
        case .section:
            writer.write("[")
            writer.write(name: record.name)
            writer.write("]\n")
            write(pairs.filter { !$0.isName }, assign: keyStyle == 0 ? "=" : " = ", between: "\n", to: &writer)
        case .valueFirst: writeValueFirst(pairs, to: &writer)
        case .heading:
            writer.write(name: record.name)
            writer.write(keyStyle == 1 ? " (\(record.topic.name))\n" : "\n")
            write(pairs.filter { !$0.isName }, open: "", between: "\n", close: "", to: &writer)
        }
    }

    private func nameKeyText(_ record: SyntheticRecord) -> String {
        switch nameKey {
        case 0, 1: "name"
        case 2: record.topic.name
        default: "title"
        }
    }

    private func key(_ text: String) -> String {
        switch keyStyle {
        case 0: SeededRandom.capitalized(text)
        case 1: text.uppercased()
        case 2: text.replacing(" ", with: "_")
        default: text
        }
    }

    private func write(
        _ pairs: [(key: String, value: String, isName: Bool)], open: String, between: String, close: String,
        to writer: inout SyntheticWriter
    ) {
        writer.write(open)
        write(pairs, assign: assign, between: between, to: &writer)
        writer.write(close)
    }

    private func write(
        _ pairs: [(key: String, value: String, isName: Bool)], assign: String, between: String,
        to writer: inout SyntheticWriter
    ) {
        for (index, pair) in pairs.enumerated() {
            if index > 0 { writer.write(between) }
            writer.write(pair.key)
            writer.write(assign)
            writer.write(value: pair.value)
        }
    }

    private func writeJSON(_ pairs: [(key: String, value: String, isName: Bool)], to writer: inout SyntheticWriter) {
        let lines = keyStyle == 3
        writer.write(lines ? "{\n  \"" : "{\"")
        for (index, pair) in pairs.enumerated() {
            if index > 0 { writer.write(lines ? "\",\n  \"" : "\", \"") }
            writer.write(pair.key)
            writer.write("\": \"")
            writer.write(value: pair.value.replacing("\"", with: "'"))
        }
        writer.write(lines ? "\"\n}" : "\"}")
    }

    private func writeXML(
        _ pairs: [(key: String, value: String, isName: Bool)], root: String, to writer: inout SyntheticWriter
    ) {
        writer.write("<\(root)>")
        for pair in pairs {
            let tag = pair.key.replacing(" ", with: "-")
            writer.write("<\(tag)>")
            writer.write(value: pair.value)
            writer.write("</\(tag)>")
        }
        writer.write("</\(root)>")
    }

    private func writeEnclosed(
        _ pairs: [(key: String, value: String, isName: Bool)], open: String, close: String,
        to writer: inout SyntheticWriter
    ) {
        let between = [", ", " ", "; "][nameKey % 3]
        for (index, pair) in pairs.enumerated() {
            if index > 0 { writer.write(between) }
            writer.write(pair.key + open)
            writer.write(value: pair.value)
            writer.write(close)
        }
    }

    private func writeTriples(
        _ record: SyntheticRecord, fields: [SyntheticRecord.Field], to writer: inout SyntheticWriter
    ) {
        let enclosed = keyStyle < 2
        let inner = enclosed ? ", " : [" ", " > ", " / ", "\t"][nameKey]
        var facts = fields.map { (key($0.attribute.key), $0.value) }
        if showsType { facts.insert((key(typeKey), record.topic.name), at: 0) }
        for (index, fact) in facts.enumerated() {
            if index > 0 { writer.write(shufflesFields ? " ; " : "\n") }
            if enclosed { writer.write("(") }
            writer.write(name: record.name)
            writer.write(inner + fact.0 + inner)
            writer.write(value: fact.1)
            if enclosed { writer.write(")") }
        }
    }

    private func writeHeaderRow(
        _ pairs: [(key: String, value: String, isName: Bool)], to writer: inout SyntheticWriter
    ) {
        let comma = [", ", ";", "\t", " | "][nameKey]
        writer.write(pairs.map(\.key).joined(separator: comma) + "\n")
        for (index, pair) in pairs.enumerated() {
            if index > 0 { writer.write(comma) }
            writer.write(value: pair.value)
        }
    }

    private func writeMarkdown(
        _ pairs: [(key: String, value: String, isName: Bool)], to writer: inout SyntheticWriter
    ) {
        for (index, pair) in pairs.enumerated() {
            writer.write(index > 0 ? "\n| " : "| ")
            writer.write(pair.key + " | ")
            writer.write(value: pair.value)
            writer.write(" |")
            if index == 0, keyStyle == 0 { writer.write("\n|---|---|") }
        }
    }

    private func writeValueFirst(
        _ pairs: [(key: String, value: String, isName: Bool)], to writer: inout SyntheticWriter
    ) {
        for (index, pair) in pairs.enumerated() {
            if index > 0 { writer.write(join) }
            writer.write(value: pair.value)
            writer.write(" (" + pair.key + ")")
        }
    }
}
