import Foundation

/// The fields of a request's object, read one by one: what is not read at the end is a field that this server does not know.
///
/// Nothing is converted: a number in a string is a string. `null` counts as left out, as OpenAI has it.
package struct RequestFields: Sendable {
    /// The object's values.
    package let values: [String: RequestValue]
    private let path: String
    private var read: Set<String> = []

    /// The fields of a body.
    ///
    /// - Throws: ``ServingError/notJSON(reason:)`` or ``ServingError/notAnObject(path:found:)``.
    package init(_ body: Data) throws(ServingError) {
        try self.init(RequestValue(parsing: body), path: "")
    }

    /// The fields of a value within a body.
    ///
    /// - Parameter path: Where it stands, such as `messages[0]`.
    package init(_ value: RequestValue, path: String) throws(ServingError) {
        guard case .object(let values) = value else { throw .notAnObject(path: path, found: value.kind) }
        self.values = values
        self.path = path
    }

    /// Names of the fields that were not asked for, sorted.
    package var unread: [String] { values.keys.filter { !read.contains($0) }.map(name).sorted() }

    /// The name of a field from the body on.
    package func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

    /// A field as it is; nil where it is left out or null.
    package mutating func value(_ field: String) -> RequestValue? {
        read.insert(field)
        guard let value = values[field], value != .null else { return nil }
        return value
    }

    /// Marks a field as known though it changes nothing here.
    package mutating func pass(_ fields: String...) { read.formUnion(fields) }

    /// A text.
    package mutating func string(_ field: String) throws(ServingError) -> String? {
        switch value(field) {
        case nil: nil
        case .string(let text): text
        case let other?: throw wrongType(field, other, "a string")
        }
    }

    /// A text that must be there.
    package mutating func neededString(_ field: String) throws(ServingError) -> String {
        guard let text = try string(field) else { throw .missing(field: name(field)) }
        return text
    }

    /// A truth value.
    package mutating func flag(_ field: String) throws(ServingError) -> Bool? {
        switch value(field) {
        case nil: nil
        case .flag(let flag): flag
        case let other?: throw wrongType(field, other, "true or false")
        }
    }

    /// A whole number.
    package mutating func integer(_ field: String, in range: ClosedRange<Int>) throws(ServingError) -> Int? {
        switch value(field) {
        case nil: return nil
        case .integer(let number):
            guard range.contains(number) else { throw outOfRange(field, "\(number)", range) }
            return number
        case .number(let number): throw outOfRange(field, "\(number)", range)
        case let other?: throw wrongType(field, other, "a whole number")
        }
    }

    /// A number.
    ///
    /// - Parameter requirement: What is said of the range; its bounds unless given.
    package mutating func number(
        _ field: String, in range: ClosedRange<Double>, excludingLowest: Bool = false
    ) throws(ServingError) -> Double? {
        let number: Double
        switch value(field) {
        case nil: return nil
        case .integer(let value): number = Double(value)
        case .number(let value): number = value
        case let other?: throw wrongType(field, other, "a number")
        }
        guard range.contains(number), !excludingLowest || number > range.lowerBound else {
            let low = excludingLowest ? "greater than \(Self.short(range.lowerBound))" : Self.short(range.lowerBound)
            throw .outOfRange(
                field: name(field), value: Self.short(number),
                range: excludingLowest
                    ? "\(low) and at most \(Self.short(range.upperBound))"
                    : "from \(low) to \(Self.short(range.upperBound))")
        }
        return number
    }

    /// A list; nil where it is left out.
    package mutating func array(_ field: String) throws(ServingError) -> [RequestValue]? {
        switch value(field) {
        case nil: nil
        case .array(let values): values
        case let other?: throw wrongType(field, other, "an array")
        }
    }

    /// An object within the object; nil where it is left out.
    package mutating func object(_ field: String) throws(ServingError) -> RequestFields? {
        guard let value = value(field) else { return nil }
        return try RequestFields(value, path: name(field))
    }

    /// A text, or a list of texts.
    package mutating func strings(_ field: String) throws(ServingError) -> [String] {
        switch value(field) {
        case nil: return []
        case .string(let text): return [text]
        case .array(let values):
            var texts: [String] = []
            for (index, value) in values.enumerated() {
                guard case .string(let text) = value else {
                    throw .wrongType(field: "\(name(field))[\(index)]", found: value.kind, expected: "a string")
                }
                texts.append(text)
            }
            return texts
        case let other?: throw wrongType(field, other, "a string or an array of strings")
        }
    }

    /// A list of tokens.
    package mutating func tokens(_ field: String, vocabularySize: Int) throws(ServingError) -> [Int32] {
        guard let values = try array(field) else { return [] }
        return try Self.tokens(values, name(field), vocabularySize: vocabularySize)
    }

    /// Tokens, each within the vocabulary.
    package static func tokens(
        _ values: [RequestValue], _ name: String, vocabularySize: Int
    ) throws(ServingError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard case .integer(let token) = value else {
                throw .wrongType(field: "\(name)[\(index)]", found: value.kind, expected: "a token id")
            }
            guard (0..<vocabularySize).contains(token) else {
                throw .outOfRange(
                    field: "\(name)[\(index)]", value: "\(token)", range: "a token id from 0 to \(vocabularySize - 1)")
            }
            tokens.append(Int32(token))
        }
        return tokens
    }

    /// What is thrown where a field is of another kind.
    package func wrongType(_ field: String, _ value: RequestValue, _ expected: String) -> ServingError {
        .wrongType(field: name(field), found: value.kind, expected: expected)
    }

    private func outOfRange(_ field: String, _ value: String, _ range: ClosedRange<Int>) -> ServingError {
        .outOfRange(
            field: name(field), value: value,
            range: range.upperBound == .max
                ? "a whole number of at least \(range.lowerBound)"
                : range.lowerBound == .min
                    ? "a whole number" : "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    private static func short(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }
}
