import Foundation
import NIOCore
import Synchronization

/// What an answer's task waits for: the engine's events of all prompts of a request, the client's going, the time for a ping.
///
/// Letting it go, or ``close()``, cancels what is still being answered.
final class AnswerFeed: Sendable {
    /// Something happened.
    enum Item: Sendable {
        /// To a prompt, by its number in the request.
        case event(prompt: Int, EngineEvent)
        /// Nothing, for a while.
        case ping
        /// The client has gone.
        case gone
    }

    /// What happens.
    let items: AsyncStream<Item>
    private let continuation: AsyncStream<Item>.Continuation
    private let engine: Engine
    private let requests = Mutex<[Int]>([])
    private let flag: ConnectionWatch.Flag
    private let watch = Mutex<Int?>(nil)
    private let pings = Mutex<RepeatedTask?>(nil)

    init(_ engine: Engine, _ context: ServingContext, pingSeconds: Int) async {
        self.engine = engine
        (items, continuation) = AsyncStream<Item>.makeStream()
        flag = await ConnectionWatch.flag(of: context.channel)
        let continuation = continuation
        let flag = flag
        watch.withLock { $0 = flag.whenGone { continuation.yield(.gone) } }
        let interval = TimeAmount.seconds(Int64(pingSeconds))
        let task = context.channel.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            continuation.yield(.ping)
        }
        pings.withLock { $0 = task }
    }

    /// Hands a prompt to the engine.
    func submit(_ request: EngineRequest, prompt: Int) throws(ServingError) {
        let continuation = continuation
        let id = try engine.submit(request) { continuation.yield(.event(prompt: prompt, $0)) }
        requests.withLock { $0.append(id) }
    }

    /// Ends it: nothing is answered any more.
    func close() {
        continuation.finish()
        pings.withLock { pings in
            pings?.cancel()
            pings = nil
        }
        let id = watch.withLock { id in
            defer { id = nil }
            return id
        }
        if let id { flag.forget(id) }
        let ids = requests.withLock { requests in
            defer { requests = [] }
            return requests
        }
        for id in ids { engine.cancel(id) }
    }

    deinit { close() }
}
