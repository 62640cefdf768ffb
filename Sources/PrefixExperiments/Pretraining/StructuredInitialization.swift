import Foundation

/// Initial weights for a small GPT-2 that can already copy from its context before the first training step.
///
/// Ordinary random weights need far more text than a small embedded model is trained on until copying emerges. Here
/// the known mechanism (an *induction* circuit: Olsson et al., "In-context Learning and Induction Heads", 2022) is
/// written into the weights at the start; everything stays trainable and the file is a plain GPT-2. The residual
/// stream of width d is divided in three parts of s = 2⌊d/6⌋ dimensions (64 each for d = 192):
///
/// - **T**, tokens: `wte` is normal noise here and zero elsewhere;
/// - **P**, positions: `wpe` holds a·sin(ω_k t), a·cos(ω_k t) here, with s/2 frequencies from 0.15 to 3, unevenly
///   spaced so that they share no period;
/// - **F**, free: written by layer 0.
///
/// Layer 0: s/h heads (h: head width) take h/2 frequencies each. The query is the position rotated one step back, the
/// key the position as it is, so the score is g²·Σ_k cos(ω_k(t − 1 − j)), largest at j = t − 1. The value is a slice
/// of T, written to the same slice of F: F then holds the *previous* token.
///
/// Layer 1: as many heads compare T at the query with F at the key (the places that follow an earlier occurrence of
/// the current token) and copy T of the attended place into T, where the tied output head reads it as the next token.
///
/// All other weights are GPT-2's: normal with deviation 0.02, residual projections divided by √(2·layers), biases 0,
/// layer norms 1.
///
/// Measured before any training (d = 192, 4 layers, 6 heads, vocabulary 4,096): a sequence of 60 random tokens is
/// repeated with 97% accuracy, while the loss on unpredictable tokens is 8.5 nats (uniform: 8.3).
public struct StructuredInitialization: Sendable {
    /// The shape of the model and the random sequence of its weights.
    public struct Configuration: Sendable, Equatable {
        /// Number of tokens.
        public var vocabularySize: Int
        /// Width d of the residual stream.
        public var width: Int
        /// Number of layers, at least 2.
        public var layers: Int
        /// Heads per layer; must divide the width.
        public var heads: Int
        /// Number of positions.
        public var positions: Int
        /// The seed of the random part.
        public var seed: UInt64

        /// A shape; the defaults are those of the embedded base model.
        public init(
            vocabularySize: Int = 4096, width: Int = 192, layers: Int = 4, heads: Int = 6, positions: Int = 256,
            seed: UInt64 = 0
        ) {
            self.vocabularySize = vocabularySize
            self.width = width
            self.layers = layers
            self.heads = heads
            self.positions = positions
            self.seed = seed
        }
    }

    /// A named array in row-major order.
    public typealias Weights = [String: (shape: [Int], values: [Float])]

    /// Gains of the built heads, chosen by trial at the default shape.
    package struct Gains: Sendable {
        /// Deviation of the token embeddings in T.
        package var token: Float = 0.1
        /// Amplitude of the positions in P.
        package var position: Float = 0.14
        /// Of query and key in the previous-token heads.
        package var previousMatch: Float = 1.5
        /// Of their output, in units of ``token``.
        package var previousOutput: Float = 3
        /// Of query and key in the heads that find the earlier occurrence.
        package var copyMatch: Float = 1.5
        /// Of their output, in units of ``token``: above 1, or the current token would win over the copied one.
        package var copyOutput: Float = 6
    }

    private let configuration: Configuration
    private let gains: Gains
    /// Width s of each of the three parts of the residual stream.
    private let part: Int
    private let headWidth: Int

    /// Checks a shape.
    ///
    /// - Throws: ``StructuredInitializationError`` if the shape leaves no room for the circuit.
    public init(_ configuration: Configuration) throws {
        try self.init(configuration, gains: Gains())
    }

    package init(_ configuration: Configuration, gains: Gains) throws {
        let (width, heads) = (configuration.width, configuration.heads)
        for (name, value, least) in [
            ("vocabularySize", configuration.vocabularySize, 1), ("width", width, 12),
            ("layers", configuration.layers, 2),
            ("heads", heads, 1), ("positions", configuration.positions, 2),
        ] where value < least {
            throw StructuredInitializationError.tooSmall(name: name, value: value, least: least)
        }
        guard width % heads == 0 else { throw StructuredInitializationError.unevenHeads(width: width, heads: heads) }
        part = 2 * (width / 6)
        headWidth = width / heads
        guard headWidth % 2 == 0, part % headWidth == 0 else {
            throw StructuredInitializationError.noRoom(headWidth: headWidth, part: part)
        }
        self.configuration = configuration
        self.gains = gains
    }

    /// The weights under their GPT-2 names ("wte.weight", "h.0.attn.c_attn.weight", …), matrices as [in, out]
    /// (Conv1D), the output head tied to `wte.weight`.
    ///
    /// A pure function of the configuration: the same bits at every call.
    public func weights() -> Weights {
        let d = configuration.width
        var random = NormalSource(seed: configuration.seed)
        var weights: Weights = [:]
        weights["wte.weight"] = ([configuration.vocabularySize, d], tokenEmbeddings(&random))
        weights["wpe.weight"] = ([configuration.positions, d], positionEmbeddings())
        let residual = 0.02 / Float(2 * configuration.layers).squareRoot()
        for layer in 0..<configuration.layers {
            func name(_ suffix: String) -> String { "h.\(layer).\(suffix)" }
            for norm in ["ln_1", "ln_2"] {
                weights[name("\(norm).weight")] = ([d], [Float](repeating: 1, count: d))
                weights[name("\(norm).bias")] = ([d], [Float](repeating: 0, count: d))
            }
            var attention = Matrix(rows: d, columns: 3 * d, values: random.next(3 * d * d, deviation: 0.02))
            var output = Matrix(rows: d, columns: d, values: random.next(d * d, deviation: residual))
            if layer == 0 { buildPreviousTokenHeads(attention: &attention, output: &output) }
            if layer == 1 { buildCopyHeads(attention: &attention, output: &output) }
            weights[name("attn.c_attn.weight")] = ([d, 3 * d], attention.values)
            weights[name("attn.c_attn.bias")] = ([3 * d], [Float](repeating: 0, count: 3 * d))
            weights[name("attn.c_proj.weight")] = ([d, d], output.values)
            weights[name("attn.c_proj.bias")] = ([d], [Float](repeating: 0, count: d))
            weights[name("mlp.c_fc.weight")] = ([d, 4 * d], random.next(4 * d * d, deviation: 0.02))
            weights[name("mlp.c_fc.bias")] = ([4 * d], [Float](repeating: 0, count: 4 * d))
            weights[name("mlp.c_proj.weight")] = ([4 * d, d], random.next(4 * d * d, deviation: residual))
            weights[name("mlp.c_proj.bias")] = ([d], [Float](repeating: 0, count: d))
        }
        weights["ln_f.weight"] = ([d], [Float](repeating: 1, count: d))
        weights["ln_f.bias"] = ([d], [Float](repeating: 0, count: d))
        return weights
    }

    // MARK: Embeddings

    private func tokenEmbeddings(_ random: inout NormalSource) -> [Float] {
        let d = configuration.width
        var values = [Float](repeating: 0, count: configuration.vocabularySize * d)
        for token in 0..<configuration.vocabularySize {
            values.replaceSubrange(token * d..<token * d + part, with: random.next(part, deviation: gains.token))
        }
        return values
    }

    /// The frequencies ω_k = 0.15 + 2.85·(k/(n−1))^1.6, k = 0 ..< n = s/2.
    private var frequencies: [Double] {
        let count = part / 2
        return (0..<count).map { 0.15 + 2.85 * pow(Double($0) / Double(max(count - 1, 1)), 1.6) }
    }

    private func positionEmbeddings() -> [Float] {
        let d = configuration.width
        let amplitude = Double(gains.position)
        var values = [Float](repeating: 0, count: configuration.positions * d)
        for position in 0..<configuration.positions {
            for (k, frequency) in frequencies.enumerated() {
                let place = position * d + part + 2 * k
                values[place] = Float(amplitude * sin(Double(position) * frequency))
                values[place + 1] = Float(amplitude * cos(Double(position) * frequency))
            }
        }
        return values
    }

    // MARK: Heads

    private func buildPreviousTokenHeads(attention: inout Matrix, output: inout Matrix) {
        let d = configuration.width
        let heads = part / headWidth
        let gain = gains.previousMatch
        for head in 0..<heads {
            let start = head * headWidth
            clear(head: head, attention: &attention, output: &output)
            for pair in 0..<headWidth / 2 {
                let k = head + pair * heads  // each head gets frequencies from the whole range
                let (sine, cosine) = (part + 2 * k, part + 2 * k + 1)
                let column = start + 2 * pair
                let (c, s) = (gain * Float(cos(frequencies[k])), gain * Float(sin(frequencies[k])))
                // sin ω(t−1) = sin ωt cos ω − cos ωt sin ω;  cos ω(t−1) = cos ωt cos ω + sin ωt sin ω
                attention[sine, column] = c
                attention[cosine, column] = -s
                attention[cosine, column + 1] = c
                attention[sine, column + 1] = s
                attention[sine, d + column] = gain
                attention[cosine, d + column + 1] = gain
            }
            for i in start..<start + headWidth {
                attention[i, 2 * d + i] = 1
                output[i, 2 * part + i] = gains.previousOutput * gains.token
            }
        }
    }

    private func buildCopyHeads(attention: inout Matrix, output: inout Matrix) {
        let d = configuration.width
        for head in 0..<part / headWidth {
            clear(head: head, attention: &attention, output: &output)
            for i in head * headWidth..<(head + 1) * headWidth {
                attention[i, i] = gains.copyMatch
                attention[2 * part + i, d + i] = gains.copyMatch
                attention[i, 2 * d + i] = 1
                output[i, i] = gains.copyOutput * gains.token
            }
        }
    }

    /// Removes the random start of one head.
    private func clear(head: Int, attention: inout Matrix, output: inout Matrix) {
        for column in head * headWidth..<(head + 1) * headWidth {
            for row in 0..<configuration.width {
                for third in 0..<3 { attention[row, third * configuration.width + column] = 0 }
                output[column, row] = 0
            }
        }
    }
}
