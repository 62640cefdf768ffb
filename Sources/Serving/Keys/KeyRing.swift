import Foundation
import Synchronization

/// The keys in force, and what each has used up.
package final class KeyRing: Sendable {
    fileprivate struct Use {
        /// Tokens of the last minute's budget that are left, and when that was known.
        var requests: Double?
        var tokens: Double?
        var time = 0.0
        var streams = 0
    }

    private struct State {
        var file: KeyFile?
        var uses: [String: Use] = [:]
    }

    private let url: URL?
    private let state: Mutex<State>

    /// The keys of a file.
    ///
    /// - Parameter file: Nil for a server that asks for no key.
    /// - Throws: ``KeyFile/Mistake``.
    package init(_ file: URL?) throws(KeyFile.Mistake) {
        url = file
        var keys: KeyFile?
        if let file { keys = try KeyFile(file) }
        state = Mutex(State(file: keys))
    }

    /// Whether requests need a key.
    package var isNeeded: Bool { url != nil }

    /// Reads the file again; where it is wrong, the keys stay as they are.
    ///
    /// - Returns: How many keys there are now.
    /// - Throws: ``KeyFile/Mistake``.
    @discardableResult
    package func reload() throws(KeyFile.Mistake) -> Int {
        guard let url else { return 0 }
        let file = try KeyFile(url)
        state.withLock { $0.file = file }
        return file.lines.count
    }

    /// Who sends a header `Authorization`.
    ///
    /// - Throws: ``ServingError/keyMissing`` or ``ServingError/keyUnknown``.
    package func identity(authorization: String?) throws(ServingError) -> Identity {
        guard let file = state.withLock({ $0.file }) else { return .local }
        guard let authorization else { throw .keyMissing }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .keyMissing }
        guard let identity = file.identity(of: parts[1].trimmingCharacters(in: .whitespaces)) else {
            throw .keyUnknown
        }
        return identity
    }

    /// Counts a request that begins.
    ///
    /// - Parameter now: Seconds of any clock.
    /// - Returns: What is left of its limits.
    /// - Throws: ``ServingError/rateLimited(limit:retryAfter:)``; nothing is counted then.
    package func begin(_ identity: Identity, at now: Double) throws(ServingError) -> RateHeaders {
        let limits = identity.limits
        return try state.withLock { state throws(ServingError) in
            var use = state.uses[identity.name] ?? Use(time: now)
            use.refill(limits, now)
            if let streams = limits.streams, use.streams >= streams {
                throw .rateLimited(limit: "\(streams) requests at the same time", retryAfter: 1)
            }
            if let requests = limits.requests, let left = use.requests, left < 1 {
                throw .rateLimited(
                    limit: "\(requests) requests in a minute", retryAfter: Self.wait(1 - left, requests))
            }
            if let tokens = limits.tokens, let left = use.tokens, left <= 0 {
                throw .rateLimited(limit: "\(tokens) tokens in a minute", retryAfter: Self.wait(1 - left, tokens))
            }
            use.streams += 1
            use.requests = use.requests.map { $0 - 1 }
            state.uses[identity.name] = use
            return RateHeaders(
                requests: limits.requests.map { ($0, Int(use.requests ?? 0)) },
                tokens: limits.tokens.map { ($0, max(0, Int(use.tokens ?? 0))) })
        }
    }

    private static func wait(_ missing: Double, _ perMinute: Int) -> Int {
        Int(min(60, max(1, (missing * 60 / Double(perMinute)).rounded(.up))))
    }

    /// Counts a request that is over.
    package func end(_ identity: Identity, tokens: Int) {
        state.withLock { state in
            guard var use = state.uses[identity.name] else { return }
            use.streams -= 1
            use.tokens = use.tokens.map { $0 - Double(tokens) }
            state.uses[identity.name] = use
        }
    }

    /// Requests of a key that are being answered, for tests.
    package func streams(of name: String) -> Int { state.withLock { $0.uses[name]?.streams ?? 0 } }

    /// What is left of limits: OpenAI's headers `x-ratelimit-…`.
    package struct RateHeaders: Sendable {
        /// How many a minute, and how many are left.
        package let requests: (limit: Int, left: Int)?
        /// How many a minute, and how many are left.
        package let tokens: (limit: Int, left: Int)?
    }
}

extension KeyRing.Use {
    /// What comes back with time: a bucket that holds a minute's worth.
    fileprivate mutating func refill(_ limits: Identity.Limits, _ now: Double) {
        let seconds = max(0, now - time)
        func refilled(_ left: Double?, _ limit: Int?) -> Double? {
            limit.map { min(Double($0), (left ?? Double($0)) + seconds * Double($0) / 60) }
        }
        requests = refilled(requests, limits.requests)
        tokens = refilled(tokens, limits.tokens)
        time = now
    }
}
