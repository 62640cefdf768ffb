/// A part of a template's source.
struct Token: Equatable {
    enum Kind: Equatable {
        /// What is written as it stands.
        case data(Text)
        /// `{{`
        case printBegin
        /// `}}`
        case printEnd
        /// `{%`
        case blockBegin
        /// `%}`
        case blockEnd
        case name(String)
        case string(Text)
        case integer(Int)
        case double(Double)
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// What it is called in a sentence.
    var title: String {
        switch kind {
        case .data: "text"
        case .printBegin: "\"{{\""
        case .printEnd: "\"}}\""
        case .blockBegin: "\"{%\""
        case .blockEnd: "\"%}\""
        case .name(let name): "\"\(name)\""
        case .string: "a text"
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        case .symbol(let symbol): "\"\(symbol)\""
        case .end: "the end of the template"
        }
    }
}
