import Foundation

/// A model in the store of Ollama on this machine: `name`, `name:tag`, `user/name:tag`, `host/user/name:tag`.
///
/// A manifest, JSON as container registries have it, names the file of the model's weights by its checksum; that is a GGUF file. Nothing
/// is fetched: `ollama pull` does that.
public struct OllamaModel: Hashable, Sendable, CustomStringConvertible {
    /// As it was given.
    public let description: String

    /// A model by its name.
    public init(_ name: String) { description = name }

    private struct Manifest: Decodable {
        struct Layer: Decodable {
            let mediaType: String
            let digest: String
        }
        let layers: [Layer]
    }

    /// The GGUF file of the model.
    ///
    /// - Parameters:
    ///   - variables: The environment; `OLLAMA_MODELS` is the store's folder.
    ///   - home: The user's folder.
    /// - Throws: ``HubError/ollama(name:reason:)``.
    public func file(
        _ variables: [String: String] = ProcessInfo.processInfo.environment, home: String = NSHomeDirectory()
    ) throws -> URL {
        func failure(_ reason: String) -> HubError { .ollama(name: description, reason: reason) }
        let path = try manifestPath()
        let stores = Self.stores(variables, home: home)
        guard
            let store = stores.first(where: {
                FileManager.default.fileExists(atPath: $0.appendingPathComponent("manifests/\(path)").path)
            })
        else {
            let places = stores.map(\.path).joined(separator: " or ")
            throw failure(
                "there is no manifests/\(path) in \(places); fetch it with ollama pull \(description), or set OLLAMA_MODELS to the folder "
                    + "of the store")
        }
        let file = store.appendingPathComponent("manifests/\(path)")
        guard let data = FileManager.default.contents(atPath: file.path), data.count < 1 << 20,
            let manifest = try? JSONDecoder().decode(Manifest.self, from: data)
        else { throw failure("\(file.path) is no manifest that can be read") }
        guard !manifest.layers.contains(where: { $0.mediaType == "application/vnd.ollama.image.adapter" }) else {
            throw failure(
                "it is a model with an adapter, and its weights alone are another model; name the model that it is made from"
            )
        }
        let weights = manifest.layers.filter { $0.mediaType == "application/vnd.ollama.image.model" }
        guard weights.count == 1, let digest = weights.first?.digest.split(separator: ":"), digest.count == 2,
            digest[0] == "sha256", digest[1].count == 64, digest[1].allSatisfy(\.isHexDigit)
        else {
            throw failure("\(file.path) names \(weights.count) files of weights, where one by its SHA-256 is needed")
        }
        let blob = store.appendingPathComponent("blobs/sha256-\(digest[1])")
        guard FileManager.default.fileExists(atPath: blob.path) else {
            throw failure("\(blob.path) is not there; fetch it again with ollama pull \(description)")
        }
        return blob
    }

    /// Where the manifest lies below `manifests`: what is left out of a name is `registry.ollama.ai`, `library` and `latest`.
    private func manifestPath() throws -> String {
        let name = description.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var parts = name[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1 { parts.insert("library", at: 0) }
        if parts.count == 2 { parts.insert("registry.ollama.ai", at: 0) }
        parts.append(name.count > 1 ? String(name[1]) : "latest")
        let allowed: (Character) -> Bool = { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard parts.count == 4, parts.allSatisfy({ !$0.isEmpty && $0.first != "." && $0.allSatisfy(allowed) }) else {
            throw HubError.ollama(
                name: description, reason: "it is no name of Ollama's; give one as name, name:tag or user/name:tag")
        }
        return parts.joined(separator: "/")
    }

    /// The folders that Ollama keeps models in: what the environment says, else the user's, then the service's.
    private static func stores(_ variables: [String: String], home: String) -> [URL] {
        if let folder = variables["OLLAMA_MODELS"], !folder.isEmpty {
            return [URL(fileURLWithPath: HubEnvironment.expand(folder, variables, home: home))]
        }
        return ["\(home)/.ollama/models", "/usr/share/ollama/.ollama/models"].map { URL(fileURLWithPath: $0) }
    }
}
