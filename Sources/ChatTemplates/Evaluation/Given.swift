/// What a call, filter or test was given, beside the value that it is of.
struct Given {
    var positional: [Value] = []
    var named: [String: Value] = [:]
    /// The names in their order.
    var order: [String] = []

    init(_ positional: [Value] = []) { self.positional = positional }

    /// The argument at a place, or of a name; nil where none is given.
    subscript(index: Int, name: String) -> Value? {
        index < positional.count ? positional[index] : named[name]
    }
}

extension Renderer {
    /// - Throws: Where more, or others, are given than there are.
    func check(_ given: Given, _ title: String, names: [String], needed: Int = 0) throws {
        guard given.positional.count <= names.count else {
            throw failure("\(title) takes at most \(names.count) arguments, not \(given.positional.count)")
        }
        for name in given.order {
            guard let index = names.firstIndex(of: name), !name.isEmpty else {
                throw failure("\(title) has no argument \"\(name)\"")
            }
            if index < given.positional.count { throw failure("\"\(name)\" is given twice to \(title)") }
        }
        for index in 0..<needed where given[index, names[index]] == nil {
            throw failure("\(title) needs \(needed == 1 ? "an argument" : "\(needed) arguments")")
        }
    }

    func integer(_ value: Value, _ title: String) throws -> Int {
        if let number = value.integer { return number }
        if case .undefined(let missing) = value { throw failure(missing.sentence) }
        throw failure("\(title) is a value of type \(value.typeName), not a whole number")
    }

    func textValue(_ value: Value, _ title: String) throws -> Text {
        if case .text(let text) = value { return text }
        if case .undefined(let missing) = value { throw failure(missing.sentence) }
        throw failure("\(title) is a value of type \(value.typeName), not a text")
    }

    /// What a loop goes over: elements, the keys of an object, the characters of a text; nothing where there is no value.
    func elements(of value: Value) throws -> [Value] {
        switch value {
        case .undefined: return []
        case .list(let list): return list.elements
        case .dictionary(let dictionary):
            try spend(dictionary.count)
            return dictionary.keys.map(\.value)
        case .text(let text):
            try spend(text.bytes.count)
            return text.characters.map(Value.text)
        default: throw failure("a value of type \(value.typeName) has no elements")
        }
    }
}
