import Foundation
import HTTPTypes
import Hummingbird
import LanguageModels
import NIOCore
import PrefixTuning
import Tensors

extension ServingServer {
    /// `/v1/prefixes`: what can be done with prefixes beside using them; and vLLM's names for loading and unloading.
    func addPrefixes(to router: Router<ServingContext>) {
        router.get("/v1/prefixes") { [self] request, context in try await list(request, context) }
        router.post("/v1/prefixes") { [self] request, context in
            let type = request.headers[.contentType] ?? ""
            let entry =
                type.lowercased().hasPrefix("multipart/form-data")
                ? try await upload(request, context, type) : try await make(request, context)
            return Self.json(await library.object(entry, base: model.name), status: .created)
        }
        router.get("/v1/prefixes/**") { [self] request, context in
            var name = try Self.name(context), wantsContent = false
            if name.hasSuffix("/content") {
                name.removeLast("/content".count)
                wantsContent = true
            }
            let entry = try await library.find(name, for: context.identity)
            return wantsContent
                ? try await content(entry, request) : Self.json(await library.object(entry, base: model.name))
        }
        router.post("/v1/prefixes/**") { [self] request, context in
            let whole = try Self.name(context)
            guard let slash = whole.lastIndex(of: "/") else {
                throw ServingError.routeNotFound(method: "POST", path: request.uri.path)
            }
            let entry = try await library.find(String(whole[..<slash]), for: context.identity)
            switch whole[whole.index(after: slash)...] {
            case "load": _ = try await library.values(of: entry)
            case "unload":
                try checkChange(of: entry, context)
                await library.unload(entry)
            case "pin":
                try checkChange(of: entry, context)
                try await library.pin(entry)
            default: throw ServingError.routeNotFound(method: "POST", path: String(request.uri.path.prefix(128)))
            }
            return Self.json(await library.object(entry, base: model.name))
        }
        router.delete("/v1/prefixes/**") { [self] _, context in try await delete(Self.name(context), context) }
        router.post("/v1/load_lora_adapter") { [self] request, context in
            var fields = try RequestFields(try await reader.json(request, context))
            let name = try fields.neededString("lora_name"), path = try fields.neededString("lora_path")
            let entry = try await copy(path, field: "lora_path", as: name, replaces: true, context)
            return Self.text("Success: prefix '\(entry.id)' added successfully.")
        }
        router.post("/v1/unload_lora_adapter") { [self] request, context in
            var fields = try RequestFields(try await reader.json(request, context))
            let entry = try await library.find(try fields.neededString("lora_name"), for: context.identity)
            try checkChange(of: entry, context)
            await library.unload(entry)
            return Self.text("Success: prefix '\(entry.id)' removed from memory successfully.")
        }
    }

    /// Whoever may only use a prefix makes it neither stay nor go: others would wait for it.
    private func checkChange(of entry: PrefixEntry, _ context: ServingContext) throws(ServingError) {
        guard context.identity.mayChange(owner: entry.owner) else {
            throw .forbidden(scope: "own:\(entry.owner ?? "…")")
        }
    }

    private func list(_ request: Request, _ context: ServingContext) async throws -> Response {
        let query = request.uri.queryParameters
        let limit = query["limit"].flatMap { Int(String($0)) } ?? 100
        guard (1...1000).contains(limit) else {
            throw ServingError.outOfRange(field: "limit", value: "\(limit)", range: "a whole number from 1 to 1000")
        }
        let after = query["after"].map { $0.removingPercentEncoding ?? String($0) }
        let all = await library.visible(to: context.identity)
        let rest = after.map { after in all.drop { $0.id <= after } } ?? all[...]
        var data: [ModelObject] = []
        for entry in rest.prefix(limit) { data.append(await library.object(entry, base: model.name)) }
        return Self.json(
            ListObject(data: data, firstID: data.first?.id, lastID: data.last?.id, hasMore: rest.count > limit))
    }

    /// The owner under which somebody makes prefixes.
    func owner(_ context: ServingContext) throws(ServingError) -> String? {
        guard let owner = context.identity.owner else {
            if context.identity.isAdmin { return nil }
            throw .forbidden(scope: "own:OWNER")
        }
        return owner
    }

    /// A name, which may be written with its owner.
    func place(_ name: String, _ context: ServingContext) throws(ServingError) -> (owner: String?, name: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return (try owner(context), name) }
        guard PrefixName.isValid(parts[0]) else {
            throw .outOfRange(field: "name", value: "\"\(name.prefix(80))\"", range: PrefixName.requirement)
        }
        guard context.identity.mayChange(owner: parts[0]) else { throw .forbidden(scope: "own:\(parts[0])") }
        return (parts[0], parts[1])
    }

    func store(
        _ name: String, replaces: Bool, _ context: ServingContext, write: @Sendable (URL) async throws -> Void
    ) async throws -> PrefixEntry {
        let (owner, name) = try place(name, context)
        let entry = try await library.store(
            name, owner: owner, replaces: replaces, limit: context.identity.limits.bytes, write: write)
        context.facts.note("prefix", entry.id)
        return entry
    }

    /// A prefix of a text, of a folder on the server, or of other prefixes.
    private func make(_ request: Request, _ context: ServingContext) async throws -> PrefixEntry {
        var fields = try RequestFields(try await reader.json(request, context))
        let name = try fields.neededString("name"), replaces = try fields.flag("replace") ?? false
        if let text = try fields.string("text") {
            return try await keep(text, as: name, replaces: replaces, context)
        }
        if let path = try fields.string("path") {
            return try await copy(path, field: "path", as: name, replaces: replaces, context)
        }
        if fields.values["from"] != nil {
            return try await combine(try Combination(&fields), as: name, replaces: replaces, context)
        }
        throw ServingError.missing(field: "text, path or from")
    }

    /// Keys and values that the model computes for a text, as a prefix.
    private func keep(
        _ text: String, as name: String, replaces: Bool, _ context: ServingContext
    ) async throws -> PrefixEntry {
        let tokens = try model.tokens(of: text)
        guard tokens.count < model.positions else {
            throw ServingError.contextLength(
                field: "text", prompt: tokens.count, newTokens: 1, prefix: 0, positions: model.positions)
        }
        let language = model.model, most = min(settings.uploadLimit, context.identity.limits.bytes ?? .max)
        let width = await Compute.run { language.network.shape.prefixRowWidth }
        let bytes = tokens.count * width * MemoryLayout<Float>.size
        guard bytes <= most else {
            throw ServingError.outOfRange(
                field: "text", value: "\(tokens.count) tokens, which take \(bytes) bytes",
                range: "at most \(most) bytes")
        }
        let lease = try KeyLease(keys, context.identity, at: ProcessInfo.processInfo.systemUptime)
        defer { lease.end(tokens: tokens.count) }
        return try await store(name, replaces: replaces, context) { folder in
            let prefix = try await Compute.run {
                let shape = language.network.shape
                return try Prefix(
                    length: tokens.count, parts: language.keyValues(of: tokens).mapValues { $0.values }, shape: shape,
                    baseModel: language.name, baseDigest: language.digest)
            }
            try prefix.write(to: folder)
        }
    }

    /// A folder or file within the folder that such requests may name.
    private func copy(
        _ path: String, field: String, as name: String, replaces: Bool, _ context: ServingContext
    ) async throws -> PrefixEntry {
        guard let root = settings.prefixRoot?.resolvingSymlinksInPath().standardizedFileURL else {
            throw ServingError.unsupported(
                field: field, value: "", advice: "start the server with --prefix-root DIR, or upload the files")
        }
        let place = (path.hasPrefix("/") ? URL(fileURLWithPath: path) : root.appendingPathComponent(path))
            .resolvingSymlinksInPath().standardizedFileURL
        // What lies elsewhere is told as what is not there, and so are others' prefixes, where the store lies within the root.
        let own = await library.folder.resolvingSymlinksInPath().standardizedFileURL.path
        guard place.path.hasPrefix(root.path + "/"), !"\(place.path)/".hasPrefix(own + "/"),
            FileManager.default.fileExists(atPath: place.path)
        else {
            throw ServingError.outOfRange(
                field: field, value: "\"\(path.prefix(160))\"", range: "a folder within the server's --prefix-root")
        }
        return try await store(name, replaces: replaces, context) { folder in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder)
            let files =
                isFolder.boolValue
                ? try FileManager.default.contentsOfDirectory(atPath: place.path).map {
                    place.appendingPathComponent($0)
                }
                : [place]
            for file in files where StoreFolder.mayStore(file.lastPathComponent) {
                let target = file.resolvingSymlinksInPath().standardizedFileURL
                guard target.path.hasPrefix(root.path + "/"), !target.path.hasPrefix(own + "/") else { continue }
                try FileManager.default.copyItem(at: target, to: folder.appendingPathComponent(file.lastPathComponent))
            }
        }
    }

    /// A file of the prefix: that of its values unless `?file=` names another.
    private func content(_ entry: PrefixEntry, _ request: Request) async throws -> Response {
        let name = request.uri.queryParameters["file"].map(String.init) ?? "adapter_model.safetensors"
        let file = await library.place(of: entry).appendingPathComponent(name)
        guard StoreFolder.mayStore(name), let data = try? Data(contentsOf: file, options: .alwaysMapped) else {
            throw ServingError.outOfRange(
                field: "file", value: "\"\(name.prefix(80))\"",
                range: "a file of the prefix, such as adapter_config.json")
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/octet-stream",
                .contentDisposition: "attachment; filename=\"\(name)\"",
            ],
            body: ResponseBody(contentLength: data.count) { writer in
                var start = data.startIndex
                while start < data.endIndex {
                    let end = min(data.endIndex, start + 65536)
                    try await writer.write(ByteBuffer(bytes: data[start..<end]))
                    start = end
                }
                try await writer.finish(nil)
            })
    }
}
