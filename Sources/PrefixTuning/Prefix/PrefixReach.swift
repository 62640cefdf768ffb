import LanguageModels
import Tensors

/// How far into a text a prefix is seen by every layer of a model, some of whose layers see a window only.
///
/// A prefix stands in the first T positions, as in PEFT and in every server that knows windows: the token at index i of a text
/// sees row p of it, in a layer with a window of W, only where T + i − p < W. Layers without a window see it for ever.
public struct PrefixReach: Equatable, Sendable {
    /// W: how many keys, itself and those of the prefix included, a token sees in the layers that see the fewest.
    public let window: Int
    /// T: rows of the prefix.
    public let prefixLength: Int

    /// Nil where there is no window, or no prefix.
    ///
    /// - Parameters:
    ///   - window: The `attentionWindow` of a `ModelConfiguration`.
    ///   - prefixLength: Rows that stand before the text.
    public init?(window: Int?, prefixLength: Int) {
        guard let window, prefixLength > 0 else { return nil }
        self.window = window
        self.prefixLength = prefixLength
    }

    @Compute init?(_ model: LanguageModel, _ start: @autoclosure () -> InitialKeyValues?) {
        guard let window = model.configuration.attentionWindow else { return nil }
        self.init(window: window, prefixLength: start()?.decoder?.count ?? 0)
    }

    /// The longest text whose last token still sees all of the prefix in every layer.
    public var textLength: Int { max(0, window - prefixLength) }

    /// One sentence about texts that are longer; nil where none is.
    ///
    /// - Parameters:
    ///   - lengths: In tokens, of what is read after the prefix.
    ///   - noun: What the texts are, in singular and plural.
    public func remark(on lengths: [Int], _ noun: (one: String, many: String)) -> String? {
        let count = lengths.count { $0 > textLength }
        guard count > 0 else { return nil }
        return
            "\(count) of \(lengths.count) \(lengths.count == 1 ? noun.one : noun.many) \(count == 1 ? "is" : "are") longer "
            + "than \(textLength) tokens, the model's window of \(window) less the prefix of \(prefixLength): at the end of such "
            + "texts, layers with the window see the prefix in part or not at all"
    }
}

extension AdaptedModel {
    /// How far into texts its prefix is seen by all layers; nil where they all see everything, or nothing stands before texts.
    public var prefixReach: PrefixReach? { PrefixReach(model, start) }
}

extension Trainer {
    /// How far into texts that which is trained is seen by all layers; nil where they all see everything, or nothing stands
    /// before texts.
    public var prefixReach: PrefixReach? {
        PrefixReach(method.model, method.passTape.withoutRecording { method.start() })
    }
}
