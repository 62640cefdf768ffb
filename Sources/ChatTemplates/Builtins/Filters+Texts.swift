extension Filters {
    static let texts: [String: Filter] = [
        "capitalize": changed { $0.capitalized },
        "lower": changed { $0.lowercased },
        "upper": changed { $0.uppercased },
        "title": changed { $0.titledByWords },
        // Nothing is escaped here: what is safe stays as it is.
        "safe": changed { $0 },
        "string": changed { $0 },
        "e": changed(escaped), "escape": changed(escaped),
        "format": { renderer, value, given in
            let values = try renderer.list(given.positional, isTuple: true)
            return try renderer.made(renderer.filledIn(renderer.text(value), with: values))
        },
        "indent": { renderer, value, given in
            try renderer.check(given, "\"indent\"", names: ["width", "first", "blank"])
            let width = given[0, "width"] ?? .integer(4),
                text = try renderer.textValue(value, "the value of \"indent\"")
            let indentation: Text
            if case .text(let given) = width {
                indentation = given
            } else {
                let count = try renderer.integer(width, "the width of \"indent\"")
                try renderer.checkLength(count)
                indentation = Text(Array(repeating: UInt8(ascii: " "), count: max(count, 0)))
            }
            let isFirst = given[1, "first"]?.isTrue ?? false, isBlank = given[2, "blank"]?.isTrue ?? false
            let lines = Text(text.bytes + [UInt8(ascii: "\n")]).lines()
            try renderer.spend(lines.count)
            var result: [UInt8] = []
            for (index, line) in lines.enumerated() {
                if index > 0 { result.append(UInt8(ascii: "\n")) }
                if index == 0 ? isFirst : isBlank || !line.isEmpty { result += indentation.bytes }
                result += line.bytes
                try renderer.checkLength(result.count)
            }
            return try renderer.made(Text(result))
        },
        "join": { renderer, value, given in
            try renderer.check(given, "\"join\"", names: ["d", "attribute"])
            let separator = try given[0, "d"].map(renderer.text) ?? .empty
            let key = try renderer.getter(given[1, "attribute"])
            let parts = try renderer.elements(of: value).map { try renderer.text(key($0)) }
            return try renderer.joined(parts, by: separator)
        },
        "replace": { renderer, value, given in
            try renderer.check(given, "\"replace\"", names: ["old", "new", "count"], needed: 2)
            return try renderer.replaced(
                renderer.text(value), try renderer.text(given[0, "old"] ?? .none),
                by: try renderer.text(given[1, "new"] ?? .none), count: given[2, "count"])
        },
        "trim": { renderer, value, given in
            try renderer.check(given, "\"trim\"", names: ["chars"])
            return try renderer.made(renderer.stripped(renderer.text(value), given[0, "chars"]))
        },
    ]

    private static func changed(_ change: @escaping @Sendable (Text) -> Text) -> Filter {
        { renderer, value, given in
            try renderer.check(given, "the filter", names: [])
            let text = try renderer.text(value)
            try renderer.spendLetters(of: text)
            return try renderer.made(change(text))
        }
    }

    private static let escaped: @Sendable (Text) -> Text = { text in
        let marks: [UInt8: String] = [
            UInt8(ascii: "&"): "&amp;", UInt8(ascii: "<"): "&lt;", UInt8(ascii: ">"): "&gt;",
            UInt8(ascii: "'"): "&#39;",
            UInt8(ascii: "\""): "&#34;",
        ]
        return Text(text.bytes.flatMap { byte in marks[byte].map { Array($0.utf8) } ?? [byte] })
    }
}

extension Renderer {
    func joined(_ parts: [Text], by separator: Text) throws -> Value {
        var result: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { result += separator.bytes }
            result += part.bytes
            try checkLength(result.count)
        }
        try spend(parts.count)
        return try made(Text(result))
    }

    func replaced(_ text: Text, _ old: Text, by new: Text, count: Value?) throws -> Value {
        var most = Int.max
        if let count, !isNone(count) {
            let number = try integer(count, "the count of \"replace\"")
            most = number < 0 ? .max : number
        }
        try spendBytes(text.bytes.count + old.bytes.count)
        guard let result = text.replaced(old, by: new, most: most, longest: Bounds.output) else {
            try checkLength(.max)
            return .none
        }
        return try made(result)
    }

    func stripped(_ text: Text, _ characters: Value?, left: Bool = true, right: Bool = true) throws -> Text {
        try spendBytes(text.bytes.count)
        guard let characters, !isNone(characters) else { return text.stripped(nil, left: left, right: right) }
        return text.stripped(try textValue(characters, "what is stripped"), left: left, right: right)
    }

    func isNone(_ value: Value) -> Bool {
        if case .none = value { true } else { false }
    }
}
