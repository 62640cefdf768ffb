import Foundation
import LanguageModels
import Tensors

/// A prefix, soft prompt or infix as its file holds it for a model: read on the caller's thread, and then made ready on the
/// compute thread, which has no part in the reading.
struct StoredPrefix: Sendable {
    private enum Kind {
        case prefix(PrefixFile, PrefixFile.Stored)
        case infix(InfixFile, InfixFile.Stored)
    }

    private let kind: Kind

    /// Reads a folder or file of any kind that ``PrefixFile`` or ``InfixFile`` knows.
    ///
    /// - Throws: ``PrefixError`` where it is of no known kind or does not fit the model, `CheckpointError` where a file is
    ///   damaged.
    init(_ url: URL, for model: LanguageModel) throws {
        if InfixFile.isInfix(url) {
            let file = try InfixFile(url)
            kind = .infix(file, try file.stored(for: model))
        } else {
            let file = try PrefixFile(url)
            kind = .prefix(file, try file.stored(for: model.configuration))
        }
    }

    /// Keys and values as the model's caches take them.
    ///
    /// - Throws: ``PrefixError`` or `CheckpointError` where they are not what the model needs.
    @Compute func resident(on model: LanguageModel) throws -> ResidentPrefix {
        switch kind {
        case .infix(let file, let stored):
            let start = InitialKeyValues(afterPrompt: try stored.virtualTokens(for: model))
            return ResidentPrefix(
                start, source: .init(url: file.folder, title: InfixFile.title, baseModel: file.baseModel),
                baseDigest: file.baseDigest, length: file.length, positions: start.decoderPositions)
        case .prefix(let file, let stored):
            let start: InitialKeyValues, length: Int, positions: Int, baseModel: String?
            switch try stored.evaluated() {
            case .prefix(let prefix):
                start = try prefix.keyValues(for: model.network.shape, as: model.cacheType)
                (length, positions, baseModel) = (prefix.length, prefix.takenPositions, prefix.baseModel)
            case .softPrompt(let prompt):
                start = try prompt.start(on: model)
                (length, positions, baseModel) = (prompt.length, prompt.length, prompt.baseModel)
            }
            return ResidentPrefix(
                start, source: .init(url: file.url, title: file.dialect.title, baseModel: baseModel),
                baseDigest: file.baseDigest, length: length, positions: positions)
        }
    }
}
