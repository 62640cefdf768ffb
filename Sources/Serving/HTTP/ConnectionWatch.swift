import NIOCore
import Synchronization

/// Notices that a client has gone, in every phase of its request.
///
/// The server lets clients close their half of the connection, so that a client that goes is seen as the end of what comes in
/// and not as the end of the connection. One that closes its half and still waits for the answer counts as gone, too.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    /// Whether the client has gone, for whoever asks from other threads.
    final class Flag: Sendable {
        private struct State {
            var isGone = false
            var nextID = 0
            var waiting: [Int: @Sendable () -> Void] = [:]
        }

        private let state = Mutex(State())

        /// Whether the client has gone.
        var isGone: Bool { state.withLock { $0.isGone } }

        /// Calls `body` once when the client goes; at once where it has.
        ///
        /// - Returns: What ``forget(_:)`` takes.
        func whenGone(_ body: @escaping @Sendable () -> Void) -> Int {
            let (id, isGone) = state.withLock { state in
                state.nextID += 1
                if !state.isGone { state.waiting[state.nextID] = body }
                return (state.nextID, state.isGone)
            }
            if isGone { body() }
            return id
        }

        /// Calls it no more.
        func forget(_ id: Int) { state.withLock { _ = $0.waiting.removeValue(forKey: id) } }

        fileprivate func go() {
            let waiting = state.withLock { state in
                state.isGone = true
                defer { state.waiting = [:] }
                return Array(state.waiting.values)
            }
            for body in waiting { body() }
        }
    }

    /// Whether the client has gone.
    let flag = Flag()

    func channelInactive(context: ChannelHandlerContext) {
        flag.go()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { flag.go() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { flag.go() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        flag.go()
        context.fireErrorCaught(error)
    }

    /// The flag of a connection.
    ///
    /// Of one that has gone with its handlers, as after a reset before anybody asked, it is set already: so it is of a connection
    /// that is none of this server's.
    static func flag(of channel: any Channel) async -> Flag {
        let known = try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionWatch.self).flag
        }.get()
        if let known { return known }
        let flag = Flag()
        flag.go()
        return flag
    }
}
