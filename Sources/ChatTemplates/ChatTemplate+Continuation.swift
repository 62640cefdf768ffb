/// The last message without its end, which the model goes on with: found by a mark behind its content, as `transformers` does it.
extension ChatTemplate {
    private static let mark = "CONTINUE_FINAL_MESSAGE_TAG "

    /// Puts a mark behind the content of the last message.
    ///
    /// - Returns: The content.
    func mark(_ messages: inout [ChatValue]) throws -> String {
        guard case .object(var members)? = messages.last,
            let content = members.lastIndex(where: { $0.name == "content" })
        else { throw ChatTemplateError.cannotContinue(template: name, reason: "it has no \"content\"") }
        let text: String
        switch members[content].value {
        case .string(let whole):
            text = whole
            members[content].value = .string(whole + Self.mark)
        case .array(var parts):
            guard let index = parts.lastIndex(where: { $0["text"]?.string != nil }),
                case .object(var part) = parts[index], let place = part.lastIndex(where: { $0.name == "text" }),
                let last = part[place].value.string
            else { throw ChatTemplateError.cannotContinue(template: name, reason: "its content has no text") }
            text = last
            part[place].value = .string(last + Self.mark)
            parts[index] = .object(part)
            members[content].value = .array(parts)
        default: throw ChatTemplateError.cannotContinue(template: name, reason: "its content is no text")
        }
        messages[messages.count - 1] = .object(members)
        return text
    }

    /// What stands before the mark. Where the template has taken the blank off the mark's end, blanks before it were taken, too, or
    /// would be.
    func cut(_ bytes: [UInt8], continuing last: String) throws -> [UInt8] {
        let text = Text(bytes), mark = Text(Self.mark), bare = mark.stripped(nil)
        guard let place = Text(bytes.reversed()).positions(of: Text(bare.bytes.reversed()), limit: 1).first,
            text.contains(Text(last).stripped(nil))
        else {
            throw ChatTemplateError.cannotContinue(
                template: name, reason: "the template leaves out, or changes, what it says")
        }
        let start = bytes.count - place - bare.bytes.count, kept = Text(bytes[..<start])
        return Text(bytes[start...]).hasPrefix(mark) ? kept.bytes : kept.stripped(nil, left: false).bytes
    }
}
