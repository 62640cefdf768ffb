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
            !(url.host ?? "").isEmpty, url.query == nil
        else { return nil }
        base = url
        self.timeout = timeout
    }

    /// Sends a request and waits for the whole reply, whatever its status.
    ///
    /// - Parameters:
    ///   - path: With a slash in front, and the query.
    ///   - body: JSON.
    /// - Throws: ``HubError/noServer(address:reason:)``, `CancellationError`.
    public func send(_ method: String, _ path: String, _ body: Data?) async throws -> (status: Int, body: Data) {
        var address = base.absoluteString
        while address.hasSuffix("/") { address.removeLast() }
        guard let url = URL(string: address + path) else {
            throw HubError.malformedReply(url: address + path, problem: "it is no address")
        }
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: timeout)
        request.httpMethod = method
        if body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        let status = Mutex(0), reply = Mutex(Data())
        do {
            try await transport.exchange(
                request, upload: body,
                .init(
                    head: { head in status.withLock { $0 = head.statusCode } },
                    body: { data in
                        try reply.withLock {
                            guard $0.count + data.count <= 16 << 20 else {
                                throw URLError(.dataLengthExceedsMaximum)
                            }
                            $0.append(data)
                        }
                    }))
        } catch let error as URLError {
            if error.code == .cancelled { throw CancellationError() }
            throw HubError.noServer(address: HubClient.host(url), reason: HubClient.reason(error))
        }
        return (status.withLock { $0 }, reply.withLock { $0 })
    }
}
