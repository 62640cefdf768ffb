extension Renderer {
    /// Python's `==`.
    func areEqual(_ a: Value, _ b: Value, depth: Int = 1) throws -> Bool {
        try spend(1)
        try checkDepth(depth)
        switch (a, b) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.text(let a), .text(let b)):
            try spendBytes(min(a.bytes.count, b.bytes.count))
            return a == b
        case (.list(let a), .list(let b)):
            guard a.isTuple == b.isTuple, a.elements.count == b.elements.count else { return false }
            for (x, y) in zip(a.elements, b.elements) where !(try areEqual(x, y, depth: depth + 1)) { return false }
            return true
        case (.dictionary(let a), .dictionary(let b)):
            guard a.count == b.count else { return false }
            try spend(a.count)
            for (key, value) in a.members {
                guard let other = b[key], try areEqual(value, other, depth: depth + 1) else { return false }
            }
            return true
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        case (.macro(let a), .macro(let b)): return a === b
        case (.function(let a), .function(let b)): return a == b
        default:
            if let a = a.integer, let b = b.integer { return a == b }
            if let a = a.number, let b = b.number { return a == b }
            return false
        }
    }

    /// Python's `<`, for numbers, texts and lists of such.
    func isLess(_ a: Value, _ b: Value, relation: String = "<", depth: Int = 1) throws -> Bool {
        try spend(1)
        try checkDepth(depth)
        switch (a, b) {
        case (.text(let a), .text(let b)):
            try spendBytes(min(a.bytes.count, b.bytes.count))
            return a < b
        case (.list(let a), .list(let b)) where a.isTuple == b.isTuple:
            for (x, y) in zip(a.elements, b.elements) where !(try areEqual(x, y, depth: depth + 1)) {
                return try isLess(x, y, relation: relation, depth: depth + 1)
            }
            return a.elements.count < b.elements.count
        default:
            if let a = a.integer, let b = b.integer { return a < b }
            if let a = a.number, let b = b.number { return a < b }
            for case .undefined(let missing) in [a, b] { throw failure(missing.sentence) }
            throw failure("\(a.typeName) and \(b.typeName) cannot be compared by \"\(relation)\"")
        }
    }

    func holds(_ relation: Relation, _ a: Value, _ b: Value) throws -> Bool {
        switch relation {
        case .equal: try areEqual(a, b)
        case .unequal: try !areEqual(a, b)
        case .less: try isLess(a, b)
        case .greater: try isLess(b, a, relation: ">")
        // Not "not greater": numbers that are none (NaN) are neither.
        case .lessOrEqual: try isLess(a, b, relation: "<=") || areEqual(a, b)
        case .greaterOrEqual: try isLess(b, a, relation: ">=") || areEqual(a, b)
        case .contained: try contains(b, a)
        case .notContained: try !contains(b, a)
        }
    }

    /// Python's `in`.
    func contains(_ container: Value, _ element: Value) throws -> Bool {
        switch container {
        case .undefined: return false
        case .text(let text):
            guard case .text(let part) = element else {
                if case .undefined(let missing) = element { throw failure(missing.sentence) }
                throw failure("\"in\" looks for a text in a text, not for a value of type \(element.typeName)")
            }
            try spendBytes(text.bytes.count + part.bytes.count)
            return text.contains(part)
        case .list(let list):
            for candidate in list.elements where try areEqual(candidate, element) { return true }
            return false
        case .dictionary(let dictionary): return key(element).map { dictionary[$0] != nil } ?? false
        default:
            throw failure("\"in\" looks for something in a value of type \(container.typeName), which holds nothing")
        }
    }

    /// What a value is found by in an object; nil where it can be no key.
    func key(_ value: Value) -> DictionaryValue.Key? {
        if case .text(let text) = value { .text(text) } else { value.integer.map(DictionaryValue.Key.integer) }
    }
}
