import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads bodies, of bounded size and in bounded time.
struct RequestBodyReader: Sendable {
    /// Bytes of a body.
    var limit = 4 << 20
    /// Seconds for a body, and bytes that a second more is given for.
    var seconds = 30.0
    var bytesPerSecond = 65536.0

    /// A body that must be JSON.
    ///
    /// - Throws: ``ServingError``: too large, too slow, or of another type.
    func json(_ request: Request, _ context: ServingContext) async throws -> Data {
        let type = request.headers[.contentType] ?? ""
        let bare = type.split(separator: ";").first.map { $0.trimmingCharacters(in: .whitespaces).lowercased() } ?? ""
        guard bare.isEmpty || bare == "application/json" || bare.hasSuffix("+json") else {
            throw ServingError.mediaType(found: bare, expected: "application/json")
        }
        return try await data(request, context)
    }

    /// Any body.
    func data(_ request: Request, _ context: ServingContext) async throws -> Data {
        try await receive(request, context) { body, limit in
            var data = Data()
            for try await part in body {
                data.append(contentsOf: part.readableBytesView)
                if data.count > limit { throw ServingError.bodyTooLarge(limit: limit) }
            }
            return data
        }
    }

    /// Any body, as it comes.
    ///
    /// - Parameter take: Reads it to its end, and throws where it has more bytes than the limit.
    /// - Throws: ``ServingError``; the connection is then closed soon, as nobody reads the rest.
    func receive<Result: Sendable>(
        _ request: Request, _ context: ServingContext,
        _ take: @escaping @Sendable (_ body: RequestBody, _ limit: Int) async throws -> Result
    ) async throws -> Result {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw ServingError.mediaType(
                found: "encoded as \(encoding.prefix(32))", expected: "sent without an encoding")
        }
        // As a number with a point: it may be beyond all integers.
        let stated = request.headers[.contentLength].flatMap { Double($0) }
        if let stated, stated > Double(limit) {
            closeSoon(context)
            throw ServingError.bodyTooLarge(limit: limit)
        }
        let length = stated ?? Double(limit)
        let deadline = seconds + length / bytesPerSecond, limit = limit, body = request.body
        do {
            return try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await take(body, limit) }
                group.addTask {
                    try await Task.sleep(for: .seconds(deadline))
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let result = first else {
                    throw ServingError.bodyTooSlow(seconds: Int(deadline))
                }
                return result
            }
        } catch let error as ServingError {
            closeSoon(context)
            throw error
        } catch {
            throw ServingError.clientGone
        }
    }

    /// Ends the connection once the refusal has been sent: what is still to come is not read.
    func closeSoon(_ context: ServingContext) {
        let channel = context.channel
        context.facts.header("connection", "close")
        channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
    }
}
