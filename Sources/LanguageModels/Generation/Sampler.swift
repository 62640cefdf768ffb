import Tensors

/// Draws tokens from softmax(scores / temperature), cut off by top-k, then top-p, then min-p.
struct Sampler {
    /// A token and its share of the probability, relative to the most probable token.
    struct Choice {
        let token: Int32
        let weight: Double
    }

    private let options: DecodingOptions
    private var generator: SeededGenerator

    /// A sampler for an answer to the `prompt`-th prompt of a call: its draws depend on the seed and these numbers alone.
    init(_ options: DecodingOptions, prompt: Int, answer: Int = 0) {
        self.options = options
        generator = SeededGenerator(seed: Self.seed(options, prompt: prompt, answer: answer))
    }

    static func seed(_ options: DecodingOptions, prompt: Int, answer: Int) -> UInt64 {
        options.seed &+ UInt64(prompt) &* 0xd134_2543_de82_ef95 &+ UInt64(answer) &* 0xa076_1d64_78bd_642f
    }

    /// The next draw, whatever it is made from.
    mutating func next() -> TokenChoice.Draw { draw(generator.uniform()) }

    /// A token, or nil where all scores are −∞ or one is no number.
    mutating func draw(_ scores: UnsafePointer<Float>, count: Int) -> Int32? {
        TokenSelection.choose(TokenChoice(scores, draw: next()), vocabulary: count)
    }

    /// The tokens that can be drawn, in the order of their numbers (so that rounding errors move no draw).
    func choices(_ scores: UnsafePointer<Float>, count: Int) -> [Choice] {
        TokenSelection.candidates(TokenChoice(scores, draw: draw(0)), vocabulary: count).map(Choice.init)
    }

    private func draw(_ uniform: Double) -> TokenChoice.Draw {
        TokenChoice.Draw(
            temperature: options.temperature, topK: options.topK, topP: options.topP, minP: options.minP,
            uniform: uniform)
    }
}
