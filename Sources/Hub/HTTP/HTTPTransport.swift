import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Single exchanges with a server over `URLSession`, which follows no redirect, keeps no cookie and caches nothing:
/// what is sent to whom is decided in one place, ``HubClient``.
final class HTTPTransport: Sendable {
    private let session: URLSession
    private let delegate = Delegate()

    init() {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCredentialStorage = nil
        configuration.httpMaximumConnectionsPerHost = 8
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: queue)
    }

    deinit { session.finishTasksAndInvalidate() }

    /// What takes a reply apart as it arrives. Called in order, from one thread at a time; an error ends the exchange.
    struct Receiver: Sendable {
        /// Sees status and headers before the body.
        var head: @Sendable (HTTPURLResponse) throws -> Void
        /// Sees the body's bytes.
        var body: @Sendable (Data) throws -> Void
    }

    /// Sends a request and waits for the end of the reply. `timeoutInterval` counts from the last byte that moved; it is
    /// kept here, since Foundation's timer on Linux does not end exchanges in which the server falls silent.
    ///
    /// - Throws: What the receiver throws, `URLError` for a broken connection, `CancellationError`.
    func exchange(_ request: URLRequest, upload: Data? = nil, _ receiver: Receiver) async throws {
        let task =
            upload.map { session.uploadTask(with: request, from: $0) } ?? session.dataTask(with: request)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                delegate.add(.init(receiver: receiver, continuation: continuation), for: task.taskIdentifier)
                delegate.watch(task, limit: request.timeoutInterval)
                task.resume()
                // Whoever cancelled before the exchange was known could not end it.
                if Task.isCancelled { delegate.end(task, CancellationError()) }
            }
        } onCancel: {
            delegate.end(task, CancellationError())
        }
    }

    private struct Exchange {
        let receiver: Receiver
        let continuation: CheckedContinuation<Void, any Error>
        /// What ends the exchange.
        var failure: (any Error)?
        /// Whether the receiver is at work: then the exchange ends when it is done, so that it never works for somebody who
        /// has gone on.
        var isReceiving = false
        /// When something moved last.
        var lastActivity = ContinuousClock.now
        /// Ends the exchange when nothing has moved for too long.
        var watch: Task<Void, any Error>?

        /// Lets whoever waits go on; to be called once, by whoever removed the exchange.
        func finish(_ error: (any Error)?) {
            watch?.cancel()
            if let failure = failure ?? error {
                continuation.resume(throwing: failure)
            } else {
                continuation.resume()
            }
        }
    }

    private final class Delegate: NSObject, URLSessionDataDelegate, Sendable {
        private let exchanges = Mutex<[Int: Exchange]>([:])

        func add(_ exchange: Exchange, for task: Int) { exchanges.withLock { $0[task] = exchange } }

        /// Ends an exchange in which nothing moves for `limit` seconds.
        func watch(_ task: URLSessionTask, limit: Double) {
            let watch = Task { [self] in
                while let last = exchanges.withLock({ $0[task.taskIdentifier]?.lastActivity }) {
                    let left = limit - (ContinuousClock.now - last) / .seconds(1)
                    guard left > 0 else { return end(task, URLError(.timedOut)) }
                    try await Task.sleep(for: .seconds(left))
                }
            }
            exchanges.withLock { $0[task.taskIdentifier]?.watch = watch }
        }

        /// Ends an exchange from this side. Foundation's last word is not waited for: of a task that is cancelled before it
        /// has begun, there is none on Linux.
        func end(_ task: URLSessionTask, _ error: any Error) {
            let ended = exchanges.withLock { exchanges in
                if exchanges[task.taskIdentifier]?.failure == nil { exchanges[task.taskIdentifier]?.failure = error }
                // Within the lock: see the redirection below.
                task.cancel()
                return Self.take(task, from: &exchanges)
            }
            ended?.finish(nil)
        }

        /// Removes an exchange, unless its receiver is at work.
        private static func take(_ task: URLSessionTask, from exchanges: inout [Int: Exchange]) -> Exchange? {
            guard let exchange = exchanges[task.taskIdentifier], !exchange.isReceiving else { return nil }
            exchanges[task.taskIdentifier] = nil
            return exchange
        }

        private func touch(_ task: URLSessionTask) {
            exchanges.withLock { $0[task.taskIdentifier]?.lastActivity = .now }
        }

        private func perform(_ task: URLSessionTask, _ work: (Receiver) throws -> Void) -> Bool {
            let receiver = exchanges.withLock { exchanges in
                exchanges[task.taskIdentifier]?.lastActivity = .now
                exchanges[task.taskIdentifier]?.isReceiving = true
                return exchanges[task.taskIdentifier]?.receiver
            }
            guard let receiver else { return false }
            let result = Result { try work(receiver) }
            let ended = exchanges.withLock { exchanges -> Exchange? in
                exchanges[task.taskIdentifier]?.lastActivity = .now
                exchanges[task.taskIdentifier]?.isReceiving = false
                if case .failure(let error) = result { exchanges[task.taskIdentifier]?.failure = error }
                guard exchanges[task.taskIdentifier]?.failure != nil else { return nil }
                task.cancel()
                return Self.take(task, from: &exchanges)
            }
            guard let ended else { return true }
            ended.finish(nil)
            return false
        }

        func urlSession(
            _ session: URLSession, task: URLSessionTask, didSendBodyData bytesSent: Int64, totalBytesSent: Int64,
            totalBytesExpectedToSend: Int64
        ) {
            touch(task)
        }

        func urlSession(
            _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
            newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
        ) {
            // Foundation on Linux ends the process where an answer comes after a task was cancelled.
            exchanges.withLock { exchanges in
                if let exchange = exchanges[task.taskIdentifier], exchange.failure == nil { completionHandler(nil) }
            }
        }

        func urlSession(
            _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
            completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
        ) {
            let isWanted = perform(dataTask) { receiver in
                guard let response = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
                try receiver.head(response)
            }
            completionHandler(isWanted ? .allow : .cancel)
        }

        func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
            _ = perform(dataTask) { try $0.body(data) }
        }

        func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
            exchanges.withLock { $0.removeValue(forKey: task.taskIdentifier) }?.finish(error)
        }
    }
}
