/// Reads one object of a tokenizer file strictly: what is not understood is an error that names file and component.
struct ComponentReader {
    let value: JSONValue
    let file: String
    let component: String

    init(_ value: JSONValue, file: String, component: String) throws {
        guard value.members != nil else {
            throw TokenizerError.inconsistent(file: file, component: component, reason: "not an object")
        }
        self.value = value
        self.file = file
        self.component = component
    }

    /// The component's `type`; empty where it has none.
    var type: String { value["type"]?.string ?? "" }

    func flag(_ name: String, default fallback: Bool? = nil) throws -> Bool {
        if let found = value[name], !found.isNull {
            guard let flag = found.bool else { throw inconsistent("\(name) is neither true nor false") }
            return flag
        }
        guard let fallback else { throw inconsistent("\(name) is missing") }
        return fallback
    }

    func string(_ name: String) throws -> [UInt8]? {
        switch value[name] {
        case nil, .null?: return nil
        case .string(let bytes)?: return bytes
        default: throw inconsistent("\(name) is not text")
        }
    }

    func list(_ name: String) throws -> [JSONValue] {
        guard let list = value[name]?.array else {
            throw TokenizerError.inconsistent(
                file: file, component: component.isEmpty ? name : component, reason: "\(name) is not a list")
        }
        return list
    }

    /// Text that must be there.
    func requiredString(_ name: String) throws -> [UInt8] {
        guard let found = try string(name) else { throw inconsistent("\(name) is missing") }
        return found
    }

    /// Text that must be there and is put into the encoded text over and over: a long one would fill the memory.
    func shortString(_ name: String, atMost limit: Int = 1_024) throws -> [UInt8] {
        let found = try requiredString(name)
        guard found.count <= limit else { throw inconsistent("\(name) has \(found.count) bytes, more than \(limit)") }
        return found
    }

    /// Text of exactly one code point.
    func character(_ name: String) throws -> [UInt8] {
        let found = try requiredString(name)
        guard String(decoding: found, as: UTF8.self).unicodeScalars.count == 1 else {
            throw inconsistent("\(name) is not one character")
        }
        return found
    }

    /// A whole number of at least 0; `fallback` where it is absent.
    func count(_ name: String, default fallback: Int) throws -> Int {
        guard let found = value[name], !found.isNull else { return fallback }
        guard let count = found.identifier, count >= 0 else { throw inconsistent("\(name) is not a whole number") }
        return Int(count)
    }

    /// How many characters are taken from the end of a token: each is looked at for each token.
    func smallCount(_ name: String) throws -> Int {
        let found = try count(name, default: 0)
        guard found <= 1_024 else { throw inconsistent("\(name) is \(found), more than 1024") }
        return found
    }

    /// The parts of a `Sequence`, listed under `list`, and theirs; else the component itself.
    func parts(listedAs list: String) throws -> [ComponentReader] {
        guard type == "Sequence" else { return [self] }
        return try self.list(list).enumerated().flatMap {
            try ComponentReader($1, file: file, component: "\(component).\(list)[\($0)]").parts(listedAs: list)
        }
    }

    /// What a component looks for: `{"String": …}` or `{"Regex": …}`.
    func pattern() throws -> TextPattern {
        guard let pattern = value["pattern"] else { throw inconsistent("the pattern is missing") }
        let reader = try ComponentReader(pattern, file: file, component: component + ".pattern")
        try reader.allowOnly(["String", "Regex"])
        if let literal = try reader.string("String") { return .literal(literal) }
        let expression = try reader.requiredString("Regex")
        for known in WordScanner.Pattern.allCases where expression.elementsEqual(known.expression.utf8) {
            return .words(known)
        }
        return .regex(try OnigurumaRegex(expression, file: file, component: component))
    }

    /// Refuses members beyond `names`, unless they are null.
    func allowOnly(_ names: Set<String>) throws {
        for member in value.members ?? [] {
            let name = String(decoding: member.key, as: UTF8.self)
            if !names.contains(name) && !member.value.isNull { throw unsupported(name, member.value) }
        }
    }

    func inconsistent(_ reason: String) -> TokenizerError {
        .inconsistent(file: file, component: component, reason: reason)
    }

    /// The error for a member whose value is not implemented.
    func unsupported(_ name: String, _ value: JSONValue) -> TokenizerError {
        let text = String(decoding: value.serialized().prefix(80), as: UTF8.self)
        return .unsupported(file: file, component: component.isEmpty ? name : "\(component).\(name)", value: text)
    }

    /// The error for a component whose type is not implemented.
    var unsupportedType: TokenizerError {
        .unsupported(file: file, component: component, value: type.isEmpty ? "without a type" : type)
    }
}
