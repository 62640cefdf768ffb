/// The help of a command as people read it: what it is about, then its own options, then the groups.
enum HelpText {
    /// Puts the section that the parser sets last, of the options that belong to no group, before the groups: the required ones
    /// are there.
    static func ordered(_ text: String) -> String {
        var sections: [(title: String?, lines: [Substring])] = [(nil, [])]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasSuffix(":"), line.first?.isUppercase ?? false, line == line.uppercased() {
                sections.append((String(line), []))
            }
            sections[sections.count - 1].lines.append(line)
        }
        guard let options = sections.firstIndex(where: { $0.title == "OPTIONS:" }),
            let first = sections.firstIndex(where: { $0.title != nil && $0.title != "ARGUMENTS:" }), first < options
        else { return text }
        sections.insert(sections.remove(at: options), at: first)
        return sections.map { section in
            var lines = section.lines
            while let last = lines.last, last.isEmpty { lines.removeLast() }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}
