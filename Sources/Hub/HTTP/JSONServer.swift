import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A server that is asked in JSON, such as llama-server on this machine: no token is sent, no redirect followed, nothing tried again.
public struct JSONServer: Sendable {
    private let base: URL
    private let timeout: Double
    private let transport = HTTPTransport()

    /// A server.
    ///
    /// - Parameters:
    ///   - address: `http://127.0.0.1:8080`, with or without a path that goes before all others.
    ///   - timeout: Seconds without a byte after which an exchange ends.
    /// - Returns: Nil where that is no address of the web.
    public init?(_ address: String, timeout: Double = 120) {
        guard let url = URL(string: address), ["http", "https"].contains(url.scheme?.lowercased() ?? ""),
            !(url.host ?? "").isEmpty, url.query == nil, url.fragment == nil
        else { return nil }
        base = url
        self.timeout = timeout
    }

    /// Sends a request and waits for the whole reply, whatever its status.
    ///
    /// - Parameters:
    ///   - path: With a slash in front, and the query.
    ///   - body: JSON.
    /// - Throws: ``HubError/noServer(address:reason:)``, ``HubError/longReply(address:limit:)``, `CancellationError`.
    public func send(_ method: String, _ path: String, _ body: Data?) async throws -> (status: Int, body: Data) {
        do {
            return try await exchange(method, path, body)
        } catch let error as URLError {
            switch error.code {
            case .cancelled: throw CancellationError()
            case .dataLengthExceedsMaximum: throw HubError.longReply(address: HubClient.host(base), limit: Self.limit)
            default: throw HubError.noServer(address: HubClient.host(base), reason: HubClient.reason(error))
            }
        }
    }

    /// Whether the server listens and has loaded what it serves: no where it refuses the connection, or answers with status 503.
    ///
    /// - Parameter path: What it is asked for, with a slash in front.
    /// - Returns: Yes also where it fails in another way: whoever asks next is told.
    /// - Throws: `CancellationError`.
    public func isReady(_ path: String) async throws -> Bool {
        do {
            return try await exchange("GET", path, nil).status != 503
        } catch let error as URLError where error.code == .cannotConnectToHost {
            return false
        } catch let error as URLError {
            if error.code == .cancelled { throw CancellationError() }
            return true
        }
    }

    /// Bytes of a reply, at the most.
    private static let limit = 16 << 20

    private func exchange(_ method: String, _ path: String, _ body: Data?) async throws -> (status: Int, body: Data) {
        var address = base.absoluteString
        while address.hasSuffix("/") { address.removeLast() }
        guard let url = URL(string: address + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: timeout)
        request.httpMethod = method
        if body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        let status = Mutex(0), reply = Mutex(Data())
        try await transport.exchange(
            request, upload: body,
            .init(
                head: { head in status.withLock { $0 = head.statusCode } },
                body: { data in
                    try reply.withLock {
                        guard $0.count + data.count <= Self.limit else { throw URLError(.dataLengthExceedsMaximum) }
                        $0.append(data)
                    }
                }))
        return (status.withLock { $0 }, reply.withLock { $0 })
    }
}
