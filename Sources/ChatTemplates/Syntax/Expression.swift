/// An expression of a template. What Python writes in a row, such as the terms of a sum, lies here in a row, too: only what is
/// nested in the source is nested in the tree, so that its depth is bounded as the source's is.
struct Expression: Sendable {
    let line: Int
    let kind: Kind

    indirect enum Kind: Sendable {
        case literal(Literal)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        /// What follows a value: attributes, elements, calls, filters, tests.
        case chain(Expression, [Link])
        case arithmetic(Expression, [(operation: Operation, operand: Expression)])
        case concatenation([Expression])
        case comparison(Expression, [(relation: Relation, operand: Expression)])
        case and([Expression])
        case or([Expression])
        case not(Expression)
        case negative(Expression)
        case positive(Expression)
        /// `a if b else c if d else e`; without `else` the last value is undefined.
        case conditional([(value: Expression, condition: Expression)], otherwise: Expression?)
    }
}

enum Literal: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case text(Text)
}

enum Operation: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
}

enum Relation: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
    case notContained = "not in"
}

/// One step of a chain.
struct Link: Sendable {
    let line: Int
    let kind: Kind

    enum Kind: Sendable {
        case attribute(Text)
        case element(Expression)
        case slice(Expression?, Expression?, Expression?)
        case call(Arguments)
        case filter(FilterCall)
        case test(name: String, Arguments, isNegated: Bool)
    }
}

/// What is given to a call, a filter or a test.
struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
}

/// A filter with what it is given beside the value.
struct FilterCall: Sendable {
    let line: Int
    let name: String
    let arguments: Arguments
}
