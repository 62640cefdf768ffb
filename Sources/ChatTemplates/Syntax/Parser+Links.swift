/// What follows a value.
extension Parser {
    /// Attributes, elements and calls.
    mutating func postfix() throws -> [Link] {
        var links: [Link] = []
        while true {
            let line = token.line
            if skip(".") {
                switch token.kind {
                case .name(let name):
                    advance()
                    links.append(Link(line: line, kind: .attribute(Text(name))))
                case .integer(let index):
                    advance()
                    let index = Expression(line: line, kind: .literal(.integer(index)))
                    links.append(Link(line: line, kind: .element(index)))
                default: throw error("expected a name or a number, found \(token.title)")
                }
            } else if skip("[") {
                links.append(Link(line: line, kind: try subscripted()))
            } else if isAt("(") {
                links.append(Link(line: line, kind: .call(try arguments())))
            } else {
                return links
            }
        }
    }

    private mutating func subscripted() throws -> Link.Kind {
        var bounds: [Expression?] = [nil], isSlice = false
        while !isAt("]") {
            if skip(":") {
                isSlice = true
                bounds.append(nil)
            } else {
                guard case .some(.none) = bounds.last else { throw error("expected \"]\", found \(token.title)") }
                bounds[bounds.count - 1] = try expression()
            }
        }
        advance()
        if !isSlice, let index = bounds[0] { return .element(index) }
        guard isSlice, bounds.count <= 3 else { throw error("an index is missing, or there are too many") }
        return .slice(bounds[0], bounds[1], bounds.count > 2 ? bounds[2] : nil)
    }

    /// Filters and tests, and calls of what they give.
    mutating func filtersAndTests(_ links: inout [Link]) throws {
        while true {
            let line = token.line
            if isAt("|") {
                links += try filters(isFirst: false, isOne: true).map { Link(line: $0.line, kind: .filter($0)) }
            } else if skip(name: "is") {
                links.append(Link(line: line, kind: try test()))
            } else if isAt("(") {
                links.append(Link(line: line, kind: .call(try arguments())))
            } else {
                return
            }
        }
    }

    /// - Parameters:
    ///   - isFirst: Whether the name of the first stands here without a bar before it.
    ///   - isOne: Whether only one is read.
    mutating func filters(isFirst: Bool, isOne: Bool = false) throws -> [FilterCall] {
        var filters: [FilterCall] = [], isFirst = isFirst
        while isFirst || isAt("|") {
            if !isFirst { advance() }
            isFirst = false
            let line = token.line, name = try dottedName()
            if Filters.table[name] == nil, isConditional == 0 {
                throw error("the filter \"\(name)\" is not known", line: line)
            }
            filters.append(FilterCall(line: line, name: name, arguments: isAt("(") ? try arguments() : Arguments()))
            if isOne { break }
        }
        return filters
    }

    private mutating func dottedName() throws -> String {
        var name = try name()
        while skip(".") { name += "." + (try self.name()) }
        return name
    }

    private mutating func test() throws -> Link.Kind {
        let isNegated = skip(name: "not"), line = token.line
        // A comparison may name a test, too: `x is == y` is not written, `x is eq y` is.
        let name = try dottedName()
        if Tests.table[name] == nil, isConditional == 0 { throw error("the test \"\(name)\" is not known", line: line) }
        var given = Arguments()
        if isAt("(") {
            given = try arguments()
        } else if beginsArgument {
            if isAt(name: "is") { throw error("a test cannot follow a test; write \"and\" between them") }
            given.positional = [try nested { try $0.argumentOfTest() }]
        }
        return .test(name: name, given, isNegated: isNegated)
    }

    private var beginsArgument: Bool {
        switch token.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .double, .symbol("["), .symbol("{"): true
        default: false
        }
    }

    private mutating func argumentOfTest() throws -> Expression {
        let line = token.line, value = try primary(), links = try postfix()
        return links.isEmpty ? value : Expression(line: line, kind: .chain(value, links))
    }

    mutating func arguments() throws -> Arguments {
        var arguments = Arguments()
        try expect("(")
        while !skip(")") {
            if !arguments.positional.isEmpty || !arguments.named.isEmpty {
                try expect(",")
                if skip(")") { break }
            }
            if isAt("*") || isAt("**") {
                throw error("arguments that are taken from a list or an object are not known")
            }
            if case .name(let name) = token.kind, next.kind == .symbol("=") {
                advance(2)
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw error("an argument without a name follows one that has one")
                }
                arguments.positional.append(try expression())
            }
        }
        return arguments
    }
}
