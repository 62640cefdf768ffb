import HTTPTypes
import Hummingbird

/// What can be asked: for the sentence about a wrong method, and for `/openapi.json`.
struct RouteTable: Sendable {
    /// A route.
    struct Entry: Sendable {
        let method: HTTPRequest.Method
        /// As hummingbird writes it: `/v1/models/**`.
        let path: String
        /// What it does, in a line.
        let summary: String
        /// Whether a key is needed where the server has keys.
        let needsKey: Bool
        /// The name of the body's schema; nil for none.
        let body: String?
    }

    private(set) var entries: [Entry] = []

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// The methods that a path can be asked with.
    func methods(at path: String) -> [String] {
        let parts = path.split(separator: "/")
        return entries.filter { Self.fits(parts, $0.path.split(separator: "/")) }.map(\.method.rawValue)
            .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Whether a path can be asked without a key.
    func isOpen(_ path: String, _ method: HTTPRequest.Method) -> Bool {
        let parts = path.split(separator: "/")
        return entries.contains {
            !$0.needsKey && $0.method == method && Self.fits(parts, $0.path.split(separator: "/"))
        }
    }

    private static func fits(_ path: [Substring], _ pattern: [Substring]) -> Bool {
        if pattern.last == "**" {
            return path.count >= pattern.count && zip(path, pattern.dropLast()).allSatisfy { $0 == $1 }
        }
        return path.count == pattern.count && zip(path, pattern).allSatisfy { $0 == $1 || $1.hasPrefix("{") }
    }
}
