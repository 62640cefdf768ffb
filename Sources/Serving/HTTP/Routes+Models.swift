import Foundation
import Hummingbird

extension ServingServer {
    /// The base model as a list tells it.
    private var base: ModelObject {
        ModelObject(
            id: model.name, created: model.created, ownedBy: "prefixtune", root: model.name, parent: nil,
            maxModelLength: model.positions)
    }

    /// `/v1/models`: the base model, and the prefixes that the key may use.
    func addModels(to router: Router<ServingContext>) {
        router.get("/v1/models") { [self] _, context in
            var data = [base]
            for entry in await library.visible(to: context.identity) {
                data.append(await library.object(entry, base: model.name))
            }
            return Self.json(ListObject(data: data, firstID: data.first?.id, lastID: data.last?.id))
        }
        router.get("/v1/models/**") { [self] _, context in
            let name = try Self.name(context)
            if name == model.name { return Self.json(base) }
            let entry = try await library.find(name, for: context.identity)
            return Self.json(await library.object(entry, base: model.name))
        }
        router.delete("/v1/models/**") { [self] _, context in
            try await delete(Self.name(context), context)
        }
    }

    /// What a path ends with: an id, whose `/` clients may or may not have encoded.
    static func name(_ context: ServingContext) throws(ServingError) -> String {
        let name = context.parameters.getCatchAll().map { $0.removingPercentEncoding ?? String($0) }
            .joined(separator: "/")
        guard !name.isEmpty else { throw .modelNotFound("") }
        return name
    }

    /// Removes a prefix.
    func delete(_ name: String, _ context: ServingContext) async throws -> Response {
        if name == model.name { throw ServingError.forbidden(scope: "to delete the base model, which no key has") }
        let entry = try await library.find(name, for: context.identity)
        guard context.identity.mayChange(owner: entry.owner) else {
            throw ServingError.forbidden(scope: "own:\(entry.owner ?? "…")")
        }
        try await library.delete(entry)
        return Self.json(DeletedObject(id: entry.id))
    }
}
