import Foundation
import PrefixTuning
import TestSupport
import Testing

/// Templates of prompts, against Python's `str.format`.
@Suite struct PromptTemplateTests {
    private struct Goldens: Decodable {
        enum Value: Decodable {
            case text(String)
            case number(Int)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int.self) {
                    self = .number(number)
                } else {
                    self = .text(try container.decode(String.self))
                }
            }

            var text: String {
                switch self {
                case .text(let text): text
                case .number(let number): "\(number)"
                }
            }
        }
        struct Case: Decodable {
            let template, prompt: String
        }
        let values: [String: Value]
        let cases: [Case]
    }

    @Test("templates are filled as Python fills them, scalar by scalar")
    func goldens() throws {
        let file = Fixtures.goldens.appendingPathComponent("fields/templates.json")
        let goldens = try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
        #expect(goldens.cases.count > 8)
        for item in goldens.cases {
            let template = try PromptTemplate(item.template)
            let prompt = try template.filled { try #require(goldens.values[$0]?.text, "\($0)") }
            #expect(prompt.unicodeScalars.elementsEqual(item.prompt.unicodeScalars), "\(item.template)")
            #expect(template.description == item.template)
        }
    }

    @Test func fieldsAreNamedOnceInTheirOrder() throws {
        #expect(try PromptTemplate("{b} {a} {{c}} {b}").fields == ["b", "a"])
        #expect(try PromptTemplate("{ a }{a:b!r}").fields == [" a ", "a:b!r"], "letter by letter")
    }

    @Test(
        "what is no template is refused with what helps",
        arguments: [
            (
                "no field",
                #"the template "no field" has no field; write the name of one in braces, as in "Question: {question}""#
            ),
            (
                "{a",
                #"in the template "{a" a { is not closed; write } behind the field's name, or {{ for the brace itself"#
            ),
            (
                "{a{b}}",
                #"in the template "{a{b}}" a { is not closed; write } behind the field's name, or {{ for the brace itself"#
            ),
            ("{a} }", #"in the template "{a} }" a } stands alone; write }} for the brace itself"#),
            ("{}", #"in the template "{}" a field has no name; write it between { and }"#),
            (
                #"{a}\r"#,
                #"in the template "{a}\r" \r has no meaning; \n, \t and \\ have, which stand for a line break, a tab and a "#
                    + "backslash"
            ),
            (
                #"{a}\"#,
                #"in the template "{a}\" \ has no meaning; \n, \t and \\ have, which stand for a line break, a tab and a backslash"#
            ),
        ])
    func refusals(_ template: String, _ sentence: String) throws {
        let error = try #require(failure(PromptTemplateError.self) { _ = try PromptTemplate(template) })
        #expect("\(error)" == sentence)
    }
}
