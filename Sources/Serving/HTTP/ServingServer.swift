import Foundation
import HTTPTypes
import Hummingbird
import LanguageModels
import Logging
import NIOCore
import PrefixTuning
import Tensors

/// The server: a model, its prefixes, who may use them, and what answers.
package final class ServingServer: Sendable {
    /// How it runs.
    package let settings: ServerSettings
    /// The resident model.
    package let model: ServedModel
    /// Answers.
    package let engine: Engine
    /// The prefixes.
    package let library: PrefixLibrary
    /// Who may come.
    package let keys: KeyRing
    /// What is counted.
    package let metrics: ServingMetrics
    /// Where it is told what happens.
    package let logger: Logger
    let routes: RouteTable
    let journal: Journal
    let drain = DrainState()
    let uploads: UploadGate

    /// A server that does not listen yet.
    package init(
        _ model: ServedModel, engine: Engine, library: PrefixLibrary, keys: KeyRing, metrics: ServingMetrics,
        settings: ServerSettings = ServerSettings(), logger: Logger
    ) {
        self.model = model
        self.engine = engine
        self.library = library
        self.keys = keys
        self.metrics = metrics
        self.settings = settings
        self.logger = logger
        uploads = UploadGate(limit: settings.uploads)
        routes = Self.table()
        journal = Journal(metrics: metrics, logger: logger, routes: routes, origin: settings.corsOrigin)
    }

    /// What answers requests.
    package func router() -> Router<ServingContext> {
        let router = Router(context: ServingContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: journal)
        router.add(
            middleware: Admission(
                keys: keys, routes: routes, hosts: settings.hosts, origin: settings.corsOrigin))
        addHealth(to: router)
        addModels(to: router)
        addAnswers(to: router)
        addPrefixes(to: router)
        return router
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: EventText.encoded(value))))
    }

    static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
        Response(
            status: .ok, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    var reader: RequestBodyReader {
        var reader = RequestBodyReader()
        reader.limit = settings.bodyLimit
        reader.seconds = settings.bodySeconds
        return reader
    }
}
