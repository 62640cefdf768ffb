import Foundation

/// What can be wrong with a ``PromptTemplate``; each case has the template.
public enum PromptTemplateError: Error, Equatable, Sendable {
    /// Every prompt would be the same.
    case noField(String)
    /// A brace is not closed.
    case openBrace(String)
    /// A closing brace stands alone.
    case strayBrace(String)
    /// There is no name between braces.
    case namelessField(String)
    /// A backslash before something that means nothing with one.
    case unknownEscape(String, String)
}

extension PromptTemplateError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noField(let template):
            "the template \"\(template)\" has no field; write the name of one in braces, as in \"Question: {question}\""
        case .openBrace(let template):
            "in the template \"\(template)\" a { is not closed; write } behind the field's name, or {{ for the brace itself"
        case .strayBrace(let template):
            "in the template \"\(template)\" a } stands alone; write }} for the brace itself"
        case .namelessField(let template):
            "in the template \"\(template)\" a field has no name; write it between { and }"
        case .unknownEscape(let escape, let template):
            "in the template \"\(template)\" \(escape) has no meaning; \\n, \\t and \\\\ have, which stand for a line break, a tab "
                + "and a backslash"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
