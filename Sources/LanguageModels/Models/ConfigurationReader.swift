import Foundation

/// Takes values out of a `config.json`, each checked for its type and range, under any of the names that versions of
/// `transformers` have given it.
struct ConfigurationReader {
    /// A value of JSON.
    indirect enum Value: Decodable, Sendable {
        case null
        case flag(Bool)
        case number(Double)
        case string(String)
        case list([Value])
        case object([String: Value])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .flag(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .string(value)
            } else if let value = try? container.decode([Value].self) {
                self = .list(value)
            } else {
                self = .object(try container.decode([String: Value].self))
            }
        }
    }

    /// The file.
    let url: URL
    /// The file as it is.
    let contents: Data
    private let values: [String: Value]
    private let path: String

    /// Reads a file.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    init(_ url: URL) throws {
        do {
            contents = try Data(contentsOf: url)
        } catch {
            let exists = FileManager.default.fileExists(atPath: url.path)
            let folder = url.deletingLastPathComponent().path
            var isFolder: ObjCBool = true
            if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), !isFolder.boolValue {
                throw CheckpointError.unreadable(file: folder, reason: "it is a file; give the folder that it lies in")
            }
            throw CheckpointError.unreadable(
                file: url.path, reason: exists ? "it cannot be opened as a file" : "there is no such file")
        }
        do {
            values = try JSONDecoder().decode([String: Value].self, from: contents)
        } catch let error as DecodingError {
            throw CheckpointError(error, file: url.path)
        }
        self.url = url
        path = ""
    }

    private init(_ parent: ConfigurationReader, _ values: [String: Value], path: String) {
        url = parent.url
        contents = parent.contents
        self.values = values
        self.path = path
    }

    /// What is wrong with a key.
    func invalid(_ key: String, _ reason: String) -> CheckpointError {
        .invalidConfiguration(file: url.path, path: path + key, reason: reason)
    }

    /// Whether one of the names is there, even as null.
    func has(_ key: String) -> Bool { values[key] != nil }

    /// The first of the names that has a value other than null.
    private func find(_ keys: [String]) -> (key: String, value: Value)? {
        for key in keys {
            if let value = values[key], !value.isNull { return (key, value) }
        }
        return nil
    }

    /// A whole number within a range.
    ///
    /// The upper limits are far above any real model; they keep a damaged file from asking for terabytes.
    func optionalInteger(_ keys: String..., in range: ClosedRange<Int> = 1...1 << 24) throws -> Int? {
        guard let (key, value) = find(keys) else { return nil }
        guard case .number(let number) = value, let integer = Int(exactly: number) else {
            throw invalid(key, "a whole number is needed")
        }
        guard range.contains(integer) else {
            throw invalid(
                key, "the value is \(integer), but must be between \(range.lowerBound) and \(range.upperBound)")
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
        guard case .number(let number) = value, number.isFinite else { throw invalid(key, "a number is needed") }
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
            guard (0..<1).contains(value) else {
                throw invalid(key, "the value is \(value), but must be at least 0 and below 1")
            }
            return Float(value)
        }
        return Float(fallback)
    }

    /// True or false.
    func flag(_ keys: String..., default fallback: Bool) throws -> Bool {
        guard let (key, value) = find(keys) else { return fallback }
        guard case .flag(let flag) = value else { throw invalid(key, "true or false is needed") }
        return flag
    }

    /// A text.
    func optionalString(_ keys: String...) throws -> String? {
        guard let (key, value) = find(keys) else { return nil }
        guard case .string(let string) = value else { throw invalid(key, "a text is needed") }
        return string
    }

    /// A list of texts.
    func strings(_ key: String) throws -> [String]? {
        guard let (_, value) = find([key]) else { return nil }
        guard case .list(let list) = value else { throw invalid(key, "a list is needed") }
        return try list.map { element in
            guard case .string(let string) = element else { throw invalid(key, "a list of texts is needed") }
            return string
        }
    }

    /// An object's own reader; nil where it is missing or null.
    func object(_ keys: String...) throws -> ConfigurationReader? {
        guard let (key, value) = find(keys) else { return nil }
        guard case .object(let object) = value else { throw invalid(key, "an object is needed") }
        return ConfigurationReader(self, object, path: path + key + ".")
    }

    /// A token id, or several.
    ///
    /// - Parameter fallback: What the original takes where the key is missing; a null stands for none.
    func tokens(_ key: String, vocabulary: Int, default fallback: [Int32] = []) throws -> [Int32] {
        let list: [Value]
        switch values[key] {
        case nil: return fallback.filter { Int($0) < vocabulary }
        case .null?: return []
        case .list(let several)?: list = several
        case let single?: list = [single]
        }
        return try list.map { value in
            guard case .number(let number) = value, let id = Int32(exactly: number) else {
                throw invalid(key, "a token id is needed")
            }
            guard id >= 0, Int(id) < vocabulary else {
                throw invalid(key, "the token \(id) is not in the vocabulary of \(vocabulary)")
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

extension ConfigurationReader.Value {
    fileprivate var isNull: Bool { if case .null = self { true } else { false } }
}
