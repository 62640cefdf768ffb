import LanguageModels
import Tensors

/// Measures how much attention the positions of a prefix get while a model reads texts.
///
/// The model does not know of it: it reads the texts as it does in training, and each attention is looked at from
/// outside. An attention to the prefix is one whose keys lie in the prefix's matrix; where in it, says the layer.
@Compute public struct AttentionMeter {
    /// A text that is read after the prefix.
    public struct Text: Equatable, Sendable {
        /// What the encoder of an encoder–decoder model reads; empty for a decoder-only model.
        public var source: [Int32]
        /// What the decoder reads; at least one token.
        public var tokens: [Int32]
        /// The first token of the decoder's that counts. All tokens of a source count.
        public var firstCounted: Int

        /// A text to measure on; its parts are described at the properties.
        public init(source: [Int32] = [], tokens: [Int32], firstCounted: Int = 0) {
            self.source = source
            self.tokens = tokens
            self.firstCounted = firstCounted
        }

        /// What a model reads of an example: all tokens but the last, which is only predicted.
        ///
        /// - Parameter predictingOnly: Whether only those tokens count from which a token of the completion is predicted.
        public init(_ example: TokenizedExample, predictingOnly: Bool) {
            self.init(
                source: example.source, tokens: example.tokens.dropLast(),
                firstCounted: predictingOnly ? example.targetStart - 1 : 0)
        }
    }

    private let model: any CausalModel
    private let start: InitialKeyValues
    /// Positions that are left for text.
    private let positions: Int
    private let tokensPerPass: Int

    /// A meter.
    ///
    /// - Parameters:
    ///   - model: Reads the texts.
    ///   - prefix: What each text comes after.
    ///   - tokensPerPass: Tokens that go through the model at once, a text being whole; bounds the memory.
    /// - Throws: ``PrefixError/otherModel(prefix:model:)`` where the prefix was made for a model of other sizes.
    public init(_ model: any CausalModel, prefix: Prefix, tokensPerPass: Int = 512) throws {
        self.model = model
        start = try prefix.keyValues(for: model.shape)
        positions = model.shape.positionCount - (prefix.textPosition == .afterPrefix ? prefix.length : 0)
        self.tokensPerPass = tokensPerPass
    }

    /// A meter over a model and the prefix that its texts come after.
    ///
    /// - Throws: ``AnalysisError/nothingBefore`` where there is none, or an infix, or embeddings before an encoder's text.
    public init(_ adapted: AdaptedModel, tokensPerPass: Int = 512) throws {
        guard let start = adapted.start, start.rowsPerText == 0 else { throw AnalysisError.nothingBefore }
        model = adapted.model.network
        self.start = start
        positions = adapted.positions
        self.tokensPerPass = tokensPerPass
    }

    /// Reads texts.
    ///
    /// - Parameters:
    ///   - texts: At least one.
    ///   - progress: Told how many texts have been read; may throw to stop.
    /// - Returns: One for each attention that the prefix stands before, in the order of `AttentionKind`.
    /// - Throws: ``AnalysisError``, before anything is computed; what `progress` throws.
    public func measure(_ texts: [Text], progress: (Int) throws -> Void = { _ in }) throws -> [AttentionMass] {
        try check(texts)
        let shape = model.shape
        var tallies: [AttentionKind: Tally] = [:]
        for (kind, keyValues) in [
            (AttentionKind.decoder, start.decoder), (.encoder, start.encoder), (.cross, start.cross),
        ] {
            guard let keyValues, let stack = shape.stack(kind) else { continue }
            tallies[kind] = Tally(kind, keyValues, stack: stack)
        }
        var done = 0
        for pass in passes(texts) {
            Compute.observingAttention { observation in
                for (kind, tally) in tallies {
                    tally.add(observation, firstCounted: pass.map { kind == .encoder ? 0 : $0.firstCounted })
                }
            } during: {
                read(pass, after: start)
            }
            done += pass.count
            try progress(done)
        }
        return AttentionKind.allCases.compactMap { tallies[$0]?.mass }
    }

    private func read(_ pass: [Text], after start: InitialKeyValues) {
        let begun = model.begin(pass.map(\.tokens), about: pass.map(\.source), after: pass.map { _ in start })
        let cache = KVCache(shape: model.shape, sequences: begun.map(\.sequence), keepsTokens: false)
        _ = model.hiddenStates(TokenBatch(pass.map(\.tokens)), cache: cache, dropout: nil)
    }

    private func passes(_ texts: [Text]) -> [[Text]] {
        var passes: [[Text]] = [], tokens = 0
        for text in texts {
            let length = text.source.count + text.tokens.count
            if passes.isEmpty || tokens + length > tokensPerPass {
                passes.append([])
                tokens = 0
            }
            passes[passes.count - 1].append(text)
            tokens += length
        }
        return passes
    }

    private func check(_ texts: [Text]) throws {
        let shape = model.shape
        if texts.isEmpty { throw AnalysisError.noTexts }
        for (index, text) in texts.enumerated() {
            let counts = text.tokens.indices.contains(text.firstCounted)
            guard counts, text.source.isEmpty == (shape.encoder == nil) else {
                throw AnalysisError.noTexts
            }
            let longest = max(text.tokens.count, text.source.count)
            guard longest <= positions else {
                throw AnalysisError.tooLong(text: index, tokens: longest, positions: positions)
            }
            if let token = (text.source + text.tokens).first(where: { !(0..<shape.vocabularySize).contains(Int($0)) }) {
                throw AnalysisError.unknownToken(token, vocabulary: shape.vocabularySize)
            }
        }
    }
}

/// Sums of the attention that some keys get.
@Compute private final class Tally {
    private let kind: AttentionKind
    private let keyValues: KeyValues
    private let stack: AttentionStack
    private var heads = 0
    private var tokens = 0
    private var sums: [Double] = []  // [layers × heads × n]

    init(_ kind: AttentionKind, _ keyValues: KeyValues, stack: AttentionStack) {
        self.kind = kind
        self.keyValues = keyValues
        self.stack = stack
    }

    /// Adds an attention, where it is to these keys.
    ///
    /// - Parameter firstCounted: Of each sequence.
    func add(_ observation: AttentionObservation, firstCounted: [Int]) {
        for (index, sequence) in observation.sequences.enumerated() {
            let layers = sequence.segments.map(keyValues.layer)
            guard let place = layers.firstIndex(where: { $0 != nil }), let layer = layers[place] else { continue }
            let length = keyValues.count
            if sums.isEmpty {
                heads = observation.geometry.heads
                sums = [Double](repeating: 0, count: stack.layerCount * heads * length)
            }
            let size = heads * length, shares = observation.probabilities(sequence: index, segment: place)
            for query in firstCounted[index]..<sequence.queries.count {
                for i in 0..<size { sums[layer * size + i] += shares[query * size + i] }
            }
            if layer == 0 { tokens += sequence.queries.count - firstCounted[index] }
        }
    }

    var mass: AttentionMass {
        AttentionMass(
            kind: kind, layerCount: stack.layerCount, headCount: heads, length: keyValues.count, tokenCount: tokens,
            shares: sums.map { $0 / Double(max(1, tokens)) })
    }
}
