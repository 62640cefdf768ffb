/// The methods of Python's types that templates call. `append`, `extend`, `insert` and `pop` are refused by `transformers`, whose sandbox
/// lets nothing be changed; llama.cpp has them, and so have templates that were made for it.
enum Methods {
    static let text: Set<Text> = [
        "capitalize", "count", "endswith", "find", "format", "isalnum", "isalpha", "isdigit", "islower", "isspace",
        "isupper",
        "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rpartition",
        "rsplit",
        "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper",
    ]
    static let list: Set<Text> = ["append", "copy", "count", "extend", "index", "insert", "pop"]
    static let dictionary: Set<Text> = ["copy", "get", "items", "keys", "pop", "values"]
}

extension Renderer {
    func call(_ method: MethodValue, _ given: Given) throws -> Value {
        switch method.receiver {
        case .text(let text): try call(method.name, of: text, given)
        case .list(let list): try call(method.name, of: list, given)
        case .dictionary(let dictionary): try call(method.name, of: dictionary, given)
        case .loop(let loop):
            // Its only method.
            try cycle(loop, given)
        default: throw failure("a value of type \(method.receiver.typeName) has no methods")
        }
    }

    private func cycle(_ loop: LoopValue, _ given: Given) throws -> Value {
        guard !given.positional.isEmpty else { throw failure("\"cycle\" needs an argument") }
        return given.positional[loop.index % given.positional.count]
    }

    private func call(_ name: Text, of list: ListValue, _ given: Given) throws -> Value {
        let title = "\"\(name.string)\"", count = list.elements.count
        if list.isTuple, !["count", "index"].contains(name) { throw failure("a tuple cannot be changed by \(title)") }
        switch name {
        case "append":
            try check(given, title, names: [""], needed: 1)
            list.elements += given.positional.prefix(1)
            return .none
        case "copy":
            try check(given, title, names: [])
            return try self.list(list.elements)
        case "extend":
            try check(given, title, names: [""], needed: 1)
            let others = try elements(of: given.positional.first ?? .none)
            try spend(others.count)
            list.elements += others
            return .none
        case "insert":
            try check(given, title, names: ["", ""], needed: 2)
            let index = try integer(given.positional[0], "the index"), place = index < 0 ? max(index + count, 0) : index
            try spend(count)
            list.elements.insert(given.positional[1], at: min(place, count))
            return .none
        case "pop":
            try check(given, title, names: [""])
            let index = try integer(given.positional.first ?? .integer(-1), "the index")
            let place = index < 0 ? index + count : index
            guard list.elements.indices.contains(place) else {
                throw failure("\"pop\" of an element that is not there")
            }
            try spend(count - place)
            return list.elements.remove(at: place)
        default:
            try check(given, title, names: [""], needed: 1)
            let wanted = given.positional.first ?? .none
            if name == "count" { return .integer(try list.elements.count { try areEqual($0, wanted) }) }
            guard let index = try list.elements.firstIndex(where: { try areEqual($0, wanted) }) else {
                throw failure("\"index\" of an element that is not there")
            }
            return .integer(index)
        }
    }

    private func call(_ name: Text, of dictionary: DictionaryValue, _ given: Given) throws -> Value {
        let title = "\"\(name.string)\""
        switch name {
        case "items":
            try check(given, title, names: [])
            return try items(of: dictionary)
        case "keys":
            try check(given, title, names: [])
            return try list(dictionary.keys.map(\.value))
        case "values":
            try check(given, title, names: [])
            return try list(dictionary.members.map(\.value))
        case "copy":
            try check(given, title, names: [])
            let copy = try self.dictionary()
            try spend(dictionary.count)
            for (key, value) in dictionary.members { copy[key] = value }
            return .dictionary(copy)
        default:
            try check(given, title, names: ["", ""], needed: 1)
            let key = key(given.positional.first ?? .none), found = key.flatMap { dictionary[$0] }
            let standard = given.positional.count > 1 ? given.positional[1] : nil
            if name == "get" { return found ?? standard ?? .none }
            try spend(dictionary.count)
            if let key, found != nil { dictionary[key] = nil }
            guard let value = found ?? standard else { throw failure("\"pop\" of a key that is not there") }
            return value
        }
    }
}
