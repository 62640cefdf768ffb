#if Serving
    import ArgumentParser
    import ChatTemplates
    import Foundation
    import Hub
    import LanguageModels
    import PrefixTuning
    import Serving
    import Tensors

    /// The model that is served.
    struct ServedModelOptions: ParsableArguments {
        @Option(help: ModelName.optionalHelp) var model: ModelName?
        @Option(
            help: ArgumentHelp("What clients call the model; by default the last part of its name.", valueName: "name"))
        var name: String?
        @Option(help: .adapter("A LoRA adapter: PEFT's folder, a file of loralib, or org/name.")) var lora:
            ModelReference?
        @Option(help: .x("The alpha of a loralib file, which does not say it; 32 by default.")) var loraAlpha: Float?
        @Flag(help: "Add the LoRA adapter to the weights when loading: faster, and the same to rounding.")
        var mergeLora =
            false
        @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
        @Option(help: CacheType.help) var cacheType = CacheType.float32
        @Option(
            help: .file(
                "The chat template, in Jinja; the LoRA adapter's or the model's own by default. Prefixes keep theirs."))
        var chatTemplate: URL?

        func validate() throws {
            if lora == nil, mergeLora || loraAlpha != nil {
                throw ValidationError(
                    "--merge-lora and --lora-alpha have no meaning without --lora; add it or leave them out.")
            }
            if let name, !name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(PrefixName.isValid) {
                throw ValidationError("--name is \"\(name)\", but a name has \(PrefixName.requirement).")
            }
        }

        /// Where they lie, fetched where they are not here yet.
        func files(_ common: CommonOptions) async throws -> AdaptedModel.Files {
            let lora = try await lora?.located(quiet: common.quiet)
            let model = try ModelName.chosen(model, adapters: [lora].compactMap(\.self), common)
            var files = AdaptedModel.Files(
                model: try await model.located(quiet: common.quiet), name: model.description, precision: precision)
            files.cacheType = cacheType
            files.lora = lora.map { .init($0, alpha: loraAlpha, merges: mergeLora) }
            return files
        }

        /// How the model writes conversations; nil where its files do not say.
        ///
        /// - Throws: `ChatTemplateError`, naming the line.
        func template(of files: AdaptedModel.Files) throws -> ChatTemplate? {
            if let chatTemplate {
                return try ChatTemplate(
                    String(contentsOf: chatTemplate, encoding: .utf8), name: chatTemplate.lastPathComponent)
            }
            if let own = try files.taskRecord?.ownTemplate { return own }
            return try modelFiles(at: files.model).chatTemplate.map {
                try ChatTemplate($0, name: "the model's chat template")
            }
        }

        /// What clients call a model that was given no name: the last part of it, without what no name may have.
        static func clientName(_ title: String) -> String {
            let last = title.split(separator: "/").last.map(String.init) ?? title
            let name = last.map { PrefixName.isValid("a\($0)") ? String($0) : "-" }.joined()
            return PrefixName.isValid(name) ? name : "model"
        }
    }

    /// Where prefixes lie, on the disk and in memory.
    struct StoreOptions: ParsableArguments {
        @Option(
            name: .customLong("store"),
            help: .folder("The folder of the prefixes, NAME or OWNER/NAME; made where there is none."))
        var folder = URL(fileURLWithPath: "prefixtune-store")
        @Option(help: .folder("Where POST /v1/prefixes may take a \"path\" from; nowhere by default.")) var prefixRoot:
            URL?
        @Option(
            help: ArgumentHelp(
                "Memory for prefixes that no request holds, such as 512M; a tenth of this machine's by default.",
                valueName: "size"), transform: Memory.bytes)
        var prefixMemory: Int?
    }

    /// Whose names metrics have.
    enum MetricsForm: String, ExpressibleByArgument, CaseIterable { case prefixtune, vllm }

    /// Where the server listens, and to whom.
    struct HTTPOptions: ParsableArguments {
        @Option(help: ArgumentHelp("The address to listen at.", valueName: "address")) var host = "127.0.0.1"
        @Option(help: .n("The port to listen at; 0 for any that is free.")) var port = 8080
        @Option(help: .file("The file of API keys; see above.")) var keys: URL?
        @Option(
            help: ArgumentHelp(
                "Print a line for the file of keys, and on standard error the key itself, and end.", valueName: "name"))
        var newKey: String?
        @Flag(help: "Listen at other addresses than this machine's own without keys.") var insecure = false
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp("A further name that the server is asked by, as in the header Host.", valueName: "host"))
        var allowedHost: [String] = []
        @Option(help: ArgumentHelp("A site whose pages may ask, such as https://example.org.", valueName: "origin"))
        var corsOrigin: String?
        @Option(help: .file("The certificate chain, PEM: serve over TLS.")) var tlsCertificate: URL?
        @Option(help: .file("The certificate's key, PEM.")) var tlsKey: URL?
        @Option(help: "What /metrics calls what it counts: as prefixtune, or as vllm, for dashboards made for it.")
        var metricsNames = MetricsForm.prefixtune
        @Option(help: .x("Seconds after SIGTERM in which /ready says no and requests are still taken."))
        var drainDelay =
            0.0
        @Option(help: .x("Seconds after SIGTERM in which requests are answered to their end.")) var drainTimeout = 30.0

        /// Whether the address is one of this machine's own that others cannot reach.
        var isLocal: Bool { ["127.0.0.1", "::1", "localhost"].contains(host) || host.hasPrefix("127.") }

        func validate(isMakingKey: Bool) throws {
            if isMakingKey { return }
            guard (0...65535).contains(port) else {
                throw ValidationError("--port is \(port), but a number from 0 to 65535 is needed.")
            }
            guard isLocal || keys != nil || insecure else {
                throw ValidationError(
                    "--host \(host) can be reached by others, and there are no keys; give --keys FILE, or --insecure if all may ask."
                )
            }
            guard (tlsCertificate == nil) == (tlsKey == nil) else {
                throw ValidationError("--tls-certificate and --tls-key go together; give both or neither.")
            }
            guard (0...86400).contains(drainDelay), (0...86400).contains(drainTimeout) else {
                throw ValidationError("--drain-delay and --drain-timeout are numbers of seconds from 0 to 86400.")
            }
        }

        /// What the server is told.
        func settings(_ limits: ServeLimits) -> ServerSettings {
            var settings = ServerSettings()
            (settings.host, settings.port) = (host, port)
            // A server with keys is reached by names that nobody told it.
            settings.hosts = keys != nil || insecure ? nil : Set(allowedHost.map { $0.lowercased() } + [host])
            if !allowedHost.isEmpty { settings.hosts = Set(allowedHost.map { $0.lowercased() } + [host]) }
            settings.corsOrigin = corsOrigin
            (settings.certificate, settings.certificateKey) = (tlsCertificate, tlsKey)
            (settings.drainDelay, settings.drainTimeout) = (drainDelay, drainTimeout)
            settings.defaultMaxTokens = limits.defaultMaxTokens
            settings.connections = limits.maxConnections
            (settings.uploadLimit, settings.uploads) = (limits.maxUpload, limits.maxUploads)
            return settings
        }
    }

    /// How much is taken at a time.
    struct ServeLimits: ParsableArguments {
        @Option(help: .n("Answers that go through the model side by side.")) var maxRows = 64
        @Option(help: .x("The share of them, and of the memory below, that one key may have while others wait."))
        var maxRowsShare = 0.5
        @Option(
            help: ArgumentHelp(
                "Memory for keys and values of what is read and written, such as 8G; a quarter of this machine's by default.",
                valueName: "size"), transform: Memory.bytes)
        var kvMemory: Int?
        @Option(
            help: ArgumentHelp(
                "Milliseconds that a step may take in which prompts are read beside answers: long prompts are read in parts of so much; by default three times what a step without takes.",
                valueName: "ms"))
        var maxStepMs: Double?
        @Option(help: .n("Requests that wait at most.")) var maxQueued = 1024
        @Option(help: .n("Tokens that waiting requests are about at most.")) var maxQueuedTokens = 1 << 20
        @Option(help: .n("New tokens of a chat's answer whose request does not say how many.")) var defaultMaxTokens =
            512
        @Option(help: .n("Connections at a time.")) var maxConnections = 4096
        @Option(
            help: ArgumentHelp("The largest prefix that can be uploaded, such as 1G.", valueName: "size"),
            transform: Memory.bytes)
        var maxUpload = 1 << 30
        @Option(help: .n("Uploads at a time.")) var maxUploads = 4

        func validate() throws {
            for (name, value) in [
                ("--max-rows", maxRows), ("--max-queued", maxQueued), ("--max-queued-tokens", maxQueuedTokens),
                ("--default-max-tokens", defaultMaxTokens), ("--max-connections", maxConnections),
                ("--max-uploads", maxUploads),
            ] where value < 1 {
                throw ValidationError("\(name) is \(value), but at least 1 is needed.")
            }
            if let maxStepMs, !(1...60_000).contains(maxStepMs) {
                throw ValidationError("--max-step-ms is \(maxStepMs), but a number from 1 to 60000 is needed.")
            }
            guard maxRowsShare > 0, maxRowsShare <= 1 else {
                throw ValidationError(
                    "--max-rows-share is \(maxRowsShare), but a number above 0 and up to 1 is needed.")
            }
        }

        /// What goes through the model at once.
        func batch(for model: LanguageModel) -> LiveBatch.Limits {
            let bytes = kvMemory ?? Memory.part(of: 0.25), shape = model.configuration.shape
            // More than all rows can fill is of no use.
            let useful = maxRows * (shape.positionCount + 16)
            return LiveBatch.Limits(
                rows: maxRows,
                keyValueRows: min(
                    useful, LiveBatch.Limits.keyValueRows(inBytes: bytes, shape: shape, as: model.cacheType)),
                keepsPrompts: true)
        }

        /// Who is answered when.
        ///
        /// - Parameter hasKeys: Whether there is more than one who may ask: a row in sixteen is then kept for who has none.
        func scheduler(_ batch: LiveBatch.Limits, hasKeys: Bool) -> Scheduler.Limits {
            var limits = Scheduler.Limits()
            limits.rows = maxRows
            limits.rowsShare = maxRowsShare
            if hasKeys, maxRows >= 8 { limits.spareRows = max(1, maxRows / 16) }
            limits.waitingRequests = maxQueued
            limits.waitingTokens = maxQueuedTokens
            limits.positions = batch.keyValueRows ?? .max
            return limits
        }
    }

    /// Sizes of memory.
    enum Memory {
        /// Reads "512M", "8G", "1000000": with K, M, G, T the powers of 1024.
        static func bytes(_ text: String) throws -> Int {
            let units: [Character: Double] = ["k": 1024, "m": 1_048_576, "g": 1_073_741_824, "t": 1_099_511_627_776]
            var digits = text.lowercased()
            if digits.hasSuffix("ib") { digits.removeLast(2) } else if digits.hasSuffix("b") { digits.removeLast() }
            let unit = digits.last.flatMap { units[$0] }
            if unit != nil { digits.removeLast() }
            guard let number = Double(digits), number > 0, number * (unit ?? 1) < 1e16 else {
                throw ValidationError("\"\(text)\" is no size; write it as 512M or 8G.")
            }
            return Int(number * (unit ?? 1))
        }

        /// A part of this machine's memory.
        static func part(of fraction: Double) -> Int { Int(Double(ProcessInfo.processInfo.physicalMemory) * fraction) }
    }
#endif
