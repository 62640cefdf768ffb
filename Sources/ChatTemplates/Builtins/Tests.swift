/// The tests, by name: what follows `is`.
enum Tests {
    typealias Test = @Sendable (Renderer, Value, Given) throws -> Bool

    static let table = kinds.merging(properties) { $1 }.merging(relations) { $1 }

    /// What a value is.
    private static let kinds: [String: Test] = [
        "boolean": plain { if case .bool = $0 { true } else { false } },
        "callable": plain {
            switch $0 {
            case .macro, .function, .method: true
            default: false
            }
        },
        "defined": plain { !$0.isUndefined },
        "undefined": plain { $0.isUndefined },
        "none": plain { if case .none = $0 { true } else { false } },
        "true": plain { if case .bool(true) = $0 { true } else { false } },
        "false": plain { if case .bool(false) = $0 { true } else { false } },
        "float": plain { if case .double = $0 { true } else { false } },
        "integer": plain { if case .integer = $0 { true } else { false } },
        "number": plain { $0.number != nil },
        "string": plain { if case .text = $0 { true } else { false } },
        "mapping": plain { if case .dictionary = $0 { true } else { false } },
        // As in Python, what is not there can be gone through, and has a length.
        "iterable": plain {
            switch $0 {
            case .undefined, .text, .list, .dictionary, .loop: true
            default: false
            }
        },
        "sequence": plain {
            switch $0 {
            case .undefined, .text, .list, .dictionary: true
            default: false
            }
        },
    ]

    /// What holds of a value.
    private static let properties: [String: Test] = [
        "lower": { renderer, value, _ in try renderer.text(value).isAll(upper: false) },
        "upper": { renderer, value, _ in try renderer.text(value).isAll(upper: true) },
        "even": { renderer, value, _ in try renderer.integer(value, "what is \"even\"") % 2 == 0 },
        "odd": { renderer, value, _ in try renderer.integer(value, "what is \"odd\"") % 2 != 0 },
        "divisibleby": { renderer, value, given in
            let divisor = try renderer.integer(argument(renderer, given), "the divisor")
            guard divisor != 0 else { throw renderer.failure("a number is divided by 0") }
            return try renderer.integer(value, "what is divided").remainderReportingOverflow(dividingBy: divisor)
                .partialValue == 0
        },
        "in": { renderer, value, given in try renderer.contains(argument(renderer, given), value) },
        "sameas": { renderer, value, given in
            switch (value, try argument(renderer, given)) {
            case (.list(let a), .list(let b)): a === b
            case (.dictionary(let a), .dictionary(let b)): a === b
            case (let a, let b): a.typeName == b.typeName ? try renderer.areEqual(a, b) : false
            }
        },
    ]

    private static let relations: [String: Test] = [
        ("eq", "equalto", "==", Relation.equal), ("ne", "ne", "!=", .unequal), ("lt", "lessthan", "<", .less),
        ("le", "le", "<=", .lessOrEqual), ("gt", "greaterthan", ">", .greater), ("ge", "ge", ">=", .greaterOrEqual),
    ].reduce(into: [:]) { table, names in
        for name in [names.0, names.1, names.2] {
            table[name] = { renderer, value, given in try renderer.holds(names.3, value, argument(renderer, given)) }
        }
    }

    private static func plain(_ test: @escaping @Sendable (Value) -> Bool) -> Test {
        { renderer, value, given in
            try renderer.check(given, "the test", names: [])
            return test(value)
        }
    }

    private static func argument(_ renderer: Renderer, _ given: Given) throws -> Value {
        guard let value = given.positional.first else { throw renderer.failure("the test needs an argument") }
        return value
    }
}
