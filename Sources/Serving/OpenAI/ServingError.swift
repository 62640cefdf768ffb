/// What can go wrong with a request, as the client is told it.
///
/// Cases carry data only; ``description`` writes the sentence, and ``status``, ``type``, ``code`` and ``param`` say what
/// clients of OpenAI's interface look at.
package enum ServingError: Error, Equatable, Sendable {
    // The request as such.
    /// The body is not JSON.
    case notJSON(reason: String)
    /// The body, or a part of it, is no object.
    case notAnObject(path: String, found: String)
    /// A field is needed.
    case missing(field: String)
    /// A field has a value of another kind.
    case wrongType(field: String, found: String, expected: String)
    /// A field has a value outside of its range.
    case outOfRange(field: String, value: String, range: String)
    /// A field that this server knows asks for what it does not do.
    case unsupported(field: String, value: String, advice: String)
    /// Two fields cannot be given together.
    case contradiction(field: String, other: String, reason: String)
    /// Prompt and answer do not fit the model's positions.
    case contextLength(field: String, prompt: Int, newTokens: Int, prefix: Int, positions: Int)
    /// A prefix cannot be read, or is not the model's.
    case invalidPrefix(name: String, reason: String)
    /// The chat template refuses the messages, or cannot be run.
    case template(reason: String)
    /// The model has no chat template.
    case noChatTemplate(model: String)
    /// Two prefixes that are asked for together were trained with different chat templates.
    case templatesDiffer(String, String)

    // Who asks.
    /// No key was sent.
    case keyMissing
    /// The key is not known.
    case keyUnknown
    /// The key may not do this.
    case forbidden(scope: String)
    /// A name in the Host header that is not this server's.
    case foreignHost(String)

    // What is asked for.
    /// There is no such model or prefix, or the key may not see it.
    case modelNotFound(String)
    /// There is no such route.
    case routeNotFound(method: String, path: String)
    /// The route knows other methods.
    case methodNotAllowed(method: String, path: String, allowed: [String])
    /// A name is taken.
    case nameTaken(String)
    /// A prefix is in use and cannot be changed in that way.
    case inUse(name: String)
    /// The body is larger than allowed.
    case bodyTooLarge(limit: Int)
    /// The body is of another media type.
    case mediaType(found: String, expected: String)
    /// The body arrived too slowly.
    case bodyTooSlow(seconds: Int)

    // The server's state.
    /// The key has used up what it may.
    case rateLimited(limit: String, retryAfter: Int)
    /// The queue is full.
    case overloaded(waiting: String, retryAfter: Int)
    /// The server is about to end.
    case draining
    /// The request needs more memory for keys and values than the server has.
    case outOfMemory(needed: Int, available: Int)
    /// What was sent cannot be written.
    case storage(reason: String)
    /// The disk takes no more.
    case diskFull
    /// As many uploads as may come at once are coming.
    case uploadsFull(limit: Int)
    /// Prefixes are pinned that take as much memory as pinned ones may.
    case pinsFull(needed: Int, limit: Int)
    /// The client has gone; nobody is told.
    case clientGone
    /// The server was stopped before the answer was complete.
    case stopped
    /// The model's scores are not numbers.
    case notFinite(model: String)
    /// What should not happen.
    case internalError(request: String)
}

extension ServingError {
    /// The HTTP status.
    package var status: Int {
        switch self {
        case .notJSON, .notAnObject, .missing, .wrongType, .outOfRange, .unsupported, .contradiction, .contextLength,
            .invalidPrefix, .template, .noChatTemplate, .templatesDiffer:
            400
        case .keyMissing, .keyUnknown: 401
        case .forbidden, .foreignHost: 403
        case .modelNotFound, .routeNotFound: 404
        case .methodNotAllowed: 405
        case .bodyTooSlow: 408
        case .nameTaken, .inUse: 409
        case .bodyTooLarge: 413
        case .mediaType: 415
        case .rateLimited: 429
        case .clientGone: 499
        case .notFinite, .internalError, .storage: 500
        case .overloaded, .draining, .outOfMemory, .stopped, .uploadsFull: 503
        case .diskFull, .pinsFull: 507
        }
    }

    /// OpenAI's `error.type`.
    package var type: String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500, 507: "server_error"
        case 503: "overloaded_error"
        default: "invalid_request_error"
        }
    }

    /// OpenAI's `error.code`: what programs compare with.
    package var code: String? {
        switch self {
        case .contextLength: "context_length_exceeded"
        case .invalidPrefix: "invalid_prefix"
        case .template, .noChatTemplate, .templatesDiffer: "template_error"
        case .keyMissing, .keyUnknown: "invalid_api_key"
        case .forbidden, .foreignHost: "insufficient_permissions"
        case .modelNotFound: "model_not_found"
        case .routeNotFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .nameTaken, .inUse: "conflict"
        case .bodyTooLarge: "request_too_large"
        case .mediaType: "unsupported_media_type"
        case .bodyTooSlow: "request_timeout"
        case .rateLimited: "rate_limit_exceeded"
        case .overloaded, .uploadsFull: "overloaded"
        case .draining, .stopped: "draining"
        case .outOfMemory: "out_of_memory"
        case .clientGone: "client_closed_request"
        case .notFinite, .internalError: "internal_error"
        case .storage: "storage_error"
        case .diskFull, .pinsFull: "insufficient_storage"
        case .notJSON: "invalid_json"
        case .unsupported: "unsupported_parameter"
        case .notAnObject, .missing, .wrongType, .outOfRange, .contradiction: "invalid_value"
        }
    }

    /// OpenAI's `error.param`: the field that is at fault.
    package var param: String? {
        switch self {
        case .missing(let field), .wrongType(let field, _, _), .outOfRange(let field, _, _),
            .unsupported(let field, _, _), .contradiction(let field, _, _), .contextLength(let field, _, _, _, _):
            field
        case .modelNotFound, .invalidPrefix, .noChatTemplate, .templatesDiffer: "model"
        case .template: "messages"
        default: nil
        }
    }

    /// Seconds after which the client may try again.
    package var retryAfter: Int? {
        switch self {
        case .rateLimited(_, let seconds), .overloaded(_, let seconds): seconds
        case .draining, .uploadsFull: 5
        default: nil
        }
    }
}
