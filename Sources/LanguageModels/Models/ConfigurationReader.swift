import Foundation
import Tokenizers

/// Takes values out of a `config.json` or another file of that kind, each checked for its type and range, under any of
/// the names that versions of `transformers` have given it.
///
/// Files are read as Python's `json` reads them: NaN and Infinity are numbers there, and of a key that occurs twice the
/// last one counts. What nobody asks for may be anything; what is asked for must be finite.
package struct ConfigurationReader {
    /// The longest file, and how many values it may hold: far more than any real one.
    private static let largestSize = 1 << 24, largestCount = 1 << 18

    /// The path of the file, for messages.
    let file: String
    /// The file as it is.
    package let contents: Data
    private let values: [String: JSONValue.Member]
    private let path: String

    /// Reads a file.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)``, ``CheckpointError/pointer(file:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    package init(_ url: URL) throws {
        guard FileManager.default.fileExists(atPath: url.path) else {
            let folder = url.deletingLastPathComponent().path
            var isFolder: ObjCBool = true
            if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), !isFolder.boolValue {
                throw CheckpointError.unreadable(file: folder, reason: "it is a file; give the folder that it lies in")
            }
            throw CheckpointError.unreadable(file: url.path, reason: "there is no such file")
        }
        let mapping = try MappedFile(url)
        guard mapping.bytes.count <= Self.largestSize else {
            throw CheckpointError.unreadable(
                file: url.path, reason: "it has \(mapping.bytes.count) bytes, more than the \(Self.largestSize) allowed"
            )
        }
        try self.init(Data(mapping.bytes), file: url.path)
    }

    /// Reads contents that are in memory already.
    ///
    /// - Parameters:
    ///   - file: What messages call them.
    ///   - largestCount: How many values they may hold.
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    package init(_ contents: Data, file: String, largestCount: Int = largestCount) throws {
        do {
            let document = try JSONParser.parse(
                Array(contents), file: file, dialect: .python, largestCount: largestCount)
            guard let members = document.members else {
                throw CheckpointError.invalidConfiguration(file: file, path: "", reason: "it is no JSON object")
            }
            values = Self.last(of: members)
        } catch TokenizerError.malformed(_, let place, let reason) {
            throw CheckpointError.invalidConfiguration(
                file: file, path: "", reason: "it is not valid JSON at \(place): \(reason)")
        }
        self.file = file
        self.contents = contents
        path = ""
    }

    /// Takes values that another file states in its own way, under the keys of `transformers`.
    ///
    /// - Parameters:
    ///   - values: What ``contents`` has as JSON.
    ///   - file: What messages call the file.
    /// - Throws: As ``init(_:file:largestCount:)``.
    package init(values: [String: JSONValue], file: String) throws {
        let members = values.sorted { $0.key < $1.key }.map {
            JSONValue.Member(key: Array($0.key.utf8), value: $0.value)
        }
        try self.init(Data(JSONValue.object(members).serialized()), file: file)
    }

    private init(_ parent: ConfigurationReader, _ members: [JSONValue.Member], path: String) {
        file = parent.file
        contents = parent.contents
        values = Self.last(of: members)
        self.path = path
    }

    private static func last(of members: [JSONValue.Member]) -> [String: JSONValue.Member] {
        Dictionary(
            members.map { (String(decoding: $0.key, as: UTF8.self), $0) }, uniquingKeysWith: { _, last in last })
    }

    /// What is wrong with a key.
    func invalid(_ key: String, _ reason: String) -> CheckpointError {
        .invalidConfiguration(file: file, path: path + key, reason: reason)
    }

    /// What is wrong with a key whose value cannot be used: the value as it is written, and the line that it is on.
    private func invalid(_ key: String, _ value: JSONValue, needs needed: String) -> CheckpointError {
        guard let member = values[key] else { return invalid(key, "\(needed) is needed") }
        let before = contents.prefix(member.position), line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        let text = String(decoding: value.serialized().prefix(41), as: UTF8.self)
        let shown = text.utf8.count > 40 ? text.prefix(40) + "…" : text[...]
        return invalid(key, "\(needed) is needed, but line \(line) has \(shown)")
    }

    /// Whether the object has no keys.
    var isEmpty: Bool { values.isEmpty }

    /// Whether the key is there, even as null.
    func has(_ key: String) -> Bool { values[key] != nil }

    /// The first of the names that has a value other than null.
    private func find(_ keys: [String]) -> (key: String, value: JSONValue)? {
        for key in keys {
            if let value = values[key]?.value, !value.isNull { return (key, value) }
        }
        return nil
    }

    /// A whole number within a range.
    ///
    /// The upper limits are far above any real model; they keep a damaged file from asking for terabytes.
    func optionalInteger(_ keys: String..., in range: ClosedRange<Int> = 1...1 << 24) throws -> Int? {
        guard let (key, value) = find(keys) else { return nil }
        guard case .number(let number) = value, number.isFinite, number == number.rounded() else {
            throw invalid(key, value, needs: "a whole number")
        }
        guard let integer = Int(exactly: number), range.contains(integer) else {
            let shown = String(decoding: value.serialized(), as: UTF8.self)
            throw invalid(
                key, "the value is \(shown), but must be between \(range.lowerBound) and \(range.upperBound)")
        }
        return integer
    }

    /// A whole number within a range, or what the original takes where the key is missing.
    func integer(_ keys: String..., in range: ClosedRange<Int> = 1...1 << 24, default fallback: Int? = nil) throws
        -> Int
    {
        for key in keys {
            if let value = try optionalInteger(key, in: range) { return value }
        }
        guard let fallback else { throw invalid(keys[0], "the key is missing; a whole number is needed") }
        return fallback
    }

    /// A number.
    func optionalNumber(_ keys: String...) throws -> Double? {
        guard let (key, value) = find(keys) else { return nil }
        guard case .number(let number) = value, number.isFinite else { throw invalid(key, value, needs: "a number") }
        return number
    }

    /// A number greater than 0.
    func positive(_ keys: String..., default fallback: Double) throws -> Double {
        for key in keys {
            guard let value = try optionalNumber(key) else { continue }
            guard value > 0 else { throw invalid(key, "the value is \(value), but must be greater than 0") }
            return value
        }
        return fallback
    }

    /// A probability below 1.
    func probability(_ keys: String..., default fallback: Double) throws -> Float {
        for key in keys {
            guard let value = try optionalNumber(key) else { continue }
            guard (0..<1).contains(value), Float(value) < 1 else {
                throw invalid(key, "the value is \(value), but must be at least 0 and below 1")
            }
            return Float(value)
        }
        return Float(fallback)
    }

    /// True or false.
    func flag(_ keys: String..., default fallback: Bool) throws -> Bool {
        guard let (key, value) = find(keys) else { return fallback }
        guard let flag = value.bool else { throw invalid(key, value, needs: "true or false") }
        return flag
    }

    /// A text.
    func optionalString(_ keys: String...) throws -> String? {
        guard let (key, value) = find(keys) else { return nil }
        guard let string = value.string else { throw invalid(key, value, needs: "a text") }
        return string
    }

    /// A text, which is then called "default", or a list of named ones: `[{"name": "default", "template": "…"}]`.
    func namedTexts(_ key: String) throws -> [String: String] {
        guard let (_, value) = find([key]) else { return [:] }
        guard let list = value.array else { return try optionalString(key).map { ["default": $0] } ?? [:] }
        return try list.reduce(into: [:]) { texts, element in
            guard let name = element["name"]?.string, let text = element["template"]?.string else {
                throw invalid(key, element, needs: "a text, or a list of texts with \"name\" and \"template\",")
            }
            texts[name] = texts[name] ?? text
        }
    }

    /// A list of texts.
    func strings(_ key: String) throws -> [String]? {
        guard let (_, value) = find([key]) else { return nil }
        return try (value.array ?? [value]).map { element in
            guard value.array != nil, let string = element.string else {
                throw invalid(key, element, needs: "a list of texts")
            }
            return string
        }
    }

    /// A list of numbers.
    func numbers(_ key: String) throws -> [Double]? {
        guard let (_, value) = find([key]) else { return nil }
        return try (value.array ?? [value]).map { element in
            guard value.array != nil, case .number(let number) = element, number.isFinite else {
                throw invalid(key, element, needs: "a list of numbers")
            }
            return number
        }
    }

    /// Every key of an object with its text.
    func texts() throws -> [String: String] {
        try Dictionary(
            uniqueKeysWithValues: values.map { key, member in
                guard let text = member.value.string else { throw invalid(key, member.value, needs: "a text") }
                return (key, text)
            })
    }

    /// An object's own reader; nil where it is missing or null.
    func object(_ keys: String...) throws -> ConfigurationReader? {
        guard let (key, value) = find(keys) else { return nil }
        guard let members = value.members else { throw invalid(key, value, needs: "an object") }
        return ConfigurationReader(self, members, path: path + key + ".")
    }

    /// A token id, or several: of those that are in the vocabulary.
    ///
    /// Ids beyond it are common, as tiny models keep the `eos_token_id` of a large one, and -1 stands for none in old files:
    /// such a token never occurs, so that it is left out.
    ///
    /// - Parameter fallback: What the original takes where the key is missing; a null stands for none.
    func tokens(_ key: String, vocabulary: Int, default fallback: [Int32] = []) throws -> [Int32] {
        try ids(key, default: fallback).compactMap { Int32(exactly: $0) }.filter { $0 >= 0 && Int($0) < vocabulary }
    }

    /// A token id that must be in the vocabulary, as the model reads or writes it whatever happens.
    ///
    /// - Parameter fallback: What the original takes where the key is missing, unless it is beyond the vocabulary; a null
    ///   stands for none.
    func token(_ key: String, vocabulary: Int, default fallback: Int32? = nil) throws -> Int32? {
        let found = try tokens(key, vocabulary: vocabulary, default: fallback.map { [$0] } ?? [])
        guard let value = values[key]?.value, !value.isNull else { return found.first }
        guard found.count == (value.array?.count ?? 1) else {
            throw invalid(key, value, needs: "a token of the vocabulary of \(vocabulary)")
        }
        return found.first
    }

    /// The tokens that end a text. They may lie beyond the vocabulary: tiny test models keep the id of the model they were
    /// made from, and never write it. One that is no id at all is taken for such a one.
    ///
    /// - Parameter fallback: What the original takes where the key is missing; a null stands for none.
    func endTokens(_ key: String, default fallback: [Int32] = []) throws -> [Int32] {
        try ids(key, default: fallback).map { Int32(exactly: $0).flatMap { $0 < 0 ? nil : $0 } ?? .max }
    }

    /// A whole number, or a list of them; a null stands for none.
    private func ids(_ key: String, default fallback: [Int32]) throws -> [Double] {
        guard let value = values[key]?.value else { return fallback.map(Double.init) }
        if value.isNull { return [] }
        return try (value.array ?? [value]).map { element in
            guard case .number(let id) = element, id.isFinite, id == id.rounded() else {
                throw invalid(key, element, needs: "a token id")
            }
            return id
        }
    }

    /// One of the activations that MLPs use.
    func activation(_ key: String, default fallback: String) throws -> NamedActivation {
        let name = try optionalString(key) ?? fallback
        guard let activation = NamedActivation(rawValue: name) else {
            let known = NamedActivation.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid(key, "the activation \"\(name)\" is unknown; one of \(known) is needed")
        }
        return activation
    }
}
