import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import Tensors
import UnixSignals

/// Runs a server until a signal ends it: gently at the first one, at once at the second.
///
/// At SIGTERM or SIGINT `/ready` says no, and for `drainDelay` requests are still taken, so that a load balancer notices; then
/// new ones are refused, those that are there are answered for at most `drainTimeout`, the rest are told that the server was
/// stopped, and the process ends.
package struct ServingService: Sendable {
    private let server: ServingServer
    private let onReady: @Sendable (_ address: String, _ port: Int) -> Void
    private let reload: @Sendable () -> Void

    /// A service that does not run yet.
    ///
    /// - Parameters:
    ///   - onReady: Called when it listens.
    ///   - reload: What SIGHUP does beside reading the keys again.
    package init(
        _ server: ServingServer, reload: @escaping @Sendable () -> Void = {},
        onReady: @escaping @Sendable (_ address: String, _ port: Int) -> Void
    ) {
        self.server = server
        self.onReady = onReady
        self.reload = reload
    }

    /// What answers HTTP; for tests, too.
    package static func application(
        _ server: ServingServer, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onReady: @escaping @Sendable (_ address: String, _ port: Int) -> Void = { _, _ in }
    ) throws -> some ApplicationProtocol {
        let settings = server.settings
        let http = HTTPServerBuilder.http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionWatch()], idleTimeout: .seconds(Int64(settings.idleSeconds)),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)))
        var builder = http
        if let certificate = settings.certificate, let key = settings.certificateKey {
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate.path).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key.path, format: .pem)))
            tls.applicationProtocols = ["http/1.1"]
            builder = try .tls(http, tlsConfiguration: tls)
        }
        var quiet = server.logger
        quiet.logLevel = .warning
        return Application(
            router: server.router(), server: builder,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: "prefixtune",
                availableConnectionsDelegate: .maximum(settings.connections, logger: quiet)),
            onServerRunning: { channel in
                onReady(channel.localAddress?.ipAddress ?? settings.host, channel.localAddress?.port ?? settings.port)
            },
            eventLoopGroupProvider: .shared(group), logger: quiet)
    }

    /// Listens and answers.
    ///
    /// - Throws: Where it cannot listen.
    package func run() async throws {
        // One: the threads that compute need the cores.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let application = try Self.application(server, group: group, onReady: onReady)
        let services = ServiceGroup(
            configuration: .init(services: [application], logger: server.logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do { try await services.run() } catch let error as IOError {
                    throw CannotListen(
                        host: server.settings.host, port: server.settings.port,
                        reason: String(cString: strerror(error.errnoCode)))
                }
            }
            tasks.addTask { await listen(to: signals, services) }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        server.engine.stop()
        try await group.shutdownGracefully()
    }

    /// The address cannot be listened at.
    package struct CannotListen: Error, CustomStringConvertible, LocalizedError {
        /// Where.
        package let host: String, port: Int
        /// What the system says.
        package let reason: String
        /// One sentence.
        package var description: String {
            "cannot listen at \(host), port \(port): \(reason); give another address with --host, or another port with --port"
        }
        /// The same sentence.
        package var errorDescription: String? { description }
    }

    private func listen(to signals: UnixSignalsSequence, _ services: ServiceGroup) async {
        let isEnding = Mutex(false)
        for await signal in signals {
            if signal == .sighup {
                reloadKeys()
                continue
            }
            let isSecond = isEnding.withLock { isEnding in
                defer { isEnding = true }
                return isEnding
            }
            if isSecond { _exit(128 + (signal == .sigint ? 2 : 15)) }
            Task { await drain(services) }
        }
    }

    private func reloadKeys() {
        do {
            let count = try server.keys.reload()
            server.logger.notice("keys", metadata: ["count": "\(count)"])
        } catch {
            server.logger.error("keys", metadata: ["error": "\(error)"])
        }
        reload()
    }

    /// Ends gently.
    private func drain(_ services: ServiceGroup) async {
        server.drain.announce()
        server.logger.notice("draining", metadata: ["delay": "\(server.settings.drainDelay)"])
        try? await Task.sleep(for: .seconds(server.settings.drainDelay))
        server.engine.drain()
        await services.triggerGracefulShutdown()
        let end = ContinuousClock.now + .seconds(server.settings.drainTimeout)
        // The process ends by itself as soon as all connections have; an engine at rest does not say that they have.
        try? await Task.sleep(until: end, clock: .continuous)
        server.logger.notice("stopping", metadata: ["left": "\(server.engine.status.running)"])
        server.engine.stop()
        // Those who do not read what they are told are left.
        try? await Task.sleep(for: .seconds(2))
        server.logger.notice("stopped")
        _exit(0)
    }
}
