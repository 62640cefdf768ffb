import ChatTemplates

extension ChatFormat {
    /// Refuses what is no message.
    ///
    /// - Throws: ``ChatError/badMessage(number:reason:)``.
    public static func check(_ messages: [ChatValue]) throws {
        for (index, message) in messages.enumerated() {
            func bad(_ reason: String) -> ChatError { .badMessage(number: index + 1, reason: reason) }
            guard case .object = message else { throw bad("is no object") }
            guard let role = message["role"] else { throw bad("has no \"role\"") }
            guard let role = role.string, !role.isEmpty else { throw bad("has a \"role\" that is no text") }
            switch message["content"] {
            case .string?: break
            case .array(let parts)?:
                for part in parts {
                    guard let kind = part["type"]?.string else {
                        throw bad("has a part without \"type\" in its \"content\"")
                    }
                    guard kind != "text" || part["text"]?.string != nil else {
                        throw bad("has a part of text without \"text\"")
                    }
                }
            // A call of tools need not say anything.
            case nil, .null?:
                guard message["tool_calls"]?.array?.isEmpty == false else { throw bad("has no \"content\"") }
            default: throw bad("has a \"content\" that is neither text nor a list of parts")
            }
        }
    }

    /// The same error, naming the first message that the template refuses, where it refuses one by `raise_exception`.
    func naming(_ error: ChatTemplateError, in messages: [ChatValue], _ render: ([ChatValue]) throws -> Void)
        -> any Error
    {
        guard case .raised(_, _, let message) = error else { return error }
        for count in 1..<max(messages.count + 1, 1) {
            do {
                try render(Array(messages.prefix(count)))
            } catch ChatTemplateError.raised(_, _, message) {
                func role(_ index: Int) -> String? { messages[index]["role"]?.string }
                return ChatError.refused(
                    number: count, role: role(count - 1) ?? "", after: count > 1 ? role(count - 2) : nil,
                    reason: "\(error)")
            } catch {}
        }
        return error
    }
}
