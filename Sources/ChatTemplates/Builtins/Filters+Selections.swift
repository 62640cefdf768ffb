extension Filters {
    static let selections: [String: Filter] = [
        "map": { renderer, value, given in
            let elements = try renderer.selectable(value)
            if given.positional.isEmpty, let attribute = given.named["attribute"] {
                return try renderer.list(elements.map(renderer.getter(attribute, default: given.named["default"])))
            }
            let name = try renderer.name(of: given, "\"map\""), rest = given.dropping(1)
            return try renderer.list(elements.map { try renderer.filter(name, $0, rest) })
        },
        "reject": selection(isNegated: true, byAttribute: false),
        "rejectattr": selection(isNegated: true, byAttribute: true),
        "select": selection(isNegated: false, byAttribute: false),
        "selectattr": selection(isNegated: false, byAttribute: true),
    ]

    /// Elements that pass a test, or are true where none is named.
    private static func selection(isNegated: Bool, byAttribute: Bool) -> Filter {
        { renderer, value, given in
            let key = try renderer.getter(byAttribute ? given.positional.first : nil)
            let given = given.dropping(byAttribute ? 1 : 0)
            let name = given.positional.isEmpty ? nil : try renderer.name(of: given, "the filter")
            let rest = given.dropping(1)
            return try renderer.list(
                renderer.selectable(value).filter { element in
                    let value = try key(element)
                    return try (name.map { try renderer.test($0, value, rest) } ?? value.isTrue) != isNegated
                })
        }
    }
}

extension Given {
    /// Without the first of those that have no name.
    func dropping(_ count: Int) -> Given {
        var rest = self
        rest.positional = Array(positional.dropFirst(count))
        return rest
    }
}

extension Renderer {
    /// The elements of a value; of what is not true, none.
    fileprivate func selectable(_ value: Value) throws -> [Value] { value.isTrue ? try elements(of: value) : [] }

    /// The name of a filter or test that is the first argument.
    fileprivate func name(of given: Given, _ title: String) throws -> String {
        guard let first = given.positional.first else { throw failure("\(title) needs an argument") }
        return try textValue(first, "the first argument of \(title)").string
    }
}
