import HTTPTypes
import Hummingbird

/// Lets in who may come: the host must be this server's, the key known.
struct Admission: RouterMiddleware {
    typealias Context = ServingContext

    let keys: KeyRing
    let routes: RouteTable
    /// Names of this server beside those of the loopback; nil for any.
    let hosts: Set<String>?
    let origin: String?

    func handle(
        _ request: Request, context: ServingContext, next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        try checkHost(request)
        try checkOrigin(request)
        if request.method == .options, origin != nil { return preflight }
        if !routes.isOpen(request.uri.path, request.method) {
            context.identity = try keys.identity(authorization: request.headers[.authorization])
            context.facts.note("key", context.identity.name)
        }
        return try await next(request, context)
    }

    /// A page of another site that a browser was tricked into sending here (DNS rebinding) has that site's name.
    private func checkHost(_ request: Request) throws(ServingError) {
        guard let authority = request.head.authority else { return }
        try check(authority)
    }

    /// A page of another site may send forms and uploads here unasked, and needs no key where there are none.
    private func checkOrigin(_ request: Request) throws(ServingError) {
        guard let given = request.headers[.origin], given != origin else { return }
        // Behind the scheme; a page without an origin says "null", which is no host of ours either.
        try check(given.split(separator: "/").last.map(String.init) ?? given)
    }

    private func check(_ authority: String) throws(ServingError) {
        guard let hosts else { return }
        var host = authority.lowercased()
        if let end = host.lastIndex(of: ":"), !host.hasSuffix("]") { host = String(host[..<end]) }
        let loopback: Set = ["localhost", "127.0.0.1", "[::1]", "::1"]
        guard loopback.contains(host) || hosts.contains(host) else { throw .foreignHost(String(host.prefix(64))) }
    }

    /// Which of its pages' requests are taken; that they may come from there, the journal says of all answers.
    private var preflight: Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: "GET, POST, DELETE",
                .accessControlAllowHeaders: "authorization, content-type", .accessControlMaxAge: "600",
            ])
    }
}
