import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Requests to a hub: adds the token where it may be seen, follows redirects, tries again, turns replies into errors.
struct HubClient: Sendable {
    let environment: HubEnvironment
    var retry = RetryPolicy()
    private let transport = HTTPTransport()

    init(environment: HubEnvironment, retry: RetryPolicy = RetryPolicy()) {
        self.environment = environment
        self.retry = retry
    }

    /// What a request is about, for the sentence where it fails.
    struct Subject: Sendable {
        var repository: String
        var revision = HubReference.defaultRevision
        var file: String?
    }

    /// A request before it is known where it goes in the end.
    struct Request: Sendable {
        var method = "GET"
        var url: URL
        var headers: [String: String] = [:]
        var body: Data?
        var timeout: Double
        /// Whether a redirect to a host other than the hub is the answer instead of the way to it.
        var staysOnHub = false
    }

    /// A whole reply.
    struct Reply: Sendable {
        let response: HTTPURLResponse
        let body: Data

        func header(_ name: String) -> String? {
            response.value(forHTTPHeaderField: name).flatMap { $0.isEmpty ? nil : $0 }
        }

        /// The reply's JSON.
        ///
        /// - Throws: ``HubError/malformedReply(url:problem:)``.
        func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            do {
                return try JSONDecoder().decode(type, from: body)
            } catch {
                throw HubError.malformedReply(
                    url: response.url?.absoluteString ?? "", problem: "its reply is not the JSON that was expected")
            }
        }
    }

    /// A request for a path below the endpoint.
    func request(_ method: String = "GET", _ path: String, timeout: Double? = nil) throws -> Request {
        let text = environment.endpoint.absoluteString + path
        guard let url = URL(string: text) else { throw HubError.malformedReply(url: text, problem: "it is no address") }
        return Request(method: method, url: url, timeout: timeout ?? environment.metadataTimeout)
    }

    /// The largest reply that is kept in memory; listings of the largest repositories have some megabytes.
    private static let largestReply = 64 << 20

    /// Sends a request until it succeeds or is refused.
    ///
    /// - Parameter policy: How often to try; the client's unless given.
    /// - Throws: ``HubError``.
    func send(_ request: Request, about subject: Subject, policy: RetryPolicy? = nil) async throws -> Reply {
        let policy = policy ?? retry
        var tries = 0
        while true {
            tries += 1
            var asked: Int?
            do {
                let reply = try await follow(request)
                let status = reply.response.statusCode
                guard RetryPolicy.isTemporary(status), tries <= policy.retries else {
                    try check(reply, subject)
                    return reply
                }
                asked = RetryPolicy.secondsAsked(reply.response)
            } catch let error where RetryPolicy.isTemporary(error) {
                let limit = RetryPolicy.isNobodyThere(error) ? min(1, policy.retries) : policy.retries
                guard tries <= limit else { throw Self.unreachable(request.url, error) }
            } catch let error as URLError where error.code == .cancelled {
                throw CancellationError()
            } catch let error as URLError {
                throw Self.unreachable(request.url, error)
            }
            try await policy.pause(before: tries, asked: asked)
        }
    }

    /// One try, through all redirects.
    private func follow(_ request: Request) async throws -> Reply {
        let body = Mutex(Data())
        let response = try await stream(request) { _ in
            body.withLock { $0.removeAll() }
        } receive: { data in
            try body.withLock {
                guard $0.count + data.count <= Self.largestReply else { throw URLError(.dataLengthExceedsMaximum) }
                $0.append(data)
            }
        }
        return Reply(response: response, body: body.withLock { $0 })
    }

    /// One try, through all redirects, handing the final body on as it arrives.
    ///
    /// - Parameters:
    ///   - accept: Sees the head of the final reply.
    ///   - receive: Gets the bytes of the final reply, in order.
    /// - Throws: What the closures throw, ``HubError``, or `URLError` for a broken connection.
    func stream(
        _ request: Request, accept: @escaping @Sendable (HTTPURLResponse) throws -> Void,
        receive: @escaping @Sendable (Data) throws -> Void
    ) async throws -> HTTPURLResponse {
        var request = request
        for _ in 0..<20 {
            var plain = URLRequest(
                url: request.url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: request.timeout)
            plain.httpMethod = request.method
            for (name, value) in request.headers { plain.setValue(value, forHTTPHeaderField: name) }
            plain.setValue("prefixtune; swift", forHTTPHeaderField: "User-Agent")
            // Sizes and ranges are those of the file, not of a compressed form of it.
            plain.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
            if let token = environment.tokenToSend, isHub(request.url) {
                plain.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
            }
            let head = Mutex<HTTPURLResponse?>(nil)
            let current = request
            try await transport.exchange(
                plain, upload: request.body,
                .init(
                    head: { response in
                        head.withLock { $0 = response }
                        if try target(of: response, to: current) == nil { try accept(response) }
                    },
                    body: { data in
                        let isRedirect = try head.withLock { try $0.map { try target(of: $0, to: current) } } ?? nil
                        if isRedirect == nil { try receive(data) }
                    }))
            guard let response = head.withLock({ $0 }) else { throw URLError(.badServerResponse) }
            guard let next = try target(of: response, to: request) else { return response }
            request.url = next
        }
        throw HubError.malformedReply(url: request.url.absoluteString, problem: "it redirects without end")
    }

    /// Where a reply sends the request on to; nil where it is the answer.
    private func target(of response: HTTPURLResponse, to request: Request) throws -> URL? {
        let status = response.statusCode
        let isRead = request.method == "GET" || request.method == "HEAD"
        guard isRead ? [301, 302, 303, 307, 308].contains(status) : [307, 308].contains(status),
            let text = response.value(forHTTPHeaderField: "Location")
        else { return nil }
        let url = try Self.destination(text, from: request.url, saying: "it redirects to")
        return request.staysOnHub && !isHub(url) ? nil : url
    }

    /// An address that a server names, absolute or relative to where it was named.
    ///
    /// From an encrypted connection nothing leads to one in clear: whoever sits in between could read what is sent and
    /// change what is received.
    ///
    /// - Throws: ``HubError/malformedReply(url:problem:)``.
    static func destination(_ text: String, from origin: URL, saying verb: String) throws -> URL {
        guard let url = URL(string: text, relativeTo: origin)?.absoluteURL, let scheme = url.scheme?.lowercased(),
            scheme == "http" || scheme == "https", !(url.host ?? "").isEmpty
        else {
            throw HubError.malformedReply(url: origin.absoluteString, problem: "\(verb) \"\(text)\"")
        }
        guard scheme == "https" || origin.scheme?.lowercased() != "https" else {
            throw HubError.malformedReply(
                url: origin.absoluteString, problem: "\(verb) \"\(text)\", which is not encrypted")
        }
        return url
    }

    /// Whether the token may be sent there: scheme, host and port are the endpoint's. Stricter than the Python client,
    /// which also trusts huggingface.co when the endpoint is another.
    func isHub(_ url: URL) -> Bool {
        func origin(_ url: URL) -> [String] {
            let scheme = url.scheme?.lowercased() ?? ""
            return [scheme, url.host?.lowercased() ?? "", String(url.port ?? (scheme == "https" ? 443 : 80))]
        }
        return origin(url) == origin(environment.endpoint)
    }

    static func unreachable(_ url: URL, _ error: any Error) -> HubError {
        .unreachable(host: host(url), reason: reason(error))
    }

    /// Host and port of an address.
    static func host(_ url: URL) -> String { url.host.map { $0 + (url.port.map { ":\($0)" } ?? "") } ?? "" }

    /// Why there is no reply.
    static func reason(_ error: any Error) -> String {
        switch (error as? URLError)?.code {
        case .timedOut: "it does not answer in time"
        case .cannotFindHost, .dnsLookupFailed: "there is no such host"
        case .cannotConnectToHost: "the connection was refused"
        case .networkConnectionLost: "the connection broke"
        case .dataLengthExceedsMaximum: "its reply is too long"
        case .secureConnectionFailed, .serverCertificateUntrusted: "its certificate is not trusted"
        default: error.localizedDescription
        }
    }
}
