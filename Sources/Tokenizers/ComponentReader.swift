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
        guard let list = value[name]?.array else { throw inconsistent("\(name) is not a list") }
        return list
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
