#if Serving
    import ArgumentParser
    import ChatTemplates
    import Foundation
    import LanguageModels
    import Logging
    import PrefixTuning
    import Serving
    import Tensors

    /// Answers over HTTP.
    struct Serve: ComputeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve a model with any number of prefixes over HTTP, as OpenAI's interface.",
            discussion: """
                Clients of OpenAI's interface ask for the model by its name, or for a prefix by its own: each lies in a folder \
                of the store, NAME or OWNER/NAME, of any kind that inspect knows, and requests for all of them are answered in \
                one batch. Prefixes are uploaded, made of texts and removed at /v1/prefixes; what there is to ask is listed at \
                /openapi.json.

                Without --keys the server answers this machine only. Each line of the file of keys has a name, the SHA-256 of \
                the key, scopes (own:OWNER, use:OWNER/NAME, use:OWNER/*, use:shared, train, metrics, admin), and limits \
                (requests=60,tokens=100000 for a minute, streams=8, bytes=1000000000, weight=2); --new-key NAME makes one. \
                SIGHUP reads the file again.

                At SIGTERM or Ctrl-C /ready says no, new requests are refused, and those that are there are answered to their \
                end, for --drain-timeout seconds at most. A second signal ends the process at once.

                EXAMPLES
                  prefixtune serve --model embedded --store prefixes
                  prefixtune serve --new-key alice >> keys
                  prefixtune serve --model gpt2 --precision int8 --store prefixes --keys keys --host 0.0.0.0
                """)

        @OptionGroup(title: "Model") var model: ServedModelOptions
        @OptionGroup(title: "Prefixes") var store: StoreOptions
        @OptionGroup(title: "HTTP") var http: HTTPOptions
        @OptionGroup(title: "Limits") var limits: ServeLimits
        @OptionGroup(title: "General") var common: CommonOptions

        func validate() throws {
            try http.validate(isMakingKey: http.newKey != nil)
            if http.newKey == nil { try ModelName.validate(model.model, orAdapter: model.lora != nil) }
        }

        func run() async throws {
            if let name = http.newKey { return try KeyMaking.make(name) }
            try await serve()
        }

        func compute() async throws {}

        @Compute private func serve() async throws {
            common.apply()
            let start = ProcessInfo.processInfo.systemUptime
            let files = try await model.files(common), title = files.name ?? files.model.lastPathComponent
            common.note("Loading \(title) …")
            let loaded = try AdaptedModel.load(files).model
            let name = model.name ?? ServedModelOptions.clientName(title)
            let metrics = ServingMetrics(), budget = store.prefixMemory ?? Memory.part(of: 0.1)
            let served = ServedModel(loaded, name: name, template: try model.template(of: files))
            let library = try PrefixLibrary(store.folder, for: loaded, budget: budget, metrics: metrics)
            let count = await library.count
            let batch = limits.batch(for: loaded)
            let engine = Engine(
                limits: limits.scheduler(batch, hasKeys: http.keys != nil),
                stepSeconds: limits.maxStepMs.map { $0 / 1000 }, metrics: metrics)
            Task { @Compute in await engine.run { LiveAnswers(loaded, limits: batch) } }
            var settings = http.settings(limits)
            settings.version = Version.build
            settings.batchInvariant = loaded.isBatchInvariant()
            settings.prefixRoot = store.prefixRoot
            settings.metricsNames = http.metricsNames == .vllm ? .vLLM(model: name) : .own
            let logger = Logger(label: "prefixtune") { _ in JSONLogHandler(level: logLevel) }
            let server = ServingServer(
                served, engine: engine, library: library, keys: try KeyRing(http.keys), metrics: metrics,
                settings: settings, logger: logger)
            let isTold = !common.quiet, hasKeys = http.keys != nil,
                scheme = http.tlsCertificate == nil ? "http" : "https"
            let service = ServingService(server) { address, port in
                let seconds = ProcessInfo.processInfo.systemUptime - start
                let host = address.contains(":") ? "[\(address)]" : address == "0.0.0.0" ? "127.0.0.1" : address
                guard isTold else { return }
                StandardError.write(
                    ServeText.ready(
                        name: name, prefixes: count, url: "\(scheme)://\(host):\(port)", seconds: seconds,
                        hasKeys: hasKeys))
            }
            try await service.run()
        }

        private var logLevel: Logger.Level { common.quiet ? .warning : common.verbose ? .debug : .info }
    }

    /// What serve says.
    enum ServeText {
        /// That it is ready, and how to ask: what is printed works when it is pasted.
        static func ready(name: String, prefixes: Int, url: String, seconds: Double, hasKeys: Bool) -> String {
            let key = hasKeys ? " -H \"Authorization: Bearer $PREFIXTUNE_KEY\"" : ""
            let body =
                "{\"model\": \"\(name)\", \"prompt\": \"name : Alimentum | area : city centre\", \"max_tokens\": 32}"
            return """
                \(name) with \(prefixes == 1 ? "1 prefix" : "\(prefixes) prefixes") at \(url) after \(String(format: "%.1f", seconds)) s. Try:
                  curl \(url)/v1/completions\(key) -H 'Content-Type: application/json' -d '\(body)'

                """
        }
    }

    /// What --new-key does.
    enum KeyMaking {
        /// Prints the line for the file of keys, and the key itself where nobody else reads it.
        ///
        /// - Throws: `ValidationError` where the name is none.
        static func make(_ name: String) throws {
            guard PrefixName.isValid(name) else {
                throw ValidationError("--new-key is \"\(name)\", but a name has \(PrefixName.requirement).")
            }
            let (key, line) = KeyFile.newKey(name)
            StandardError.write("The key of \(name), which is shown this once: \(key)\n")
            print(line, terminator: "")
        }
    }
#endif
