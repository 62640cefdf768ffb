import ChatTemplates
import Tokenizers

extension ChatFormat {
    /// Writes a conversation that is to be learnt: of each token it is told whether an assistant says it.
    ///
    /// Where the template marks that (`{% generation %}`), it is as the template says, and as `transformers` has it. Where it does not, an
    /// assistant says what stands between what the template writes before an answer and what it writes with it: the text and what
    /// ends the turn, but no white space behind the token that does.
    ///
    /// - Throws: ``ChatError/turnNotFound(number:)`` where the template writes earlier messages otherwise once others follow; else as
    ///   ``prompt(_:tools:documents:ending:variables:clock:)``.
    public func conversation(
        _ messages: [ChatValue], tools: [ChatValue]? = nil, documents: [ChatValue]? = nil,
        variables: [String: ChatValue] = [:], clock: ChatClock = .system
    ) throws -> Prompt {
        func written(_ count: Int, _ ending: ChatTemplate.Ending) throws -> Prompt {
            try prompt(
                Array(messages.prefix(count)), tools: tools, documents: documents, ending: ending, variables: variables,
                clock: clock)
        }
        let whole = try written(messages.count, .message)
        if template(for: tools).marksGenerations { return whole }
        let text = Array(whole.text.utf8)
        var ranges: [Range<Int>] = []
        for (index, message) in messages.enumerated() where message["role"] == "assistant" {
            func length(_ count: Int, _ ending: ChatTemplate.Ending) -> Int? {
                guard let part = try? written(count, ending).text, text.starts(with: part.utf8) else { return nil }
                return part.utf8.count
            }
            // What opens an answer may be more than is kept of it later, such as the mark of a thought.
            let start = length(index, .generationPrompt) ?? length(index, .message)
            guard let start, let end = length(index + 1, .message), start <= end else {
                throw ChatError.turnNotFound(number: index + 1)
            }
            ranges.append(start..<end)
        }
        return try tokenized(whole.text, generated: ranges.map { try withoutBlanks($0, of: text) })
    }

    /// A turn without white space behind the special token that ends it.
    private func withoutBlanks(_ range: Range<Int>, of text: [UInt8]) throws -> Range<Int> {
        let end = text[range].lastIndex { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }.map { $0 + 1 } ?? range.upperBound
        guard end < range.upperBound, let last = try tokenizer.encode(bytes: text[..<end]).last,
            tokenizer.isSpecial(last)
        else { return range }
        return range.lowerBound..<end
    }
}
