/// What `tojson` writes: Python's `json.dumps`, as `transformers` calls it. Characters beyond ASCII, and those that HTML has a use
/// for, are written as themselves.
struct JSONWriter {
    private let renderer: Renderer
    private let isASCII: Bool
    private let isSorted: Bool
    private let indentation: [UInt8]?
    private let between: [UInt8]
    private let colon: [UInt8]
    private var output: [UInt8] = []

    static func text(_ value: Value, _ given: Given, by renderer: Renderer) throws -> Text {
        var writer = try JSONWriter(given, renderer)
        try writer.write(value, depth: 1)
        return Text(writer.output)
    }

    private init(_ given: Given, _ renderer: Renderer) throws {
        self.renderer = renderer
        isASCII = given[0, "ensure_ascii"]?.isTrue ?? false
        isSorted = given[3, "sort_keys"]?.isTrue ?? false
        switch given[1, "indent"] {
        case nil, .some(.none): indentation = nil
        case .text(let text)?: indentation = text.bytes
        case let value?:
            let count = try renderer.integer(value, "the indentation of JSON")
            try renderer.checkLength(count)
            indentation = Array(repeating: UInt8(ascii: " "), count: max(count, 0))
        }
        if let separators = given[2, "separators"], !renderer.isNone(separators) {
            let parts = try renderer.elements(of: separators)
            guard parts.count == 2 else { throw renderer.failure("the separators of JSON are two texts") }
            between = try renderer.textValue(parts[0], "a separator of JSON").bytes
            colon = try renderer.textValue(parts[1], "a separator of JSON").bytes
        } else {
            between = Array((indentation == nil ? ", " : ",").utf8)
            colon = Array(": ".utf8)
        }
    }

    private mutating func write(_ value: Value, depth: Int) throws {
        try renderer.spend(1)
        try renderer.checkDepth(depth)
        switch value {
        case .none: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        case .double(let value):
            let words = value.isFinite ? nil : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
            output += (words ?? Numerals.text(value)).utf8
        case .text(let text): try write(text)
        case .list(let list):
            try write(list.elements, "[", "]", depth: depth) { try $0.write($1, depth: depth + 1) }
        case .dictionary(let dictionary):
            var members = dictionary.members
            if isSorted {
                let keys = dictionary.members.map { ($0.key.value, $0.key.value) }
                let order = try renderer.sorted(keys, isReversed: false).compactMap { renderer.key($0) }
                members = order.compactMap { key in dictionary[key].map { (key, $0) } }
            }
            try write(members, "{", "}", depth: depth) { writer, member in
                try writer.write(writer.renderer.text(member.key.value))
                writer.output += writer.colon
                try writer.write(member.value, depth: depth + 1)
            }
        case .undefined(let missing):
            throw renderer.failure("\"tojson\" cannot write what is not there: \(missing.sentence)")
        default: throw renderer.failure("\"tojson\" cannot write a value of type \(value.typeName)")
        }
        try renderer.checkLength(output.count)
    }

    private mutating func write<Element>(
        _ elements: [Element], _ opening: String, _ closing: String, depth: Int,
        _ write: (inout JSONWriter, Element) throws -> Void
    ) throws {
        output += opening.utf8
        for (index, element) in elements.enumerated() {
            if index > 0 { output += between }
            try breakLine(depth)
            try write(&self, element)
        }
        if !elements.isEmpty { try breakLine(depth - 1) }
        output += closing.utf8
    }

    private mutating func breakLine(_ depth: Int) throws {
        guard let indentation else { return }
        output.append(UInt8(ascii: "\n"))
        for _ in 0..<depth { output += indentation }
        try renderer.checkLength(output.count)
    }

    private mutating func write(_ text: Text) throws {
        try renderer.spendBytes(text.bytes.count)
        output.append(UInt8(ascii: "\""))
        for scalar in text.string.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\"".utf8
            case "\\": output += "\\\\".utf8
            case "\n": output += "\\n".utf8
            case "\r": output += "\\r".utf8
            case "\t": output += "\\t".utf8
            case "\u{8}": output += "\\b".utf8
            case "\u{C}": output += "\\f".utf8
            case _ where scalar.value < 0x20 || (isASCII && scalar.value > 0x7E):
                for unit in String(scalar).utf16 { output += "\\u\(Numerals.hexadecimal(UInt32(unit), 4))".utf8 }
            default: output += String(scalar).utf8
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
