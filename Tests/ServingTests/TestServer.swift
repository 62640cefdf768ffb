import ChatTemplates
import Foundation
import Tokenizers
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LanguageModels
import Logging
import NIOCore
import PrefixExperiments
import PrefixTuning
import Synchronization
import Tensors

@testable import Serving

/// A server over the embedded model, in this process, and what tests ask it.
struct TestServer: Sendable {
    let server: ServingServer
    let store: URL
    let logs: LogLines

    /// What was logged.
    final class LogLines: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// The embedded model, loaded once.
    static let model = Task { @Compute in try LanguageModel.load(EmbeddedModel.folder(), name: "embedded") }

    /// Runs `body` with a server.
    ///
    /// - Parameters:
    ///   - keys: The text of the file of keys; nil for none.
    ///   - prefixes: Ids in the store, each made of a text.
    ///   - template: Writes conversations.
    ///   - store: Where prefixes lie; a folder of its own unless given.
    ///   - prefixMemory: Bytes that they may take.
    ///   - stepSeconds: What a step may take.
    static func with<Result: Sendable>(
        keys: String? = nil, prefixes: [(id: String, text: String)] = [], limits: Scheduler.Limits? = nil,
        template: ChatTemplate? = nil, store: URL? = nil, prefixMemory: Int = 64 << 20,
        stepSeconds: Double? = nil,
        change: (inout ServerSettings) -> Void = { _ in },
        _ body: @Sendable (TestServer) async throws -> Result
    ) async throws -> Result {
        let model = try await model.value
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("serving-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = store ?? folder.appendingPathComponent("store")
        for (id, text) in prefixes { try await write(text, to: store.appendingPathComponent(id), model) }
        var file: URL?
        if let keys {
            file = folder.appendingPathComponent("keys")
            try Data(keys.utf8).write(to: folder.appendingPathComponent("keys"))
        }
        let metrics = ServingMetrics(), logs = LogLines()
        let engine = Engine(limits: limits ?? Scheduler.Limits(), stepSeconds: stepSeconds, metrics: metrics)
        let loop = Task { @Compute in
            await engine.run {
                LiveAnswers(model, limits: .init(rows: limits?.rows ?? 64, keyValueRows: 40_000, keepsPrompts: true))
            }
        }
        let library = try PrefixLibrary(store, for: model, budget: prefixMemory, metrics: metrics)
        var settings = ServerSettings()
        settings.port = 0
        settings.version = "test"
        settings.prefixRoot = folder
        change(&settings)
        let logger = Logger(label: "test") { _ in JSONLogHandler(level: .debug) { logs.append($0) } }
        let server = ServingServer(
            await ServedModel(model, name: "embedded", template: template), engine: engine, library: library,
            keys: try KeyRing(file), metrics: metrics, settings: settings, logger: logger)
        do {
            let result = try await body(TestServer(server: server, store: store, logs: logs))
            engine.stop()
            await loop.value
            return result
        } catch {
            engine.stop()
            await loop.value
            throw error
        }
    }

    private static func write(_ text: String, to folder: URL, _ model: LanguageModel) async throws {
        let prefix = try await prefix(of: text, model)
        try prefix.write(to: folder)
    }

    /// Keys and values of a text.
    @Compute static func prefix(of text: String, _ model: LanguageModel) throws -> Prefix {
        let tokens = try model.tokenizer.encode(text)
        return try Prefix(
            length: tokens.count, parts: model.keyValues(of: tokens).mapValues { $0.values },
            shape: model.network.shape, baseModel: "embedded")
    }

    /// Asks over a real connection.
    func live<Result: Sendable>(_ body: @Sendable (Asking) async throws -> Result) async throws -> Result {
        try await ServingService.application(server).test(.live) { client in
            try await body(Asking(client: client))
        }
    }
}

/// Waits until something is so, for at most ten seconds.
func eventually(_ isSo: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if try await isSo() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// Requests and their answers.
struct Asking: Sendable {
    let client: any TestClientProtocol

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String

        /// The body, as JSON.
        var json: RequestValue { (try? RequestValue(parsing: Data(text.utf8))) ?? .null }

        /// A value within the body, by a path such as `choices.0.text`.
        subscript(_ path: String) -> RequestValue? { json[path] }

        /// The chunks of a stream; nil for `[DONE]`, pings left out.
        var events: [RequestValue] {
            text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: {") }
                .compactMap { try? RequestValue(parsing: Data($0.dropFirst(6).utf8)) }
        }
    }

    func callAsFunction(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, key: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var all: HTTPFields = body == nil ? [:] : [.contentType: "application/json"]
        for field in headers { all[field.name] = field.value }
        if let key { all[.authorization] = "Bearer \(key)" }
        let response = try await client.executeRequest(
            uri: path, method: method, headers: all, body: body.map { ByteBuffer(string: $0) })
        return Answer(
            status: response.status.code, headers: response.headers, text: String(buffer: response.body))
    }

    /// `POST /v1/completions` with the fields given as JSON without braces.
    func complete(_ fields: String, model: String = "embedded", key: String? = nil) async throws -> Answer {
        try await self(.post, "/v1/completions", "{\"model\":\"\(model)\",\(fields)}", key: key)
    }
}

extension RequestValue {
    subscript(_ path: String) -> RequestValue? {
        var value = self
        for part in path.split(separator: ".") {
            switch value {
            case .object(let values):
                guard let next = values[String(part)] else { return nil }
                value = next
            case .array(let values):
                guard let index = Int(part), values.indices.contains(index) else { return nil }
                value = values[index]
            default: return nil
            }
        }
        return value
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var double: Double? { if case .number(let number) = self { number } else { int.map(Double.init) } }
    var int: Int? { if case .integer(let number) = self { number } else { nil } }
    var count: Int { if case .array(let values) = self { values.count } else { 0 } }
}
