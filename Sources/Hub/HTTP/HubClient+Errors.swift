import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension HubClient {
    /// Throws unless a reply is a success, or a redirect that is the answer.
    func check(_ reply: Reply, _ subject: Subject) throws {
        let status = reply.response.statusCode
        guard status >= 400 || status < 200 || (status >= 300 && reply.header("Location") == nil) else { return }
        throw error(reply.response, reply.body, subject)
    }

    /// The error of a reply: the hub says in `X-Error-Code` what was not found; 401 stands for private repositories and
    /// for missing ones.
    func error(_ response: HTTPURLResponse, _ body: Data, _ subject: Subject) -> HubError {
        let status = response.statusCode, hasToken = environment.tokenToSend != nil
        let message = Self.message(response, body)
        switch (status, response.value(forHTTPHeaderField: "X-Error-Code")) {
        case (_, "GatedRepo"):
            return .gated(repository: subject.repository, hasToken: hasToken)
        case (_, "RevisionNotFound"):
            return .revisionNotFound(repository: subject.repository, revision: subject.revision)
        case (404, "EntryNotFound"):
            return .fileNotFound(
                repository: subject.repository, revision: subject.revision, file: subject.file ?? "it was asked for")
        case (_, "RepoNotFound"):
            return .repositoryNotFound(repository: subject.repository, hasToken: hasToken)
        case (401, _):
            return .unauthorized(repository: subject.repository, hasToken: hasToken)
        case (403, _):
            return .forbidden(repository: subject.repository, message: message)
        case (404, _):
            guard let file = subject.file else {
                return .repositoryNotFound(repository: subject.repository, hasToken: hasToken)
            }
            return .fileNotFound(repository: subject.repository, revision: subject.revision, file: file)
        case (429, _):
            return .tooManyRequests(seconds: RetryPolicy.secondsAsked(response) ?? 60)
        default:
            return .refused(url: response.url?.absoluteString ?? "", status: status, message: message)
        }
    }

    /// What the server says: a header, or `{"error": …}`; at most a line.
    private static func message(_ response: HTTPURLResponse, _ body: Data) -> String {
        struct Failure: Decodable { var error: String? }
        let text =
            response.value(forHTTPHeaderField: "X-Error-Message")
            ?? (try? JSONDecoder().decode(Failure.self, from: body))?.error ?? ""
        return String(
            text.split(whereSeparator: \.isNewline).joined(separator: " ").unicodeScalars.filter { $0.value >= 32 }
                .map(Character.init).prefix(200))
    }
}

extension HubError {
    /// Whether a cached copy may stand in: the hub cannot be reached, is out of order, or does not let us in; what
    /// exists no longer is an error. As the Python client.
    var allowsCachedCopy: Bool {
        switch self {
        case .unreachable, .refused, .tooManyRequests, .unauthorized, .forbidden, .gated, .repositoryNotFound, .offline,
            .malformedReply:
            true
        default: false
        }
    }
}
