import Synchronization

/// Whether the server is about to end.
package final class DrainState: Sendable {
    private let state = Mutex((isAnnounced: false, isClosed: false))

    /// `/ready` says no, and requests are still taken.
    package func announce() { state.withLock { $0.isAnnounced = true } }

    /// Whether `/ready` says no.
    package var isAnnounced: Bool { state.withLock { $0.isAnnounced } }
}
