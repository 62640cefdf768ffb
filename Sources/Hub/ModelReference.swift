import Foundation

/// A model or an adapter as people name it: a folder or file, a repository of the hub or a GGUF file of one, the address of its page
/// there, or a model that Ollama has on this machine.
///
/// ```swift
/// let reference = ModelReference("gpt2")
/// let model = try await LanguageModel.load(reference.located(), name: reference.description)
/// ```
///
/// Names become folders here, and models are loaded from folders: so nothing that computes knows of a network, and a program
/// that has its files at hand need not link this module.
public enum ModelReference: Hashable, Sendable {
    /// A folder or file.
    case local(URL)
    /// A repository of the hub.
    case hub(HubReference)
    /// An address that names no repository.
    case web(String)
    /// A model in Ollama's store.
    case ollama(OllamaModel)

    /// `ollama:…` is a model of Ollama's. `/…`, `./…`, `../…`, `~…` and what exists are local; other texts are names of the hub where they can be.
    ///
    /// - Parameter text: Such a name; an empty one is the working folder.
    public init(_ text: String) {
        if text.hasPrefix("ollama:") {
            self = .ollama(OllamaModel(String(text.dropFirst("ollama:".count))))
        } else if text.hasPrefix("https://") || text.hasPrefix("http://") {
            self = Self.reference(ofAddress: text).map { .hub($0) } ?? .web(text)
        } else if ["hf.co/", "huggingface.co/"].contains(where: text.hasPrefix), !HubReference.isLocal(text),
            let reference = Self.reference(ofAddress: "https://\(text)")
        {
            // As Ollama and the pages of models have it.
            self = .hub(reference)
        } else if !HubReference.isLocal(text), let reference = try? HubReference(text) {
            self = .hub(reference)
        } else {
            self = .local(URL(fileURLWithPath: UserPath.expanded(text)))
        }
    }

    /// The repository of a page of the hub, as it is pasted from a browser: `https://huggingface.co/org/name`, with
    /// `/tree/revision` or without; or a GGUF file of it: `…/blob/main/model-Q8_0.gguf`, `…/name:Q8_0`.
    private static func reference(ofAddress address: String) -> HubReference? {
        guard let url = URL(string: address),
            ["huggingface.co", "www.huggingface.co", "hf.co"].contains(url.host ?? "")
        else { return nil }
        var parts = url.path.split(separator: "/").map(String.init)
        var revision: String?, file: String?
        if let last = parts.last, let colon = last.firstIndex(of: ":") {
            file = String(last[last.index(after: colon)...])
            parts[parts.count - 1] = String(last[..<colon])
        }
        if let tree = parts.firstIndex(where: { ["tree", "blob", "resolve"].contains($0) }), tree > 0 {
            revision = parts.count > tree + 1 ? parts[tree + 1] : nil
            let path = parts.dropFirst(tree + 2).joined(separator: "/")
            if path.hasSuffix(".gguf") { file = path }
            parts.removeSubrange(tree...)
        }
        guard (1...2).contains(parts.count), !["datasets", "spaces"].contains(parts[0]) else { return nil }
        return try? HubReference(
            repository: parts.joined(separator: "/"), revision: revision ?? HubReference.defaultRevision, file: file)
    }

    /// The folder or file, fetched where it is not here yet; what has arrived when this ends early is kept.
    ///
    /// - Parameters:
    ///   - hub: Where it is fetched from; the hub of the process's environment unless given. A local one needs none.
    ///   - progress: Called as bytes arrive, from any thread.
    /// - Throws: ``HubError``. That a folder or file exists is not looked at: whoever reads it says so.
    public func located(
        from hub: Hub? = nil, progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws -> URL {
        switch self {
        case .local(let url): return url
        case .web(let address): throw HubError.webAddress(address)
        case .ollama(let model): return try model.file()
        case .hub(let reference):
            do {
                let hub = try hub ?? Hub()
                guard reference.file == nil else { return try await hub.file(of: reference, progress: progress) }
                return try await hub.snapshot(of: reference, progress: progress)
            } catch HubError.unreachable(let host, let reason) {
                throw HubError.foundNowhere(name: reference.description, host: host, reason: reason)
            }
        }
    }

    /// The folder or file, where it is local.
    public var file: URL? { if case .local(let url) = self { url } else { nil } }

    /// What reports call it: they are read on other machines.
    public var title: String {
        if case .local(let url) = self { url.lastPathComponent } else { description }
    }
}

extension ModelReference: CustomStringConvertible {
    /// What is recorded as the model's name: the hub's name, or the folder's path.
    public var description: String {
        switch self {
        case .local(let url): url.path
        case .web(let address): address
        case .hub(let reference): reference.description
        case .ollama(let model): "ollama:\(model)"
        }
    }
}

/// Paths as people type them.
package enum UserPath {
    /// `~` is the folder that `HOME` names, as shells and Python have it, and the account's where it names none.
    package static func expanded(_ path: String) -> String {
        guard path == "~" || path.hasPrefix("~/"), let home = ProcessInfo.processInfo.environment["HOME"], !home.isEmpty
        else { return (path as NSString).expandingTildeInPath }
        return home + path.dropFirst()
    }
}
