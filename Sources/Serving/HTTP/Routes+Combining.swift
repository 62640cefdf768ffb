import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// What `"from"` asks for: a prefix made of others.
struct Combination: Equatable, Sendable {
    /// Their names.
    let names: [String]
    /// The share of the second in a mixture; nil where all stand in a row.
    let weight: Float?

    /// Prefixes of one request at most.
    static let limit = 16

    /// Reads the fields `from`, `how` and `weight`.
    ///
    /// - Throws: ``ServingError``, naming the field.
    init(_ fields: inout RequestFields) throws(ServingError) {
        guard try fields.array("from") != nil else { throw .missing(field: "from") }
        names = try fields.strings("from")
        let how = try fields.string("how") ?? "row", weight = try fields.number("weight", in: -10...10)
        guard (2...Self.limit).contains(names.count) else {
            throw .outOfRange(
                field: "from", value: "\(names.count) prefix\(names.count == 1 ? "" : "es")",
                range: "2 to \(Self.limit) of them")
        }
        switch how {
        case "row":
            guard weight == nil else {
                throw .contradiction(
                    field: "weight", other: "how = \"row\"", reason: "what stands in a row is not weighed; say \"mix\"")
            }
            self.weight = nil
        case "mix":
            guard names.count == 2 else {
                throw .outOfRange(field: "from", value: "\(names.count) prefixes", range: "2 of them for a mixture")
            }
            self.weight = Float(weight ?? 0.5)
        default:
            throw .outOfRange(field: "how", value: "\"\(how.prefix(32))\"", range: "\"row\" or \"mix\"")
        }
    }
}

extension ServingServer {
    /// A prefix made of others that the key may use: their positions in a row, or a mixture of two, value by value.
    func combine(
        _ combination: Combination, as name: String, replaces: Bool, _ context: ServingContext
    ) async throws -> PrefixEntry {
        var places: [URL] = []
        for name in combination.names {
            places.append(await library.place(of: try await library.find(name, for: context.identity)))
        }
        let all = places, language = model.model, folder = await library.folder
        let most = min(settings.uploadLimit, context.identity.limits.bytes ?? .max)
        let lease = try KeyLease(keys, context.identity, at: ProcessInfo.processInfo.systemUptime)
        defer { lease.end(tokens: 0) }
        return try await store(name, replaces: replaces, context) { incoming in
            let shape = await Compute.run { language.network.shape }
            let prefix: Prefix
            do {
                let stored = try all.map { try PrefixFile($0).stored(for: shape) }
                prefix = try await Self.combined(stored, places: all, weight: combination.weight)
            } catch let error as PrefixError {
                throw ServingError.outOfRange(
                    field: "from", value: combination.names.joined(separator: ", "),
                    range: "prefixes that go together: " + "\(error)".replacing(folder.path + "/", with: ""))
            }
            let bytes = prefix.length * shape.prefixRowWidth * MemoryLayout<Float>.size
            guard bytes <= most else {
                throw ServingError.outOfRange(
                    field: "from", value: "prefixes of \(prefix.length) positions together, which take \(bytes) bytes",
                    range: "at most \(most) bytes")
            }
            try prefix.write(to: incoming)
        }
    }

    @Compute private static func combined(
        _ stored: [PrefixFile.Stored], places: [URL], weight: Float?
    ) throws -> Prefix {
        var result: Prefix?
        for (stored, place) in zip(stored, places) {
            guard case .prefix(let next) = try stored.evaluated() else {
                throw PrefixError.softPrompt(file: place.path)
            }
            if let begun = result {
                result =
                    try weight.map { try begun.interpolated(with: next, weight: $0) } ?? begun.concatenated(with: next)
            } else {
                result = next
            }
        }
        guard let result else { throw PrefixError.cannotCombine(reason: "there are none") }
        return result
    }
}
