import Foundation

/// The tokens that a model's makers prescribe for its output: `generation_config.json`, else `config.json`.
public struct GenerationConventions: Equatable, Sendable {
    /// Tokens that end an answer. As files state them they may lie beyond the vocabulary; a ``LanguageModel`` has none that do.
    public var endTokens: [Int32]
    /// The token that begins a text (`bos_token_id`): what an empty prompt is answered after.
    public var beginToken: Int32?
    /// The only token that an answer may begin with (`forced_bos_token_id`).
    public var forcedFirstToken: Int32?
    /// The only token that an answer of the greatest length may end with (`forced_eos_token_id`).
    public var forcedLastToken: Int32?

    /// Conventions; nothing is forced unless stated.
    public init(
        endTokens: [Int32], beginToken: Int32? = nil, forcedFirstToken: Int32? = nil, forcedLastToken: Int32? = nil
    ) {
        self.endTokens = endTokens
        self.beginToken = beginToken
        self.forcedFirstToken = forcedFirstToken
        self.forcedLastToken = forcedLastToken
    }

    /// Reads a model folder's conventions.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, naming the key.
    static func read(_ folder: URL, _ configuration: any ModelConfiguration) throws -> GenerationConventions {
        let size = configuration.shape.vocabularySize
        // Small models for tests name a begin token beyond their vocabulary: they have none.
        var conventions = GenerationConventions(
            endTokens: configuration.endTokens,
            beginToken: configuration.beginToken.flatMap { Int($0) < size ? $0 : nil })
        for name in ["config.json", "generation_config.json"] {
            let url = folder.appendingPathComponent(name)
            guard FileManager.default.fileExists(atPath: url.path) else { continue }
            let file = try ConfigurationReader(url)
            if name == "generation_config.json" {
                let ends = try file.endTokens("eos_token_id", default: conventions.endTokens)
                if !ends.isEmpty { conventions.endTokens = ends }
            }
            func forced(_ key: String) throws -> Int32? { try file.token(key, vocabulary: size) }
            conventions.beginToken =
                (try? file.tokens("bos_token_id", vocabulary: size))?.first ?? conventions.beginToken
            conventions.forcedFirstToken = try forced("forced_bos_token_id") ?? conventions.forcedFirstToken
            conventions.forcedLastToken = try forced("forced_eos_token_id") ?? conventions.forcedLastToken
        }
        return conventions
    }
}
