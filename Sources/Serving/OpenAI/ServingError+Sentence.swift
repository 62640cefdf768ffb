import Foundation

extension ServingError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    package var description: String {
        switch self {
        case .notJSON(let reason):
            "the body is not JSON: \(reason)"
        case .notAnObject(let path, let found):
            "\(path.isEmpty ? "the body" : path) is \(found), but must be an object"
        case .missing(let field):
            "\(field) is missing; give it"
        case .wrongType(let field, let found, let expected):
            "\(field) is \(found), but must be \(expected)"
        case .outOfRange(let field, let value, let range):
            "\(field) is \(value), but must be \(range)"
        case .unsupported(let field, let value, let advice):
            "\(field)\(value.isEmpty ? "" : " = \(value)") is not supported here; \(advice)"
        case .contradiction(let field, let other, let reason):
            "\(field) cannot be given together with \(other): \(reason)"
        case .contextLength(_, let prompt, let newTokens, let prefix, let positions):
            "the prompt has \(prompt) token\(prompt == 1 ? "" : "s") and the answer up to \(newTokens), but the model has \(positions) "
                + "positions" + (prefix > 0 ? ", of which the prefix takes \(prefix)" : "") + "; "
                + (positions - prefix > prompt
                    ? "ask for at most \(positions - prefix - prompt) new tokens" : "shorten the prompt")
        case .invalidPrefix(let name, let reason):
            "the prefix \(name) cannot be used: \(reason)"
        case .template(let reason):
            "the chat template cannot be applied to these messages: \(reason)"
        case .noChatTemplate(let model):
            "the model \(model) has no chat template; start the server with --chat-template FILE, or use /v1/completions"
        case .templatesDiffer(let first, let second):
            "the prefixes \(first) and \(second) were trained with different chat templates; ask for one of them, or use "
                + "/v1/completions"
        case .keyMissing:
            "no API key was sent; send the header Authorization: Bearer KEY"
        case .keyUnknown:
            "the API key is not known here; ask whoever runs this server for one"
        case .forbidden(let scope):
            "the API key lacks the scope \(scope), which this needs"
        case .foreignHost(let host):
            "the request was sent to the host \(host), which is not this server's name; give it with --allowed-host"
        case .modelNotFound(let name):
            "there is no model \(name); GET /v1/models lists those that this API key may use"
        case .routeNotFound(let method, let path):
            "there is nothing at \(method) \(path); GET /openapi.json lists what there is"
        case .methodNotAllowed(let method, let path, let allowed):
            "\(path) cannot be asked with \(method); use \(allowed.joined(separator: " or "))"
        case .nameTaken(let name):
            "there is a prefix \(name) already; choose another name, or send \"replace\": true"
        case .inUse(let name):
            "the prefix \(name) is being written by another request; try again when that is done"
        case .bodyTooLarge(let limit):
            "the body is larger than \(limit) bytes, the limit of this server"
        case .mediaType(let found, let expected):
            "the body is \(found.isEmpty ? "of no stated type" : found), but must be \(expected)"
        case .bodyTooSlow(let seconds):
            "the body did not arrive within \(seconds) s"
        case .rateLimited(let limit, let seconds):
            "the API key has reached its limit of \(limit); try again in \(seconds) s"
        case .overloaded(let waiting, let seconds):
            "the server has \(waiting) waiting, which is its limit; try again in \(seconds) s"
        case .draining:
            "the server is being stopped and takes no more requests; try another one, or this one in a few seconds"
        case .outOfMemory(let needed, let available):
            "prompt and answer need keys and values of \(needed) positions, but the server has memory for \(available); "
                + "ask for fewer new tokens, or start it with more --kv-memory"
        case .storage(let reason):
            "the prefix could not be stored: \(reason)"
        case .diskFull:
            "the server's disk is full, and nothing was stored; free some space there, or delete prefixes, and send it again"
        case .uploadsFull(let limit):
            "the server is taking \(limit) upload\(limit == 1 ? "" : "s"), its limit (--max-uploads); try again in 5 s"
        case .pinsFull(let needed, let limit):
            "the prefix takes \(needed) bytes of memory, and pinned prefixes may take \(limit) together, half of --prefix-memory; "
                + "unload a pinned one first"
        case .clientGone:
            "the client has closed the connection"
        case .stopped:
            "the server was stopped before the answer was complete; send the request again"
        case .notFinite(let model):
            "the scores of the model \(model) are not numbers; its weights or its prefix are damaged"
        case .internalError(let request):
            "the server made a mistake while it answered request \(request); its log says more"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    package var errorDescription: String? { description }
}

/// An error as the client receives it: `{"error": {"message", "type", "param", "code"}}`.
package struct ErrorBody: Codable, Equatable, Sendable {
    /// The inner object.
    package struct Content: Codable, Equatable, Sendable {
        /// The sentence.
        package let message: String
        /// What kind of mistake it is.
        package let type: String
        /// The field at fault; null where there is none.
        package let param: String?
        /// What programs compare with.
        package let code: String?

        enum CodingKeys: String, CodingKey { case message, type, param, code }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(message, forKey: .message)
            try container.encode(type, forKey: .type)
            // OpenAI sends null, not nothing.
            try container.encode(param, forKey: .param)
            try container.encode(code, forKey: .code)
        }
    }

    /// The error.
    package let error: Content

    /// What the client is told of an error.
    package init(_ error: ServingError) {
        self.error = Content(message: error.description, type: error.type, param: error.param, code: error.code)
    }
}
