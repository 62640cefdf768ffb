import Foundation
import Synchronization

/// A hub on loopback with the repository of `Goldens/hub`, and a second server that it redirects to for large files.
package final class FakeHub: Sendable {
    /// What the goldens hold: the repository's files, and the cache that the Python client makes of them.
    package struct Golden: Decodable, Sendable {
        /// A file of the repository.
        package struct File: Decodable, Sendable {
            package let hex: String
            package let large: Bool
            package let etag: String
            package var contents: Data {
                let digits = Array(hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
                return Data(stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
            }
        }
        /// An entry of the cache.
        package struct Entry: Decodable, Sendable {
            package let folder: Bool?
            package let link: String?
            package let text: String?
            package let sha256: String?
            package let mode: String?
        }
        package let repository: String
        package let commit: String
        package let wanted: [String]
        package let files: [String: File]
        package let cache: [String: Entry]
    }

    /// Decides on a reply: the request, what a good hub would answer, and how often the route was taken before.
    package typealias Route = @Sendable (LoopbackServer.Request, LoopbackServer.Reply, Int) -> LoopbackServer.Reply

    private final class Routes: Sendable {
        struct Item {
            let method: String
            let ending: String
            let route: Route
            var count = 0
        }
        let items = Mutex<[Item]>([])

        func reply(_ request: LoopbackServer.Request, _ usual: LoopbackServer.Reply) -> LoopbackServer.Reply {
            let found = items.withLock { items -> (Route, Int)? in
                let index = items.lastIndex { $0.method == request.method && request.path.hasSuffix($0.ending) }
                guard let index else { return nil }
                defer { items[index].count += 1 }
                return (items[index].route, items[index].count)
            }
            return found.map { $0.0(request, usual, $0.1) } ?? usual
        }
    }

    package let golden: Golden
    package let server: LoopbackServer
    /// The other host.
    package let storage: LoopbackServer
    private let routes = Routes()

    /// Starts both servers.
    ///
    /// - Parameter storageHost: The name that redirects call the other host.
    package init(storageHost: String = "127.0.0.1") throws {
        let golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent("hub/cache.json")))
        let object = try JSONSerialization.jsonObject(
            with: Data(contentsOf: Fixtures.goldens.appendingPathComponent("hub/cache.json")))
        let tree = (object as? [String: Any])?["tree"] as? [Any] ?? []
        let listing = try JSONSerialization.data(withJSONObject: tree)
        let routes = routes
        let storage = try LoopbackServer { request in
            let file = golden.files.values.first { request.path == "/cdn/\($0.etag)" }
            return routes.reply(request, file.map { Self.ranged($0.contents, request) } ?? .init(404))
        }
        let other = storage.address(host: storageHost)
        self.golden = golden
        self.storage = storage
        server = try LoopbackServer { request in
            routes.reply(request, Self.answer(request, golden, listing, other: other))
        }
    }

    deinit {
        server.stop()
        storage.stop()
    }

    /// Answers requests differently; later routes come first.
    package func on(_ method: String, _ ending: String, _ route: @escaping Route) {
        routes.items.withLock { $0.append(.init(method: method, ending: ending, route: route)) }
    }

    /// The address of a file of the commit.
    package func path(of file: String) -> String { "/\(golden.repository)/resolve/\(golden.commit)/\(file)" }

    private static func answer(
        _ request: LoopbackServer.Request, _ golden: Golden, _ listing: Data, other: String
    ) -> LoopbackServer.Reply {
        let api = "/api/models/\(golden.repository)", resolve = "/\(golden.repository)/resolve/\(golden.commit)/"
        switch request.path {
        case "\(api)/revision/main":
            return .init(200, ["Content-Type": "application/json"], Data("{\"sha\": \"\(golden.commit)\"}".utf8))
        case "\(api)/tree/\(golden.commit)":
            return .init(200, ["Content-Type": "application/json"], listing)
        case let path where path.hasPrefix(resolve):
            guard let file = golden.files[String(path.dropFirst(resolve.count))] else {
                return .init(404, ["X-Error-Code": "EntryNotFound", "X-Repo-Commit": golden.commit])
            }
            guard file.large else {
                var reply = ranged(file.contents, request)
                reply.headers.merge(["X-Repo-Commit": golden.commit, "ETag": "\"\(file.etag)\""]) { $1 }
                return reply
            }
            return .init(
                302,
                [
                    "X-Repo-Commit": golden.commit, "X-Linked-Etag": "\"\(file.etag)\"",
                    "X-Linked-Size": "\(file.contents.count)", "ETag": "\"of-the-redirect\"",
                    "Location": "\(other)/cdn/\(file.etag)?signature=1",
                ], Data("Found".utf8))
        case let path where path.hasPrefix(api):
            return .init(404, ["X-Error-Code": "RevisionNotFound"])
        default:
            return .init(404, ["X-Error-Code": "RepoNotFound"])
        }
    }

    /// The whole, or the part that is asked for.
    private static func ranged(_ contents: Data, _ request: LoopbackServer.Request) -> LoopbackServer.Reply {
        guard let range = request.headers["range"], let start = Int(range.dropFirst(6).dropLast()) else {
            return .init(200, [:], contents)
        }
        guard start < contents.count else { return .init(416, ["Content-Range": "bytes */\(contents.count)"]) }
        return .init(
            206, ["Content-Range": "bytes \(start)-\(contents.count - 1)/\(contents.count)"],
            Data(contents.dropFirst(start)))
    }
}
