import Synchronization

/// A request that counts against its key until it is over, or until nobody is left who could end it.
package final class KeyLease: Sendable {
    private let keys: KeyRing
    private let identity: Identity
    private let isOver = Mutex(false)
    /// What is left of the key's limits.
    package let headers: KeyRing.RateHeaders

    /// Counts a request that begins.
    ///
    /// - Throws: ``ServingError/rateLimited(limit:retryAfter:)``.
    package init(_ keys: KeyRing, _ identity: Identity, at now: Double) throws(ServingError) {
        headers = try keys.begin(identity, at: now)
        self.keys = keys
        self.identity = identity
    }

    /// Counts its end, once.
    package func end(tokens: Int) {
        let isFirst = isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
        if isFirst { keys.end(identity, tokens: tokens) }
    }

    deinit { end(tokens: 0) }
}
