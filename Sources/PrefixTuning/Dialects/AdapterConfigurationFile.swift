import Foundation
import Tokenizers

/// PEFT's `adapter_config.json`, as Python writes it.
///
/// Python's `json` writes numbers that JSON has none of: NaN, Infinity, -Infinity. They are read as texts, so that they do no
/// harm in keys that nobody asks for, and are a value of the wrong type in those that somebody does.
struct AdapterConfigurationFile {
    private let url: URL
    private let contents: Data

    /// Reads a file.
    ///
    /// - Throws: ``PrefixError/badConfiguration(file:reason:)`` where it is no JSON, or where there is none, naming the subfolders
    ///   that have one.
    init(_ url: URL) throws {
        guard let data = try? Data(contentsOf: url) else {
            throw PrefixError.badConfiguration(file: url.path, reason: Self.absence(of: url))
        }
        guard let contents = try? Self.standard(data) else {
            throw PrefixError.badConfiguration(file: url.path, reason: Self.notJSON)
        }
        self.url = url
        self.contents = contents
    }

    /// The values of a type's keys.
    ///
    /// - Throws: ``PrefixError/badConfiguration(file:reason:)``, naming the key that is missing or has another type.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: contents)
        } catch let error as DecodingError {
            throw PrefixError.badConfiguration(file: url.path, reason: reason(error))
        }
    }

    /// All keys.
    ///
    /// - Throws: ``PrefixError/badConfiguration(file:reason:)``.
    func members() throws -> [String: Any] {
        guard let members = try? JSONSerialization.jsonObject(with: contents) as? [String: Any] else {
            throw PrefixError.badConfiguration(file: url.path, reason: Self.notJSON)
        }
        return members
    }

    private static let notJSON = "it is not the JSON of a PEFT adapter; export the adapter again"

    /// PEFT saves each of several adapters in a subfolder with its name.
    private static func absence(of url: URL) -> String {
        let folder = url.deletingLastPathComponent(), manager = FileManager.default
        let names = ((try? manager.contentsOfDirectory(atPath: folder.path)) ?? []).sorted().filter {
            manager.fileExists(
                atPath: folder.appendingPathComponent($0).appendingPathComponent(url.lastPathComponent).path)
        }
        guard !names.isEmpty else { return "there is no such file; name the folder that holds the adapter" }
        let shown = names.prefix(5).map { "\"\(folder.appendingPathComponent($0).path)\"" }.joined(separator: ", ")
        return
            "there is no such file, but \(names.count == 1 ? "a subfolder holds an adapter" : "subfolders hold adapters"): "
            + shown + (names.count > 5 ? " and \(names.count - 5) more" : "")
            + "; name \(names.count == 1 ? "it" : "one of them")"
    }

    private func reason(_ error: DecodingError) -> String {
        let path: [any CodingKey], needed: String
        switch error {
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            (path, needed) = (context.codingPath, Self.name(of: type))
        case .keyNotFound(let key, let context):
            return "the key \"\(Self.text(context.codingPath + [key]))\" is missing; export the adapter again"
        case .dataCorrupted(let context): (path, needed) = (context.codingPath, "another number")
        @unknown default: return Self.notJSON
        }
        guard !path.isEmpty else { return Self.notJSON }
        var value: Any? = try? members()
        for key in path {
            if let index = key.intValue, let list = value as? [Any], list.indices.contains(index) {
                value = list[index]
            } else {
                value = (value as? [String: Any])?[key.stringValue]
            }
        }
        return "\"\(Self.text(path))\" is \(Self.text(value)), but \(needed) is needed"
    }

    private static func text(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    /// A value as it stands in the file, as far as a message shows it.
    private static func text(_ value: Any?) -> String {
        guard let value,
            let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
        else { return "of another kind" }
        let text = String(decoding: data, as: UTF8.self)
        return text.count > 60 ? text.prefix(60) + "…" : text
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is Int.Type: "a whole number"
        case is Double.Type: "a number"
        case is Bool.Type: "true or false"
        case is String.Type: "a text"
        case is any Collection.Type where "\(type)".hasPrefix("Dictionary"): "an object"
        case is any Collection.Type: "a list"
        default: "another value"
        }
    }

    /// JSON with those numbers in quotes that Python writes and Swift does not read.
    ///
    /// - Throws: `TokenizerError` where it is no JSON of Python's either.
    private static func standard(_ data: Data) throws -> Data {
        let bytes = Array(data)
        var result = Data(capacity: bytes.count), position = 0
        for number in try JSONParser.nonFiniteNumbers(in: bytes, file: "adapter_config.json") {
            result += bytes[position..<number.lowerBound] + "\"".utf8 + bytes[number] + "\"".utf8
            position = number.upperBound
        }
        return result + bytes[position...]
    }
}
