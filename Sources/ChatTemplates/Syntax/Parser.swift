/// Makes statements of a template's tokens, as `jinja2`'s parser does.
struct Parser {
    let template: String
    private let tokens: [Token]
    private var index = 0
    private var depth = 0
    /// Whether what is read may never be reached: names of filters that are not known are then refused when they are.
    var isConditional = 0
    /// Whether statements stand in a loop, which they can leave.
    private var isInLoop = false

    init(_ source: String, template: String) throws {
        self.template = template
        guard source.utf8.count <= Bounds.source else {
            throw ChatTemplateError.limit(template: template, line: 1, .output(Bounds.source))
        }
        tokens = try Lexer.tokens(of: source, template: template)
    }

    static func statements(of source: String, template: String) throws -> [Statement] {
        var parser = try Parser(source, template: template)
        return try parser.statements(until: [], of: nil)
    }

    // MARK: Tokens

    var token: Token { tokens[min(index, tokens.count - 1)] }
    var next: Token { tokens[min(index + 1, tokens.count - 1)] }
    mutating func advance(_ count: Int = 1) { index = min(index + count, tokens.count - 1) }

    func error(_ reason: String, line: Int? = nil) -> ChatTemplateError {
        .syntax(template: template, line: line ?? token.line, reason: reason)
    }

    func isAt(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
    func isAt(name: String) -> Bool { token.kind == .name(name) }

    mutating func skip(_ symbol: String) -> Bool {
        guard isAt(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isAt(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String) throws {
        guard skip(symbol) else { throw error("expected \"\(symbol)\", found \(token.title)") }
    }

    mutating func expect(_ kind: Token.Kind) throws {
        guard token.kind == kind else {
            throw error("expected \(Token(kind: kind, line: 0).title), found \(token.title)")
        }
        advance()
    }

    mutating func name() throws -> String {
        guard case .name(let name) = token.kind else { throw error("expected a name, found \(token.title)") }
        advance()
        return name
    }

    /// One more level of the source.
    mutating func nested<Result>(_ read: (inout Parser) throws -> Result) throws -> Result {
        guard depth < Bounds.depth else {
            throw ChatTemplateError.limit(template: template, line: token.line, .depth(Bounds.depth))
        }
        depth += 1
        defer { depth -= 1 }
        return try read(&self)
    }

    // MARK: Statements

    /// The statements up to one of some words, which is left to be read, or to the end of the template.
    private mutating func statements(until ends: Set<String>, of opening: (word: String, line: Int)?) throws
        -> [Statement]
    {
        var statements: [Statement] = []
        while true {
            switch token.kind {
            case .data(let text):
                statements.append(.text(text))
                advance()
            case .printBegin:
                advance()
                statements.append(.print(try nested { try $0.tuple() }))
                try expect(.printEnd)
            case .blockBegin:
                advance()
                if case .name(let name) = token.kind, ends.contains(name) { return statements }
                if let statement = try nested({ try $0.statement() }) { statements.append(statement) }
                try expect(.blockEnd)
            default:
                if let opening {
                    throw error(
                        "\"\(opening.word)\" is not ended; \"\(ends.sorted().joined(separator: "\" or \""))\" is missing",
                        line: opening.line)
                }
                return statements
            }
        }
    }

    /// What stands behind the end of a tag, up to one of some words, which is read.
    private mutating func body(until ends: Set<String>, of opening: (word: String, line: Int)) throws -> (
        body: [Statement], end: String
    ) {
        _ = skip(":")
        try expect(.blockEnd)
        let body = try statements(until: ends, of: opening)
        return (body, try name())
    }

    private mutating func statement() throws -> Statement? {
        let line = token.line, word = try name(), opening = (word, line)
        switch word {
        case "if": return try condition(opening)
        case "for": return try loop(opening)
        case "set": return try assignment(opening)
        case "macro": return try macro(opening)
        case "filter":
            let filters = try filters(isFirst: true)
            return .filter(filters, try body(until: ["endfilter"], of: opening).body, line: line)
        case "generation":
            return .generation(try function { try $0.body(until: ["endgeneration"], of: opening).body }, line: line)
        case "break", "continue":
            guard isInLoop else { throw error("\"\(word)\" stands in no loop", line: line) }
            return word == "break" ? .leave : .next
        default: throw error("the statement \"\(word)\" is not known", line: line)
        }
    }

    /// What becomes a function: no loop around it can be left from within.
    private mutating func function<Result>(_ read: (inout Parser) throws -> Result) throws -> Result {
        let before = isInLoop
        isInLoop = false
        defer { isInLoop = before }
        return try read(&self)
    }

    private mutating func condition(_ opening: (String, Int)) throws -> Statement {
        var branches: [(test: Expression, body: [Statement])] = []
        isConditional += 1
        defer { isConditional -= 1 }
        while true {
            let test = try tuple(isConditional: false)
            let (body, end) = try body(until: ["elif", "else", "endif"], of: opening)
            branches.append((test, body))
            if end == "endif" { return .condition(branches, otherwise: []) }
            if end == "else" {
                return .condition(branches, otherwise: try self.body(until: ["endif"], of: opening).body)
            }
        }
    }

    private mutating func loop(_ opening: (String, Int)) throws -> Statement {
        let target = try target()
        guard skip(name: "in") else { throw error("expected \"in\", found \(token.title)") }
        let sequence = try tuple(isConditional: false, ends: ["recursive"])
        let condition = skip(name: "if") ? try expression() : nil
        if isAt(name: "recursive") { throw error("recursive loops are not known") }
        let before = isInLoop
        isInLoop = true
        defer { isInLoop = before }
        let (body, end) = try body(until: ["endfor", "else"], of: opening)
        isInLoop = before
        let otherwise = end == "else" ? try self.body(until: ["endfor"], of: opening).body : []
        return .loop(
            .init(
                line: opening.1, target: target, sequence: sequence, condition: condition, body: body,
                otherwise: otherwise))
    }

    private mutating func assignment(_ opening: (String, Int)) throws -> Statement {
        let target = try target()
        if skip("=") { return .set(target, try tuple(), line: opening.1) }
        let filters = try filters(isFirst: false)
        return .setBlock(target, filters, try body(until: ["endset"], of: opening).body, line: opening.1)
    }

    private mutating func macro(_ opening: (String, Int)) throws -> Statement {
        let name = try name()
        var parameters: [MacroDefinition.Parameter] = []
        try expect("(")
        while !isAt(")") {
            if !parameters.isEmpty { try expect(",") }
            let parameter = try self.name()
            let standard = skip("=") ? try expression() : nil
            if standard == nil, parameters.last?.standard != nil {
                throw error("the parameter \"\(parameter)\" needs a default, as one before it has one")
            }
            parameters.append(.init(name: parameter, standard: standard))
        }
        try expect(")")
        let body = try function { try $0.body(until: ["endmacro"], of: opening).body }
        return .macro(MacroDefinition(line: opening.1, name: name, parameters: parameters, body: body))
    }

    // MARK: Targets

    private mutating func target() throws -> Target {
        var targets: [Target] = [], isTuple = false
        repeat {
            if isAt("=") || isAt(name: "in") || token.kind == .blockEnd { break }
            targets.append(try single())
            isTuple = isTuple || isAt(",")
        } while skip(",")
        guard let first = targets.first else { throw error("expected a name, found \(token.title)") }
        return isTuple ? .tuple(targets) : first
    }

    private mutating func single() throws -> Target {
        if skip("(") {
            let inner = try nested { try $0.target() }
            try expect(")")
            return inner
        }
        let name = try name()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw error("\"\(name)\" cannot be assigned to")
        }
        guard skip(".") else { return .name(name) }
        return .attribute(namespace: name, Text(try self.name()))
    }
}
