extension Filters {
    static let lists: [String: Filter] = [
        "dictsort": { renderer, value, given in
            try renderer.check(given, "\"dictsort\"", names: ["case_sensitive", "by", "reverse"])
            guard case .dictionary(let dictionary) = value else {
                throw renderer.failure("\"dictsort\" takes an object")
            }
            let by = try renderer.textValue(given[1, "by"] ?? .text("key"), "what \"dictsort\" sorts by")
            guard by == "key" || by == "value" else {
                throw renderer.failure("\"dictsort\" sorts by \"key\" or \"value\"")
            }
            let isSensitive = given[0, "case_sensitive"]?.isTrue ?? false
            let pairs = try dictionary.members.map { member in
                let pair = try renderer.list([member.key.value, member.value], isTuple: true)
                return (pair, folded(by == "key" ? member.key.value : member.value, isSensitive))
            }
            return try renderer.list(renderer.sorted(pairs, isReversed: given[2, "reverse"]?.isTrue ?? false))
        },
        "first": { renderer, value, given in
            try renderer.check(given, "\"first\"", names: [])
            return try renderer.elements(of: value).first ?? nothing
        },
        "items": { renderer, value, given in
            try renderer.check(given, "\"items\"", names: [])
            if value.isUndefined { return try renderer.list([]) }
            guard case .dictionary(let dictionary) = value else { throw renderer.failure("\"items\" takes an object") }
            return try renderer.items(of: dictionary)
        },
        "last": { renderer, value, given in
            try renderer.check(given, "\"last\"", names: [])
            return try renderer.elements(of: value).last ?? nothing
        },
        "list": { renderer, value, given in
            try renderer.check(given, "\"list\"", names: [])
            return try renderer.list(renderer.elements(of: value))
        },
        "max": extreme { try $0.isLess($1, $2) },
        "min": extreme { try $0.isLess($2, $1) },
        "reverse": { renderer, value, given in
            try renderer.check(given, "\"reverse\"", names: [])
            let reversed = try Array(renderer.elements(of: value).reversed())
            guard case .text = value else { return try renderer.list(reversed) }
            return try renderer.joined(reversed.map(renderer.text), by: .empty)
        },
        "sort": { renderer, value, given in
            try renderer.check(given, "\"sort\"", names: ["reverse", "case_sensitive", "attribute"])
            let key = try renderer.getter(given[2, "attribute"]),
                isSensitive = given[1, "case_sensitive"]?.isTrue ?? false
            let keyed = try renderer.elements(of: value).map { ($0, folded(try key($0), isSensitive)) }
            return try renderer.list(renderer.sorted(keyed, isReversed: given[0, "reverse"]?.isTrue ?? false))
        },
        "sum": { renderer, value, given in
            try renderer.check(given, "\"sum\"", names: ["attribute", "start"])
            let key = try renderer.getter(given[0, "attribute"])
            return try renderer.elements(of: value).reduce(given[1, "start"] ?? .integer(0)) {
                try renderer.calculate($0, .add, key($1))
            }
        },
        "unique": { renderer, value, given in
            try renderer.check(given, "\"unique\"", names: ["case_sensitive", "attribute"])
            let key = try renderer.getter(given[1, "attribute"]),
                isSensitive = given[0, "case_sensitive"]?.isTrue ?? false
            var seen: [Value] = [], unique: [Value] = []
            for element in try renderer.elements(of: value) {
                let mark = folded(try key(element), isSensitive)
                if try seen.contains(where: { try renderer.areEqual($0, mark) }) { continue }
                seen.append(mark)
                unique.append(element)
            }
            return try renderer.list(unique)
        },
    ]

    private static var nothing: Value { .undefined(Undefined(sentence: "there is no element")) }

    /// What is compared where large and small letters are the same.
    private static func folded(_ value: Value, _ isSensitive: Bool) -> Value {
        if case .text(let text) = value, !isSensitive { .text(text.lowercased) } else { value }
    }

    private static func extreme(_ isBetter: @escaping @Sendable (Renderer, Value, Value) throws -> Bool) -> Filter {
        { renderer, value, given in
            try renderer.check(given, "the filter", names: ["case_sensitive", "attribute"])
            let key = try renderer.getter(given[1, "attribute"]),
                isSensitive = given[0, "case_sensitive"]?.isTrue ?? false
            var best: (value: Value, key: Value)?
            for element in try renderer.elements(of: value) {
                let mark = folded(try key(element), isSensitive)
                if let current = best, !(try isBetter(renderer, current.key, mark)) { continue }
                best = (element, mark)
            }
            return best?.value ?? nothing
        }
    }
}

extension Renderer {
    func items(of dictionary: DictionaryValue) throws -> Value {
        try list(dictionary.members.map { try list([$0.key.value, $0.value], isTuple: true) })
    }

    /// What an `attribute` of a filter takes of an element: a path of names and numbers; the element where none is given.
    ///
    /// - Parameter standard: What stands in the place of what is not there.
    func getter(_ path: Value?, default standard: Value? = nil) throws -> (Value) throws -> Value {
        guard let path, !isNone(path) else { return { $0 } }
        let parts: [Value]
        if case .text(let text) = path {
            parts = text.split(".", most: .max).map { Int($0.string).map(Value.integer) ?? .text($0) }
        } else {
            parts = [path]
        }
        return { value in
            try parts.reduce(value) { value, part in
                try self.spend(1)
                // By brackets: a member comes before a method of its name.
                let found = try self.element(part, of: value)
                return found.isUndefined ? standard ?? found : found
            }
        }
    }

    /// Values in the order of their keys; those of equal keys keep theirs.
    func sorted(_ keyed: [(value: Value, key: Value)], isReversed: Bool) throws -> [Value] {
        let order = try keyed.indices.sorted { a, b in
            if try isLess(keyed[a].key, keyed[b].key) { return !isReversed }
            if try isLess(keyed[b].key, keyed[a].key) { return isReversed }
            return a < b
        }
        return order.map { keyed[$0].value }
    }
}
