extension Renderer {
    func call(_ name: Text, of text: Text, _ given: Given) throws -> Value {
        let title = "\"\(name.string)\""
        func argument(_ index: Int) throws -> Text { try textValue(given.positional[index], "an argument of \(title)") }
        try spendBytes(text.bytes.count)
        switch name {
        case "capitalize", "lower", "title", "upper", "isalnum", "isalpha", "isdigit", "islower", "isspace", "isupper":
            try check(given, title, names: [])
            try spendLetters(of: text)
            return try plain(name, of: text)
        case "lstrip", "rstrip", "strip":
            try check(given, title, names: [""])
            return try made(
                stripped(text, given.positional.first, left: name != "rstrip", right: name != "lstrip"))
        case "startswith", "endswith":
            try check(given, title, names: [""], needed: 1)
            return .bool(try ends(text, given.positional[0], atStart: name == "startswith", title))
        case "split", "rsplit": return try split(text, given, fromRight: name == "rsplit", title)
        case "splitlines":
            try check(given, title, names: ["keepends"])
            return try list(text.lines(keepingEnds: given[0, "keepends"]?.isTrue ?? false).map(Value.text))
        case "partition", "rpartition":
            try check(given, title, names: [""], needed: 1)
            return try partition(text, argument(0), fromRight: name == "rpartition")
        case "removeprefix", "removesuffix":
            try check(given, title, names: [""], needed: 1)
            let part = try argument(0), count = part.bytes.count
            if name == "removeprefix" { return .text(text.hasPrefix(part) ? Text(text.bytes.dropFirst(count)) : text) }
            return .text(text.hasSuffix(part) ? Text(text.bytes.dropLast(count)) : text)
        case "replace":
            try check(given, title, names: ["", "", ""], needed: 2)
            return try replaced(text, argument(0), by: argument(1), count: given[2, ""])
        case "count", "find", "rfind":
            try check(given, title, names: [""], needed: 1)
            return .integer(try search(text, argument(0), name))
        case "join":
            try check(given, title, names: [""], needed: 1)
            let parts = try elements(of: given.positional[0]).map { try textValue($0, "an element of \(title)") }
            return try joined(parts, by: text)
        case "format": return try made(formatted(text, given))
        default: throw failure("a text has no \(title)")
        }
    }

    private func plain(_ name: Text, of text: Text) throws -> Value {
        func all(_ isOne: (Unicode.Scalar) -> Bool) -> Value {
            .bool(!text.isEmpty && text.string.unicodeScalars.allSatisfy(isOne))
        }
        func isLetter(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
        }
        switch name {
        case "capitalize": return try made(text.capitalized)
        case "lower": return try made(text.lowercased)
        case "title": return try made(text.titled)
        case "upper": return try made(text.uppercased)
        case "islower": return .bool(text.isAll(upper: false))
        case "isupper": return .bool(text.isAll(upper: true))
        case "isspace": return .bool(!text.isEmpty && text.stripped(nil).isEmpty)
        case "isalpha": return all(isLetter)
        case "isdigit": return all(isDigit)
        default: return all { isLetter($0) || $0.properties.numericType != nil }
        }
    }

    private func ends(_ text: Text, _ part: Value, atStart: Bool, _ title: String) throws -> Bool {
        var parts = [part]
        if case .list(let list) = part, list.isTuple { parts = list.elements }
        try spend(parts.count)
        for part in parts {
            let part = try textValue(part, "an argument of \(title)")
            try spendBytes(part.bytes.count)
            if atStart ? text.hasPrefix(part) : text.hasSuffix(part) { return true }
        }
        return false
    }

    private func split(_ text: Text, _ given: Given, fromRight: Bool, _ title: String) throws -> Value {
        try check(given, title, names: ["sep", "maxsplit"])
        let limit = try integer(given[1, "maxsplit"] ?? .integer(-1), "the number of cuts"),
            most = limit < 0 ? Int.max : limit
        let pieces: [Text]
        if let separator = given[0, "sep"], !isNone(separator) {
            let separator = try textValue(separator, "the separator of \(title)")
            guard !separator.isEmpty else { throw failure("the separator of \(title) is empty") }
            try spendBytes(separator.bytes.count)
            pieces = fromRight ? text.splitFromRight(separator, most: most) : text.split(separator, most: most)
        } else {
            if fromRight, most < Int.max { throw failure("\"rsplit\" with a number of cuts needs a separator") }
            pieces = text.split(most: most)
        }
        return try list(pieces.map(Value.text))
    }

    private func partition(_ text: Text, _ separator: Text, fromRight: Bool) throws -> Value {
        guard !separator.isEmpty else { throw failure("the separator of a partition is empty") }
        try spendBytes(separator.bytes.count)
        let pieces = fromRight ? text.splitFromRight(separator, most: 1) : text.split(separator, most: 1)
        let parts: [Text]
        if pieces.count == 2 {
            parts = [pieces[0], separator, pieces[1]]
        } else {
            parts = fromRight ? [.empty, .empty, text] : [text, .empty, .empty]
        }
        return try list(parts.map(Value.text), isTuple: true)
    }

    /// How often a part occurs, or where, in code points; -1 where it does not.
    private func search(_ text: Text, _ part: Text, _ name: Text) throws -> Int {
        try spendBytes(part.bytes.count)
        if part.isEmpty { return name == "find" ? 0 : text.count + (name == "count" ? 1 : 0) }
        if name == "count" { return text.positions(of: part).count }
        if name == "find" {
            return text.positions(of: part, limit: 1).first.map { Text(text.bytes[..<$0]).count } ?? -1
        }
        let pieces = text.splitFromRight(part, most: 1)
        return pieces.count == 2 ? pieces[0].count : -1
    }

    /// `format` with `{}`, `{0}` and `{name}`.
    private func formatted(_ text: Text, _ given: Given) throws -> Text {
        var result: [UInt8] = [], index = 0, automatic = 0
        while index < text.bytes.count {
            let byte = text.bytes[index], next = index + 1 < text.bytes.count ? text.bytes[index + 1] : nil
            index += 1
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
                result.append(byte)
                continue
            }
            if next == byte {
                result.append(byte)
                index += 1
                continue
            }
            guard byte == UInt8(ascii: "{"), let end = text.bytes[index...].firstIndex(of: UInt8(ascii: "}")) else {
                throw failure("a brace of a format has no other")
            }
            let name = String(decoding: text.bytes[index..<end], as: UTF8.self)
            index = end + 1
            let value: Value?
            if name.isEmpty {
                value = automatic < given.positional.count ? given.positional[automatic] : nil
                automatic += 1
            } else if let place = Int(name) {
                value = given.positional.indices.contains(place) ? given.positional[place] : nil
            } else {
                value = given.named[name]
            }
            guard let value else { throw failure("\"{\(name)}\" of a format is not known, or is given no value") }
            result += try self.text(value).bytes
            try checkLength(result.count)
        }
        return Text(result)
    }
}
