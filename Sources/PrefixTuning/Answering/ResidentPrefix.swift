import Foundation
import LanguageModels
import Tensors

/// A trained prefix, soft prompt or infix in memory, as a model's caches take it.
///
/// It is made once. All texts that come after the same object attend to the same keys and values, which lie in memory once
/// however many texts there are; so it is passed on, not read again. A ``PrefixStore`` keeps those of many users.
@Compute public final class ResidentPrefix {
    /// Where a prefix was read from, and what its file says of itself.
    public struct Source: Equatable, Sendable {
        /// The folder or file; nil for a prefix that was never in one.
        public let url: URL?
        /// What people call its form, such as "PREFIX_TUNING, as PEFT stores it".
        public let title: String
        /// Folder or name of the model that it was trained on, if known.
        public let baseModel: String?
    }

    /// What texts start from.
    public let start: InitialKeyValues
    /// Where it was read from.
    public nonisolated let source: Source
    /// Of the weights that it was trained on (`LanguageModel.digest`), where the file records it.
    public nonisolated let baseDigest: Digest?
    /// Number n of positions.
    public nonisolated let length: Int
    /// How many of the model's positions it leaves no longer to text: n, or 0 where text starts at position 0.
    public nonisolated let positions: Int
    /// Memory that it takes.
    public nonisolated let byteCount: Int
    /// Whether it stands among what each text's model reads, an infix or embeddings before a source, and not only before it.
    package nonisolated let standsWithinText: Bool

    init(_ start: InitialKeyValues, source: Source, baseDigest: Digest?, length: Int, positions: Int) {
        self.start = start
        self.source = source
        self.baseDigest = baseDigest
        self.length = length
        self.positions = positions
        byteCount = start.byteCount
        standsWithinText = start.rowsPerText > 0
    }

    /// Lays out a prefix that is in memory, such as one that has just been trained.
    ///
    /// - Parameters:
    ///   - prefix: The prefix.
    ///   - model: The model that it is used with.
    /// - Throws: ``PrefixError`` where it belongs to a model of other sizes, or leaves no position for text.
    public convenience init(_ prefix: Prefix, for model: LanguageModel) throws {
        self.init(
            try prefix.keyValues(for: model.network.shape, as: model.cacheType),
            source: Source(url: nil, title: "in memory", baseModel: prefix.baseModel), baseDigest: prefix.baseDigest,
            length: prefix.length, positions: prefix.takenPositions)
    }

    /// Reads a prefix, on the compute thread: for programs in which nothing else waits for it.
    ///
    /// - Parameters:
    ///   - url: The folder or file, of any kind that ``PrefixFile`` or ``InfixFile`` knows.
    ///   - model: The model that it is used with.
    /// - Throws: ``PrefixError`` or `CheckpointError`.
    public convenience init(contentsOf url: URL, for model: LanguageModel) throws {
        let other = try StoredPrefix(url, for: model).resident(on: model)
        self.init(
            other.start, source: other.source, baseDigest: other.baseDigest, length: other.length,
            positions: other.positions)
    }

    /// Reads a prefix on a thread of its caller's, and uses the compute thread only to lay it out for the model.
    ///
    /// - Throws: ``PrefixError`` or `CheckpointError`.
    public nonisolated static func read(_ url: URL, for model: LanguageModel) async throws -> ResidentPrefix {
        try await StoredPrefix(url, for: model).resident(on: model)
    }

    /// Whether it was trained on other weights than a model's.
    public nonisolated func mismatch(with model: LanguageModel) -> BaseMismatch? {
        BaseMismatch(
            adapter: source.url?.path ?? "the prefix", trainedOn: baseDigest, model: model.name, digest: model.digest)
    }
}
