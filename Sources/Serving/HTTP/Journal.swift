import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The outermost of what requests go through: gives them an id, turns errors into answers, counts and logs them.
struct Journal: RouterMiddleware {
    typealias Context = ServingContext

    let metrics: ServingMetrics
    let logger: Logger
    let routes: RouteTable
    /// A site whose pages may read what is answered, errors included; nil for none.
    let origin: String?

    func handle(
        _ request: Request, context: ServingContext, next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let start = ProcessInfo.processInfo.systemUptime
        context.requestID = Self.id(request.headers[.requestID])
        var response: Response, refused: ServingError?
        do {
            response = try await next(request, context)
        } catch {
            let told = told(error, request, context)
            response = Self.response(to: told)
            refused = told
            metrics.refused(told)
        }
        response.headers[.requestID] = context.requestID
        response.headers[.contentTypeOptions] = "nosniff"
        if let origin {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.accessControlExposeHeaders] = "x-request-id, x-ignored-fields, retry-after"
        }
        for (name, value) in context.facts.notedHeaders {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        metrics.responded(response.status.code)
        log(request, context, response.status.code, refused, since: start)
        return response
    }

    /// The client's id where it is harmless, else one of our own.
    private static func id(_ given: String?) -> String {
        if let given, (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: "\"") })
        {
            return given
        }
        return "req_" + Self.hex(16)
    }

    /// Random hexadecimal digits.
    static func hex(_ count: Int) -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<count).map { _ in digits[Int.random(in: 0..<16)] })
    }

    private func told(_ error: any Error, _ request: Request, _ context: ServingContext) -> ServingError {
        if let error = error as? ServingError { return error }
        if error is CancellationError { return .clientGone }
        let path = request.uri.path
        if let error = error as? HTTPError, error.status == .notFound {
            let allowed = routes.methods(at: path)
            return allowed.isEmpty
                ? .routeNotFound(method: request.method.rawValue, path: String(path.prefix(128)))
                : .methodNotAllowed(method: request.method.rawValue, path: String(path.prefix(128)), allowed: allowed)
        }
        logger.error("mistake", metadata: ["id": "\(context.requestID)", "error": "\(type(of: error))"])
        return .internalError(request: context.requestID)
    }

    static func response(to error: ServingError) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        if let seconds = error.retryAfter { headers[.retryAfter] = "\(seconds)" }
        if case .methodNotAllowed(_, _, let allowed) = error { headers[.allow] = allowed.joined(separator: ", ") }
        if error.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        return Response(
            status: .init(code: error.status), headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: EventText.encoded(ErrorBody(error)))))
    }

    private func log(
        _ request: Request, _ context: ServingContext, _ status: Int, _ error: ServingError?, since start: Double
    ) {
        let level: Logger.Level = status >= 500 ? .warning : .info
        guard logger.logLevel <= level else { return }
        let seconds = ProcessInfo.processInfo.systemUptime - start
        var metadata: Logger.Metadata = [
            "id": "\(context.requestID)", "method": "\(request.method.rawValue)",
            "path": "\(request.uri.path.prefix(128))", "status": .stringConvertible(status),
            "ms": .stringConvertible(Int((seconds * 1000).rounded())),
        ]
        metadata.merge(context.facts.noted) { $1 }
        // The code, not the sentence: that may quote what was sent.
        if let error { metadata["code"] = "\(error.code ?? error.type)" }
        logger.log(level: level, "request", metadata: metadata)
    }

    /// A stream has ended, at its end or before.
    func streamed(_ context: ServingContext, _ spent: (prompt: Int, completion: Int)) {
        logger.info(
            "stream",
            metadata: [
                "id": "\(context.requestID)", "prompt_tokens": .stringConvertible(spent.prompt),
                "completion_tokens": .stringConvertible(spent.completion),
            ])
    }
}
