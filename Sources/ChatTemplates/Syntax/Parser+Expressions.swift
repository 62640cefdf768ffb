/// Expressions, from what binds least to what binds most.
extension Parser {
    /// An expression, or several with commas between them.
    ///
    /// - Parameters:
    ///   - isConditional: Whether `a if b else c` is read, or `if` ends the expression.
    ///   - ends: Names that end it, too.
    mutating func tuple(
        isConditional: Bool = true, ends: Set<String> = [], isInParentheses: Bool = false
    ) throws -> Expression {
        let line = token.line
        var parts: [Expression] = [], isTuple = false
        repeat {
            if isEndOfTuple(ends) { break }
            parts.append(try expression(isConditional: isConditional))
            isTuple = isTuple || isAt(",")
        } while skip(",")
        if isTuple { return Expression(line: line, kind: .tuple(parts)) }
        if let only = parts.first { return only }
        guard isInParentheses else { throw error("expected an expression, found \(token.title)") }
        return Expression(line: line, kind: .tuple([]))
    }

    private func isEndOfTuple(_ ends: Set<String>) -> Bool {
        switch token.kind {
        case .printEnd, .blockEnd, .symbol(")"): true
        case .name(let name): ends.contains(name)
        default: false
        }
    }

    mutating func expression(isConditional: Bool = true) throws -> Expression {
        try nested { try isConditional ? $0.conditional() : $0.or() }
    }

    private mutating func conditional() throws -> Expression {
        let line = token.line
        let first = try or()
        guard isAt(name: "if") else { return first }
        isConditional += 1
        defer { isConditional -= 1 }
        var branches: [(value: Expression, condition: Expression)] = [], value = first
        while skip(name: "if") {
            branches.append((value, try or()))
            guard skip(name: "else") else { break }
            value = try or()
            if !isAt(name: "if") {
                return Expression(line: line, kind: .conditional(branches, otherwise: value))
            }
        }
        let result = Expression(line: line, kind: .conditional(branches, otherwise: nil))
        guard isAt(name: "if") else { return result }
        throw error("\"if\" follows a condition without \"else\"; put parentheses around it")
    }

    private mutating func or() throws -> Expression {
        let line = token.line
        var parts = [try and()]
        while skip(name: "or") { parts.append(try and()) }
        return parts.count == 1 ? parts[0] : Expression(line: line, kind: .or(parts))
    }

    private mutating func and() throws -> Expression {
        let line = token.line
        var parts = [try not()]
        while skip(name: "and") { parts.append(try not()) }
        return parts.count == 1 ? parts[0] : Expression(line: line, kind: .and(parts))
    }

    private mutating func not() throws -> Expression {
        let line = token.line
        guard skip(name: "not") else { return try comparison() }
        return Expression(line: line, kind: .not(try nested { try $0.not() }))
    }

    private mutating func comparison() throws -> Expression {
        let line = token.line, first = try sum()
        var rest: [(relation: Relation, operand: Expression)] = []
        while let relation = relation() { rest.append((relation, try sum())) }
        return rest.isEmpty ? first : Expression(line: line, kind: .comparison(first, rest))
    }

    private mutating func relation() -> Relation? {
        if skip(name: "in") { return .contained }
        if isAt(name: "not"), next.kind == .name("in") {
            advance(2)
            return .notContained
        }
        guard case .symbol(let symbol) = token.kind, let relation = Relation(rawValue: symbol) else { return nil }
        advance()
        return relation
    }

    private mutating func sum() throws -> Expression {
        try arithmetic([.add, .subtract]) { try $0.concatenation() }
    }

    private mutating func concatenation() throws -> Expression {
        let line = token.line
        var parts = [try product()]
        while skip("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : Expression(line: line, kind: .concatenation(parts))
    }

    private mutating func product() throws -> Expression {
        try arithmetic([.multiply, .divide, .floorDivide, .remainder]) {
            try $0.arithmetic([.power]) { try $0.unary() }
        }
    }

    private mutating func arithmetic(
        _ operations: Set<Operation>, _ operand: (inout Parser) throws -> Expression
    ) throws -> Expression {
        let line = token.line, first = try operand(&self)
        var rest: [(operation: Operation, operand: Expression)] = []
        while case .symbol(let symbol) = token.kind, let operation = Operation(rawValue: symbol),
            operations.contains(operation)
        {
            advance()
            rest.append((operation, try operand(&self)))
        }
        return rest.isEmpty ? first : Expression(line: line, kind: .arithmetic(first, rest))
    }

    private mutating func unary(hasFilters: Bool = true) throws -> Expression {
        let line = token.line
        let value: Expression
        if skip("-") {
            value = Expression(line: line, kind: .negative(try nested { try $0.unary(hasFilters: false) }))
        } else if skip("+") {
            value = Expression(line: line, kind: .positive(try nested { try $0.unary(hasFilters: false) }))
        } else {
            value = try primary()
        }
        var links = try postfix()
        if hasFilters { try filtersAndTests(&links) }
        return links.isEmpty ? value : Expression(line: line, kind: .chain(value, links))
    }

    mutating func primary() throws -> Expression {
        let line = token.line
        func literal(_ literal: Literal) -> Expression { Expression(line: line, kind: .literal(literal)) }
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return literal(.bool(true))
            case "false", "False": return literal(.bool(false))
            case "none", "None": return literal(.none)
            default: return Expression(line: line, kind: .name(name))
            }
        case .string(var text):
            advance()
            // Texts behind each other are one.
            while case .string(let more) = token.kind {
                text.bytes += more.bytes
                advance()
            }
            return literal(.text(text))
        case .integer(let value):
            advance()
            return literal(.integer(value))
        case .double(let value):
            advance()
            return literal(.double(value))
        case .symbol("("):
            advance()
            let inner = try nested { try $0.tuple(isInParentheses: true) }
            try expect(")")
            return inner
        case .symbol("["):
            advance()
            return Expression(line: line, kind: .list(try elements(until: "]") { try $0.expression() }))
        case .symbol("{"):
            advance()
            let members = try elements(until: "}") { parser in
                let key = try parser.expression()
                try parser.expect(":")
                return (key: key, value: try parser.expression())
            }
            return Expression(line: line, kind: .dictionary(members))
        default: throw error("unexpected \(token.title)")
        }
    }

    /// Parts with commas between them, and perhaps one behind the last.
    private mutating func elements<Element>(
        until end: String, _ read: (inout Parser) throws -> Element
    ) throws -> [Element] {
        var elements: [Element] = []
        while !skip(end) {
            if !elements.isEmpty {
                try expect(",")
                if skip(end) { break }
            }
            elements.append(try read(&self))
        }
        return elements
    }
}
