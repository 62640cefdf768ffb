/// A statement of a template.
indirect enum Statement: Sendable {
    case text(Text)
    case print(Expression)
    case condition([(test: Expression, body: [Statement])], otherwise: [Statement])
    case loop(Loop)
    case set(Target, Expression, line: Int)
    /// The text that the body writes, through filters.
    case setBlock(Target, [FilterCall], [Statement], line: Int)
    case macro(MacroDefinition)
    case filter([FilterCall], [Statement], line: Int)
    /// What an assistant says, whose place is reported.
    case generation([Statement], line: Int)
    case leave
    case next

    struct Loop: Sendable {
        let line: Int
        let target: Target
        let sequence: Expression
        let condition: Expression?
        let body: [Statement]
        let otherwise: [Statement]
    }
}

/// What is assigned to.
indirect enum Target: Sendable {
    case name(String)
    case tuple([Target])
    case attribute(namespace: String, Text)
}

/// A macro as it stands in the source.
struct MacroDefinition: Sendable {
    struct Parameter: Sendable {
        let name: String
        let standard: Expression?
    }

    let line: Int
    let name: String
    let parameters: [Parameter]
    let body: [Statement]
}
