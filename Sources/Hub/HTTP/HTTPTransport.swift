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
                if Task.isCancelled { task.cancel() }
            }
        } onCancel: {
            task.cancel()
        }
    }

    private struct Exchange {
        let receiver: Receiver
        let continuation: CheckedContinuation<Void, any Error>
        /// What the receiver threw.
        var failure: (any Error)?
        /// When something moved last.
        var lastActivity = ContinuousClock.now
        /// Ends the exchange when nothing has moved for too long.
        var watch: Task<Void, any Error>?
    }

    private final class Delegate: NSObject, URLSessionDataDelegate, Sendable {
        private let exchanges = Mutex<[Int: Exchange]>([:])

        func add(_ exchange: Exchange, for task: Int) { exchanges.withLock { $0[task] = exchange } }

        /// Ends an exchange in which nothing moves for `limit` seconds.
        func watch(_ task: URLSessionTask, limit: Double) {
            let watch = Task { [self] in
                while let last = exchanges.withLock({ $0[task.taskIdentifier]?.lastActivity }) {
                    let left = limit - (ContinuousClock.now - last) / .seconds(1)
                    guard left > 0 else { return fail(task, URLError(.timedOut)) }
                    try await Task.sleep(for: .seconds(left))
                }
            }
            exchanges.withLock { $0[task.taskIdentifier]?.watch = watch }
        }

        private func fail(_ task: URLSessionTask, _ error: any Error) {
            exchanges.withLock { $0[task.taskIdentifier]?.failure = error }
            task.cancel()
        }

        private func touch(_ task: URLSessionTask) {
            exchanges.withLock { $0[task.taskIdentifier]?.lastActivity = .now }
        }

        private func perform(_ task: URLSessionTask, _ work: (Receiver) throws -> Void) -> Bool {
            touch(task)
            let exchange = exchanges.withLock { $0[task.taskIdentifier] }
            guard let exchange, exchange.failure == nil else { return false }
            do {
                try work(exchange.receiver)
                touch(task)
                return true
            } catch {
                fail(task, error)
                return false
            }
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
            completionHandler(nil)
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
            guard let exchange = exchanges.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
            exchange.watch?.cancel()
            if let failure = exchange.failure ?? error {
                exchange.continuation.resume(throwing: failure)
            } else {
                exchange.continuation.resume()
            }
        }
    }
}
