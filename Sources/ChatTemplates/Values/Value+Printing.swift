extension Renderer {
    /// What `{{ value }}` writes: Python's `str`.
    func text(_ value: Value) throws -> Text {
        switch value {
        case .undefined: return .empty
        case .text(let text): return text
        case .integer(let number): return Text(String(number))
        default:
            var output: [UInt8] = []
            try write(value, to: &output, depth: 1)
            return Text(output)
        }
    }

    /// Python's `repr`.
    private func write(_ value: Value, to output: inout [UInt8], depth: Int) throws {
        try spend(1)
        try checkDepth(depth)
        switch value {
        case .undefined: output += "Undefined".utf8
        case .none: output += "None".utf8
        case .bool(let value): output += (value ? "True" : "False").utf8
        case .integer(let value): output += String(value).utf8
        case .double(let value): output += Numerals.text(value).utf8
        case .text(let text): try writeQuoted(text, to: &output)
        case .list(let list):
            output.append(UInt8(ascii: list.isTuple ? "(" : "["))
            for (index, element) in list.elements.enumerated() {
                if index > 0 { output += ", ".utf8 }
                try write(element, to: &output, depth: depth + 1)
            }
            if list.isTuple, list.elements.count == 1 { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: list.isTuple ? ")" : "]"))
        case .dictionary(let dictionary):
            output.append(UInt8(ascii: "{"))
            for (index, member) in dictionary.members.enumerated() {
                if index > 0 { output += ", ".utf8 }
                try write(member.key.value, to: &output, depth: depth + 1)
                output += ": ".utf8
                try write(member.value, to: &output, depth: depth + 1)
            }
            output.append(UInt8(ascii: "}"))
        case .namespace, .loop, .macro, .function, .method:
            throw failure("a value of type \(value.typeName) cannot be written")
        }
        try checkLength(output.count)
    }

    private func writeQuoted(_ text: Text, to output: inout [UInt8]) throws {
        try spend(text.bytes.count)
        let hasSingle = text.bytes.contains(UInt8(ascii: "'")), hasDouble = text.bytes.contains(UInt8(ascii: "\""))
        let quote = UInt8(ascii: hasSingle && !hasDouble ? "\"" : "'")
        output.append(quote)
        for scalar in text.string.unicodeScalars {
            switch scalar {
            case "\n": output += "\\n".utf8
            case "\r": output += "\\r".utf8
            case "\t": output += "\\t".utf8
            case "\\": output += "\\\\".utf8
            case _ where scalar.value == UInt32(quote): output += [UInt8(ascii: "\\"), quote]
            case _ where isPrintable(scalar): output += String(scalar).utf8
            default: output += Numerals.escape(scalar).utf8
            }
        }
        output.append(quote)
    }

    private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}

/// Numbers as Python writes them.
enum Numerals {
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
        if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
        // The shortest digits that read back as the number, from Swift; where the point stands, as Python has it.
        let parts = value.magnitude.description.split(separator: "e"),
            exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = (parts.first ?? "0").split(separator: ".", omittingEmptySubsequences: false)
        let whole = halves.first ?? "0", fraction = halves.count > 1 && halves[1] != "0" ? halves[1] : ""
        var digits = String(whole + fraction), point = whole.count + exponent
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            point -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        let sign = value < 0 ? "-" : ""
        if point > 16 || point < -3 {
            let power = point - 1, size = String(abs(power))
            let mantissa = digits.count > 1 ? "\(digits.prefix(1)).\(digits.dropFirst())" : digits
            return "\(sign)\(mantissa)e\(power < 0 ? "-" : "+")\(size.count < 2 ? "0" : "")\(size)"
        }
        if point <= 0 { return "\(sign)0.\(String(repeating: "0", count: -point))\(digits)" }
        if digits.count <= point { return "\(sign)\(digits)\(String(repeating: "0", count: point - digits.count)).0" }
        return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
    }

    /// Python's escape of a character that is not written itself.
    static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0..<0x100: "\\x" + hexadecimal(scalar.value, 2)
        case 0..<0x10000: "\\u" + hexadecimal(scalar.value, 4)
        default: "\\U" + hexadecimal(scalar.value, 8)
        }
    }

    static func hexadecimal(_ value: UInt32, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
