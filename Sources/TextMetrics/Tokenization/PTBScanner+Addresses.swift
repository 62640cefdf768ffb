/// Web and mail addresses, file names, @names and #tags.
extension PTBScanner {
    func matchAddresses(_ start: Int, _ best: inout Match) {
        if matches("http://", start) || matches("https://", start) {
            let head = matches("https://", start) ? 8 : 7
            if let end = trimmedEnd(start + head, { !$0.isURLBreak && $0 != 0x7B && $0 != 0x7D }) {
                best.offer(end - start, .apostropheWord)
            }
        }
        for end in siteEnds(start) {
            best.offer(end - start, .apostropheWord)
            if at(end) == 0x2F, let end = trimmedEnd(end + 1, { !$0.isURLBreak }) {
                best.offer(end - start, .apostropheWord)
            }
        }
        if let end = mailEnd(start) { best.offer(end - start, .apostropheWord) }
        if at(start) == 0x40, at(start + 1).isASCIILetter || at(start + 1) == 0x5F {
            best.offer(run(start + 1) { $0.isASCIIAlphanumeric || $0 == 0x5F } - start, .apostropheWord)
        }
        if at(start) == 0x23 {
            let end = run(start + 1) { $0.isWordLetter }
            if end > start + 1 { best.offer(end - start, .apostropheWord) }
        }
        if text[start].isWordLetter || text[start].isDigit { matchFileName(start, &best) }
    }

    /// At least two characters, the last of which is no punctuation.
    private func trimmedEnd(_ start: Int, _ allowed: (UInt16) -> Bool) -> Int? {
        var end = run(start, allowed)
        while end > start, [0x2E, 0x21, 0x3F, 0x28, 0x29, 0x7B, 0x7D, 0x2C, 0x2D].contains(at(end - 1)) { end -= 1 }
        return end - start >= 2 ? end : nil
    }

    /// "www.a.co.uk" or lower-case labels before com, net, org or edu.
    private func siteEnds(_ start: Int) -> [Int] {
        var ends: [Int] = []
        if matches("www.", start) {
            var label = start + 4
            while true {
                let end = run(label) { !$0.isURLBreak && ![0x2E, 0x21, 0x3F, 0x7B, 0x7D, 0x2C].contains($0) }
                guard end > label, at(end) == 0x2E else { break }
                label = end + 1
                let letters = run(label, limit: 4) { $0.isASCIILetter }
                if letters - label >= 2 { ends.append(letters) }
            }
        }
        var label = start
        while true {
            let end = run(label) { $0.isSiteCharacter }
            guard end > label, at(end) == 0x2E else { break }
            label = end + 1
            if matches("com", label) || matches("net", label) || matches("org", label) || matches("edu", label) {
                ends.append(label + 3)
            }
        }
        return ends
    }

    private func mailEnd(_ start: Int) -> Int? {
        var first = start
        if at(start) == 0x3C { first += 1 } else if matches("&lt;", start) { first += 4 }
        guard at(first).isASCIIAlphanumeric else { return nil }
        let end = run(first + 1) { !$0.isURLBreak && $0 != 0xA0 && $0 != 0x7B && $0 != 0x7D }
        var longest: Int?
        for index in first..<end where text[index] == 0x40 {
            var label = index + 1
            while true {
                let next = run(label) { !$0.isURLBreak && ![0xA0, 0x7B, 0x7D, 0x2E].contains($0) }
                guard next > label else { break }
                longest = max(longest ?? 0, next)
                guard at(next) == 0x2E else { break }
                label = next + 1
            }
        }
        guard let longest else { return nil }
        return at(longest) == 0x3E ? longest + 1 : longest
    }

    private static let fileExtensions: Set<String> = [
        "bat", "bmp", "c", "class", "cgi", "cpp", "dll", "doc", "docx", "exe", "gif", "gz", "h", "htm", "html", "jar",
        "java",
        "jpeg", "jpg", "mov", "mp3", "pdf", "php", "pl", "png", "ppt", "ps", "py", "sql", "tar", "txt", "wav", "x",
        "xml", "zip",
    ]

    /// A dotted name with a known extension before white space or punctuation.
    private func matchFileName(_ start: Int, _ best: inout Match) {
        var end = run(start) { $0.isWordLetter || $0.isDigit }
        while at(end) == 0x2E {
            let part = end + 1
            end = run(part) { $0.isWordLetter || $0.isDigit }
            guard end > part else { return }
            let next = at(end)
            let follows = next.isSpace || next.isNewline || [0x2E, 0x3F, 0x21, 0x2C].contains(next)
            if follows, end - part <= 5, Self.fileExtensions.contains(lowercased(part, end)) {
                best.offer(end - start, ahead: 1, .yearOrFile)
            }
        }
    }
}

extension UInt16 {
    /// White space, quotation mark, angle bracket, bar or parenthesis.
    fileprivate var isURLBreak: Bool {
        [0x20, 0x09, 0x0A, 0x0C, 0x0D, 0x22, 0x3C, 0x3E, 0x7C, 0x28, 0x29].contains(self)
    }

    /// What a label of a site without "www." is made of: neither punctuation, digits nor capitals.
    fileprivate var isSiteCharacter: Bool {
        if (0x2C...0x5F).contains(self) { return false }
        return !isURLBreak && ![0x60, 0x27, 0x21, 0x7B, 0x7D, 0x24].contains(self)
    }
}
