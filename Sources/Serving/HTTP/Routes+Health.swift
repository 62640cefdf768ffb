import Foundation
import Hummingbird
import LanguageModels

extension ServingServer {
    private struct Ready: Encodable {
        let model: String
        let ready: Bool
        let draining: Bool
        let stepAge: Int
        let running: Int
        let waiting: Int
        let waitingTokens: Int

        enum CodingKeys: String, CodingKey {
            case model, ready, draining, running
            case stepAge = "step_age_ms"
            case waiting = "queue"
            case waitingTokens = "queue_tokens"
        }
    }

    private struct VersionObject: Encodable {
        let version: String
        let model: String
        let digest: String?
        let precision: String
        let batchInvariant: Bool

        enum CodingKeys: String, CodingKey {
            case version, model, digest, precision
            case batchInvariant = "batch_invariant"
        }
    }

    /// What tells how the server is: never by way of the compute thread.
    func addHealth(to router: Router<ServingContext>) {
        router.get("/health") { _, _ in Self.json(["status": "ok"]) }
        router.get("/ready") { [self] _, _ in
            let status = engine.status, isDraining = drain.isAnnounced || status.isDraining
            return Self.json(
                Ready(
                    model: model.name, ready: !isDraining, draining: isDraining,
                    stepAge: Int(status.stepAge * 1000), running: status.running, waiting: status.waiting,
                    waitingTokens: status.waitingTokens), status: isDraining ? .serviceUnavailable : .ok)
        }
        router.get("/version") { [self] _, _ in
            Self.json(
                VersionObject(
                    version: settings.version, model: model.name, digest: model.model.digest.map { "\($0)" },
                    precision: "\(model.model.precision)", batchInvariant: settings.batchInvariant))
        }
        router.get("/metrics") { [self] _, context in
            guard context.identity.may(.metrics) else { throw ServingError.forbidden(scope: "metrics") }
            metrics.state(of: engine.status)
            metrics.prefixes(engine.loads, await library.residents)
            return Self.text(
                metrics.registry.text(settings.metricsNames), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("/openapi.json") { [self] _, _ in
            Self.text(EventText.encoded(openAPI()), type: "application/json")
        }
    }
}
