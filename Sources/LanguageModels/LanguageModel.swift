import Foundation
import Tensors
import Tokenizers

/// A frozen language model with its tokenizer, resident once and shared by everything that uses it.
@Compute public final class LanguageModel {
    /// The folder or name it was loaded from.
    public nonisolated let name: String
    /// Turns text into token ids and back.
    public nonisolated let tokenizer: Tokenizer
    /// Sizes and conventions.
    public nonisolated let configuration: any ModelConfiguration
    /// The tokens that its makers prescribe for output.
    public nonisolated let conventions: GenerationConventions
    /// The token that ends a text, and, for GPT-2, begins the completion. Where the files name none within the vocabulary, one
    /// beyond it, which no text of the model can contain.
    public nonisolated let endOfText: Int32
    /// How its frozen weights are held.
    public nonisolated let precision: WeightPrecision
    /// How the keys and values of prefixes, and of what it reads and writes, are held where nothing is trained.
    public nonisolated let cacheType: CacheType
    /// Of the checkpoint's weights; see ``CheckpointReader/digest``. Nil where the model was not read from one.
    public nonisolated let weightsDigest: Digest?
    /// Of the weights and of the adapters that were put into the model with values of their own: equal for models that
    /// compute the same, but for ``precision``. Adapters that are still trained do not count.
    public nonisolated let digest: Digest?
    /// The network: hidden states from tokens, over whose last one stands the head.
    public let network: any CausalModel

    /// What a model is loaded for.
    public enum Purpose: Sendable {
        /// Generating and scoring.
        case inference
        /// Training something that gradients must reach through the frozen weights.
        case tuning
    }

    /// Loads a model folder: `config.json`, the weights (safetensors or PyTorch, whole or in shards), tokenizer files.
    ///
    /// - Parameters:
    ///   - folder: The folder.
    ///   - purpose: Tuning keeps a second, re-laid copy of each 32-bit matrix for gradients.
    ///   - precision: How the weights are held.
    ///   - adapters: Low-rank updates of some of the matrices.
    ///   - trained: Adapters that are put into the model, to be trained there or with values of their own.
    ///   - name: What the model is called where the folder's path does not tell, such as its name on a hub.
    ///   - cacheType: How keys and values are held; see ``cacheType``. Training holds them in 32 bits in any case.
    /// - Throws: ``CheckpointError``, ``AdapterError`` or `TokenizerError`, naming file and key.
    public static func load(
        _ folder: URL, for purpose: Purpose = .inference, precision: WeightPrecision = .float32,
        adapters: LowRankUpdates? = nil, trained: TrainedAdapters? = nil, name: String? = nil,
        cacheType: CacheType = .float32
    ) throws -> LanguageModel {
        try load(
            modelFiles(at: folder), for: purpose, precision: precision, adapters: adapters, trained: trained,
            name: name,
            cacheType: cacheType)
    }

    /// Loads a model from its files, whatever their form; all else is as for a folder.
    public static func load(
        _ files: any ModelFiles, for purpose: Purpose = .inference, precision: WeightPrecision = .float32,
        adapters: LowRankUpdates? = nil, trained: TrainedAdapters? = nil, name: String? = nil,
        cacheType: CacheType = .float32
    ) throws -> LanguageModel {
        try load(
            files, use: .frozen(differentiable: purpose == .tuning, precision: precision), adapters: adapters,
            trained: trained, name: name, cacheType: cacheType)
    }

    /// Loads a model with trainable weights, for full or partial fine-tuning.
    ///
    /// - Parameters:
    ///   - only: Which weights are trained, by full name; all unless given.
    ///   - name: What the model is called; the files' own name unless given.
    /// - Throws: ``CheckpointError`` or `TokenizerError`, naming file and key.
    public static func load(
        _ files: any ModelFiles, trainedOn tape: Tape, only: (@Sendable (_ name: String) -> Bool)? = nil,
        name: String? = nil
    ) throws -> LanguageModel {
        try load(files, use: .trainable(tape, only: only), adapters: nil, trained: nil, name: name)
    }

    private static func load(
        _ files: any ModelFiles, use: WeightUse, adapters: LowRankUpdates?, trained: TrainedAdapters?, name: String?,
        cacheType: CacheType = .float32
    ) throws -> LanguageModel {
        let configuration = try files.configuration
        try files.checkStorage()
        let conventions = try files.conventions, tokenizer = try files.tokenizer
        let precision: WeightPrecision = if case .frozen(_, let precision) = use { precision } else { .float32 }
        try precision.check()
        let reader = CheckpointReader(try files.tensors)
        try reader.checkMemory(precision)
        let loader = WeightLoader(reader, use: use, adapters: adapters, trained: trained)
        let network = try configuration.network(loader)
        Compute.releaseFreeMemory()
        return try LanguageModel(
            name: name ?? files.name, tokenizer: tokenizer, configuration: configuration, network: network,
            conventions: conventions, precision: precision, weightsDigest: loader.weightsDigest,
            digest: loader.digest(), cacheType: cacheType)
    }

    /// A model from its parts.
    ///
    /// - Parameters:
    ///   - weightsDigest: What tells the weights from others; see ``weightsDigest``.
    ///   - digest: The same, adapters included; see ``digest``.
    ///   - cacheType: How keys and values are held; see ``cacheType``.
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)`` where no end-of-text token is known.
    public init(
        name: String, tokenizer: Tokenizer, configuration: any ModelConfiguration, network: any CausalModel,
        conventions: GenerationConventions? = nil, precision: WeightPrecision = .float32,
        weightsDigest: Digest? = nil, digest: Digest? = nil, cacheType: CacheType = .float32
    ) throws {
        var conventions = conventions ?? GenerationConventions(endTokens: configuration.endTokens)
        if conventions.endTokens.isEmpty, let end = tokenizer.endOfText { conventions.endTokens = [end] }
        // Tiny test models keep the end token of the model they were made from; they cannot write it, and go on to the end.
        let stated = conventions.endTokens, size = configuration.shape.vocabularySize
        func exists(_ token: Int32) -> Bool { (0..<size).contains(Int(token)) }
        conventions.endTokens = stated.filter(exists)
        if conventions.beginToken == nil {
            conventions.beginToken = tokenizer.beginningOfText.flatMap { exists($0) ? $0 : nil }
        }
        let known = [conventions.endTokens.first, tokenizer.endOfText].compactMap { $0 }
        guard let end = known.first(where: exists) ?? stated.first else {
            throw CheckpointError.invalidConfiguration(
                file: name, path: "eos_token_id",
                reason: "neither the configuration nor the tokenizer names a token that ends a text")
        }
        self.name = name
        self.tokenizer = tokenizer
        self.configuration = configuration
        self.network = network
        self.precision = precision
        self.cacheType = cacheType
        self.weightsDigest = weightsDigest
        self.digest = digest ?? weightsDigest
        self.conventions = conventions
        endOfText = end
    }

    /// Keys and values that the model computes for a text: what a prefix made of words starts from.
    ///
    /// An encoder–decoder model reads the text with its encoder, and with its decoder while attending to that.
    ///
    /// - Parameter tokens: The text's tokens, from position 0.
    /// - Returns: For each kind of attention [tokens × 2·layers·keyWidth], in the layout of a prefix.
    public func keyValues(of tokens: [Int32]) -> [AttentionKind: Tensor] { keyValues(of: TokenBatch([tokens])) }

    /// Keys and values that a decoder-only model computes for embeddings in place of tokens: what prompt tuning (Lester
    /// et al. 2021) comes to in a model that does not change.
    ///
    /// - Parameter softPrompt: Embeddings [n × width], from position 0.
    /// - Returns: For each kind of attention [n × 2·layers·keyWidth], in the layout of a prefix.
    public func keyValues(ofEmbeddings softPrompt: Tensor) -> [AttentionKind: Tensor] {
        keyValues(of: TokenBatch([[]], after: softPrompt))
    }

    /// The same, recorded on the tape of the embeddings, so that gradients of the keys and values reach them.
    ///
    /// - Parameter softPrompt: Embeddings [n × width], from position 0 of a decoder-only model.
    /// - Returns: [n × 2·layers·keyWidth], in the layout of a prefix.
    public func differentiableKeyValues(ofEmbeddings softPrompt: Tensor) -> Tensor {
        let shape = network.shape, trace = KeyValueTrace()
        let cache = KVCache(shape: shape, sequences: [.init()], keepsTokens: false, trace: trace)
        _ = network.hiddenStates(TokenBatch([[]], after: softPrompt), cache: cache, dropout: nil)
        return trace.matrix(keyWidth: shape.keyWidth)
    }

    private func keyValues(of batch: TokenBatch) -> [AttentionKind: Tensor] {
        let shape = network.shape
        var result: [AttentionKind: Tensor] = [:], source: [KeyValues] = []
        if let network = network as? any EncoderDecoderModel, let stack = shape.encoder {
            let cache = KVCache(stack: stack, sequences: [.init()], keepsTokens: true)
            source = network.encode(batch, cache: cache, dropout: nil)
            result[.encoder] = cache.matrix(ofSequence: 0)
            result[.cross] = source.first?.matrix(keyWidth: shape.keyWidth)
        }
        let cache = KVCache(shape: shape, sequences: [.init(reading: source)], keepsTokens: true)
        _ = network.hiddenStates(batch, cache: cache, dropout: nil)
        result[.decoder] = cache.matrix(ofSequence: 0)
        return result
    }
}
