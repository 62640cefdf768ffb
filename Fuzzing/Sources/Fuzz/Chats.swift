@testable import ChatTemplates

/// Conversations with what templates look at: roles, calls of tools, parts, thoughts.
private let conversations: [[ChatValue]] = [
    [
        ["role": "system", "content": "  Be brief.\n"], ["role": "user", "content": "Héllo 日本 \"q\""],
        ["role": "assistant", "content": "<think>a</think>b", "reasoning_content": "c"],
        ["role": "user", "content": [["type": "text", "text": "x"]]],
    ],
    [
        ["role": "user", "content": "?"],
        [
            "role": "assistant", "content": .null,
            "tool_calls": [
                [
                    "id": "123456789", "type": "function",
                    "function": ["name": "f", "arguments": ["a": 1, "b": [.double(0.5), true]]],
                ]
            ],
        ],
        ["role": "tool", "name": "f", "tool_call_id": "123456789", "content": "{\"t\": 1}"],
    ],
    [],
]

/// Renders conversations by a template; what follows a zero byte is one more, as JSON with `messages` and perhaps `tools`,
/// `documents` and other variables.
func renderChat(_ bytes: UnsafeRawBufferPointer) throws {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let source = String(decoding: parts.first ?? bytes[..<0], as: UTF8.self)
    let template = try ChatTemplate(source)
    let given = parts.count > 1 ? try? ChatValue(json: parts[1]) : nil
    var variables: [String: ChatValue] = [:]
    if case .object(let members)? = given { for member in members { variables[member.name] = member.value } }
    let tools: [ChatValue] = [
        ["type": "function", "function": ["name": "f", "parameters": ["properties": ["a": ["type": "string"]]]]]
    ]
    let clock = ChatClock.fixed(.init(seconds: 1_790_000_000))
    for messages in [given?["messages"]?.array].compactMap(\.self) + conversations {
        for (index, ending) in [ChatTemplate.Ending.message, .generationPrompt, .continuation].enumerated() {
            do {
                let rendered = try template.render(
                    messages: messages, tools: given?["tools"]?.array ?? (index == 1 ? tools : nil),
                    documents: given?["documents"]?.array, ending: ending,
                    tokens: ["bos_token": "<s>", "eos_token": "</s>"],
                    variables: variables, clock: clock)
                precondition(rendered.text.utf8.count <= Bounds.output, "more text than is allowed")
                for range in rendered.generationRanges {
                    precondition(range.upperBound <= rendered.text.utf8.count, "a range beyond the text")
                }
            } catch {
                precondition(error is ChatTemplateError && !"\(error)".isEmpty, "an error of another kind")
            }
        }
    }
}
