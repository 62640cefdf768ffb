import ChatTemplates
import PrefixTuning

/// What a request's `model` means: the base model, and the prefixes that its texts come after.
struct ResolvedModel: Sendable {
    /// As the client named it.
    let id: String
    /// The prefixes, in order.
    let entries: [PrefixEntry]
    /// Their values: held until the request is over.
    let prefixes: [ResidentPrefix]

    /// Positions of all of them.
    var length: Int { prefixes.reduce(0) { $0 + $1.length } }
    /// Positions that text has no longer.
    var positions: Int { prefixes.reduce(0) { $0 + $1.positions } }
}

extension ServingServer {
    /// Finds out what a name means and reads its prefixes.
    ///
    /// `base`, `NAME`, `OWNER/NAME`, `base:NAME`, and `base+NAME+NAME` for several prefixes in a row.
    ///
    /// - Throws: ``ServingError/modelNotFound(_:)``, ``ServingError/invalidPrefix(name:reason:)``.
    func resolve(_ name: String, for identity: Identity) async throws(ServingError) -> ResolvedModel {
        let entries = try await entries(of: name, for: identity)
        var prefixes: [ResidentPrefix] = []
        for entry in entries { prefixes.append(try await library.values(of: entry)) }
        return ResolvedModel(id: name, entries: entries, prefixes: prefixes)
    }

    /// The chat template that the prefixes of a name were trained with, where that is not the model's own.
    ///
    /// - Throws: ``ServingError/modelNotFound(_:)``, ``ServingError/invalidPrefix(name:reason:)``,
    ///   ``ServingError/templatesDiffer(_:_:)``.
    func template(of entries: [PrefixEntry]) async throws(ServingError) -> ChatTemplate? {
        var found: (template: ChatTemplate, id: String)?
        for entry in entries {
            guard let template = try await library.template(of: entry) else { continue }
            if let found, found.template.source != template.source { throw .templatesDiffer(found.id, entry.id) }
            found = (template, entry.id)
        }
        return found?.template
    }

    /// The prefixes that a name means; none for the model itself.
    func entries(of name: String, for identity: Identity) async throws(ServingError) -> [PrefixEntry] {
        if name == model.name { return [] }
        if name.hasPrefix(model.name + "+") {
            let names = name.dropFirst(model.name.count + 1).split(separator: "+", omittingEmptySubsequences: false)
            guard names.count <= 16 else { throw .modelNotFound(String(name.prefix(160))) }
            var entries: [PrefixEntry] = []
            for name in names { entries.append(try await library.find(String(name), for: identity)) }
            return entries
        }
        if name.hasPrefix(model.name + ":") {
            return [try await library.find(String(name.dropFirst(model.name.count + 1)), for: identity)]
        }
        return [try await library.find(name, for: identity)]
    }
}
