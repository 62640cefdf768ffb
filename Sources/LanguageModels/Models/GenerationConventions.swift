/// The tokens that a model's makers prescribe for its output: `generation_config.json`, else `config.json`.
public struct GenerationConventions: Equatable, Sendable {
    /// Tokens that end an answer. As files state them they may lie beyond the vocabulary; a ``LanguageModel`` has none that do.
    public var endTokens: [Int32]
    /// The token that begins a text (`bos_token_id`): what an empty prompt is answered after.
    public var beginToken: Int32?
    /// The only token that an answer may begin with (`forced_bos_token_id`).
    public var forcedFirstToken: Int32?
    /// The only token that an answer of the maximum length may end with (`forced_eos_token_id`).
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

    /// What a model's files say.
    ///
    /// - Parameters:
    ///   - settings: What the configuration was read from.
    ///   - generation: What goes before it; nil where there is nothing.
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, naming the key.
    package init(
        _ configuration: any ModelConfiguration, _ settings: ConfigurationReader, generation: ConfigurationReader?
    ) throws {
        let size = configuration.shape.vocabularySize
        // Small models for tests name a begin token beyond their vocabulary: they have none.
        self.init(
            endTokens: configuration.endTokens,
            beginToken: configuration.beginToken.flatMap { Int($0) < size ? $0 : nil })
        if let ends = try generation?.endTokens("eos_token_id", default: endTokens), !ends.isEmpty { endTokens = ends }
        for file in [settings, generation].compactMap(\.self) {
            func forced(_ key: String) throws -> Int32? { try file.token(key, vocabulary: size) }
            beginToken = (try? file.tokens("bos_token_id", vocabulary: size))?.first ?? beginToken
            forcedFirstToken = try forced("forced_bos_token_id") ?? forcedFirstToken
            forcedLastToken = try forced("forced_eos_token_id") ?? forcedLastToken
        }
    }
}
