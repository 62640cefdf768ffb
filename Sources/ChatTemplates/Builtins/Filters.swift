/// The filters, by name. Where `jinja2` gives a generator, they give a list.
enum Filters {
    typealias Filter = @Sendable (Renderer, Value, Given) throws -> Value

    static let table: [String: Filter] = texts.merging(lists) { $1 }.merging(selections) { $1 }.merging([
        "abs": { renderer, value, given in
            try renderer.check(given, "\"abs\"", names: [])
            if case .double(let number) = value { return .double(number.magnitude) }
            let number = try renderer.integer(value, "the value of \"abs\"")
            guard number != .min else { throw renderer.failure("a number is beyond 64 bits") }
            return .integer(abs(number))
        },
        "count": length, "length": length,
        "d": standard, "default": standard,
        "float": { renderer, value, given in
            try renderer.check(given, "\"float\"", names: ["default"])
            if let number = value.number ?? text(value).flatMap({ Double($0.stripped(nil).string) }) {
                return .double(number)
            }
            return given[0, "default"] ?? .double(0)
        },
        "from_json": { renderer, value, given in
            try renderer.check(given, "\"from_json\"", names: [])
            let text = try renderer.textValue(value, "the value of \"from_json\"")
            try renderer.spendBytes(text.bytes.count)
            do { return try renderer.value(ChatValue(json: text.bytes)) } catch ChatTemplateError.json(
                let position, let reason)
            {
                throw renderer.failure("\"from_json\" reads no JSON: byte \(position): \(reason)")
            }
        },
        "int": { renderer, value, given in
            try renderer.check(given, "\"int\"", names: ["default"])
            if let number = value.integer ?? text(value).flatMap({ whole($0.stripped(nil).string) }) {
                return .integer(number)
            }
            let number = value.number ?? text(value).flatMap { Double($0.stripped(nil).string) }
            if let number, let whole = Int(exactly: number.rounded(.towardZero)) { return .integer(whole) }
            return given[0, "default"] ?? .integer(0)
        },
        "round": { renderer, value, given in
            try renderer.check(given, "\"round\"", names: ["precision", "method"])
            guard let number = value.number else { throw renderer.failure("\"round\" takes a number") }
            let precision = try renderer.integer(given[0, "precision"] ?? .integer(0), "the precision of \"round\"")
            let rules: [Text: FloatingPointRoundingRule] = ["common": .toNearestOrEven, "ceil": .up, "floor": .down]
            let method = try renderer.textValue(given[1, "method"] ?? .text("common"), "the method of \"round\"")
            guard let rule = rules[method], (-15...15).contains(precision) else {
                throw renderer.failure("\"round\" knows common, ceil and floor, and at most 15 digits")
            }
            var scale = 1.0
            for _ in 0..<abs(precision) { scale *= 10 }
            return .double(
                precision < 0 ? (number / scale).rounded(rule) * scale : (number * scale).rounded(rule) / scale)
        },
        "tojson": { renderer, value, given in
            let names = ["ensure_ascii", "indent", "separators", "sort_keys"]
            try renderer.check(given, "\"tojson\"", names: names)
            return try renderer.made(JSONWriter.text(value, given, by: renderer))
        },
    ]) { $1 }

    private static let length: Filter = { renderer, value, given in
        try renderer.check(given, "\"length\"", names: [])
        switch value {
        case .undefined: return .integer(0)
        case .text(let text):
            try renderer.spendBytes(text.bytes.count)
            return .integer(text.count)
        case .list(let list): return .integer(list.elements.count)
        case .dictionary(let dictionary): return .integer(dictionary.count)
        case .loop(let loop): return .integer(loop.elements.count)
        default: throw renderer.failure("a value of type \(value.typeName) has no length")
        }
    }

    private static let standard: Filter = { renderer, value, given in
        try renderer.check(given, "\"default\"", names: ["default_value", "boolean"])
        let isMissing = value.isUndefined || ((given[1, "boolean"]?.isTrue ?? false) && !value.isTrue)
        return isMissing ? given[0, "default_value"] ?? .text(.empty) : value
    }

    private static func text(_ value: Value) -> Text? {
        if case .text(let text) = value { text } else { nil }
    }

    /// A whole number as Python's `int` reads it.
    private static func whole(_ text: String) -> Int? {
        guard text.contains("_") else { return Int(text) }
        guard !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
        return Int(text.replacing("_", with: ""))
    }
}
