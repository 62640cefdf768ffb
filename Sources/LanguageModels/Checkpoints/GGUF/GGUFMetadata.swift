import Tokenizers

/// The metadata of a GGUF file, each value taken by the type that it must have. Integers may be of any width, as writers differ.
struct GGUFMetadata: Sendable {
    let file: String
    private let values: [String: GGUFValue]
    private let mapping: MappedFile

    init(_ header: GGUFHeader, _ mapping: MappedFile) {
        values = header.metadata
        self.mapping = mapping
        file = mapping.path
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    /// What is wrong with a key.
    func invalid(_ key: String, _ reason: String) -> CheckpointError {
        .invalidConfiguration(file: file, path: key, reason: reason)
    }

    private func invalid(_ key: String, _ value: GGUFValue, needs needed: String) -> CheckpointError {
        invalid(key, "\(needed) is needed, but the file has \(value.description)")
    }

    func integer(_ key: String) throws -> Int? {
        guard let value = values[key] else { return nil }
        guard case .integer(let integer) = value else { throw invalid(key, value, needs: "a whole number") }
        return integer
    }

    func number(_ key: String) throws -> Double? {
        switch values[key] {
        case nil: return nil
        case .integer(let integer): return Double(integer)
        case .number(let number): return number
        case .some(let value): throw invalid(key, value, needs: "a number")
        }
    }

    func flag(_ key: String) throws -> Bool? {
        guard let value = values[key] else { return nil }
        guard case .flag(let flag) = value else { throw invalid(key, value, needs: "true or false") }
        return flag
    }

    func bytes(_ key: String) throws -> [UInt8]? {
        guard let value = values[key] else { return nil }
        guard case .text(let bytes) = value else { throw invalid(key, value, needs: "a text") }
        return bytes
    }

    func text(_ key: String) throws -> String? {
        try bytes(key).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A list of texts.
    func texts(_ key: String) throws -> [[UInt8]]? {
        try list(key, of: [.string], "a list of texts") { list, scanner in
            try (0..<list.count).map { _ in Array(mapping.bytes[try scanner.text("an element")]) }
        }
    }

    /// A list of whole numbers.
    ///
    /// - Parameter count: How many there must be, where that is known: before any is read.
    func integers(_ key: String, count: Int? = nil) throws -> [Int]? {
        let types: [GGUFType] = [.uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64]
        return try list(key, of: types, "a list of whole numbers", count: count) { list, scanner in
            try (0..<list.count).map { _ in
                guard case .integer(let value) = try scanner.value(list.element, key: key) else {
                    throw invalid(key, "a number is too large")
                }
                return value
            }
        }
    }

    /// A list of numbers.
    func numbers(_ key: String) throws -> [Float]? {
        try list(key, of: [.float32], "a list of 32-bit floats") { list, scanner in
            try (0..<list.count).map { _ in Float(bitPattern: try scanner.number(UInt32.self, key)) }
        }
    }

    /// A list of so many truth values.
    func flags(_ key: String, count: Int?) throws -> [Bool]? {
        try list(key, of: [.bool], "a list of truth values", count: count) { list, scanner in
            try (0..<list.count).map { _ in
                guard case .flag(let flag) = try scanner.value(.bool, key: key) else { return false }
                return flag
            }
        }
    }

    /// Whether a key has a list.
    func isList(_ key: String) -> Bool { if case .list = values[key] { true } else { false } }

    private func list<Element>(
        _ key: String, of types: [GGUFType], _ needed: String, count: Int? = nil,
        _ read: (GGUFList, inout GGUFScanner) throws -> [Element]
    ) throws -> [Element]? {
        guard let value = values[key] else { return nil }
        guard case .list(let list) = value, types.contains(list.element) else {
            throw invalid(key, value, needs: needed)
        }
        if let count, list.count != count {
            throw invalid(
                key, "\(needed) for each of \(count) layers is needed, but the file has a list of \(list.count)")
        }
        var scanner = GGUFScanner(mapping.bytes, from: list.range.lowerBound, file: file)
        return try read(list, &scanner)
    }

    /// A number, flag or text as a JSON file would have it; nil where there is none.
    func json(_ key: String) throws -> JSONValue? {
        switch values[key] {
        case nil: nil
        case .integer(let value): .number(Double(value))
        case .number(let value): .number(value)
        case .flag(let value): .bool(value)
        case .text(let bytes): .string(bytes)
        case .list: throw invalid(key, "a single value is needed, but the file has a list")
        }
    }
}
