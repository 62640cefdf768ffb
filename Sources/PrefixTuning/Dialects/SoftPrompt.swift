import LanguageModels

/// Trained embeddings that stand before the embeddings of a text: prompt tuning and P-tuning.
///
/// Before the text of a decoder-only model they are a prefix: the keys and values that the frozen model computes from them
/// at positions 0 to n − 1, with the text from position n on. Before the text of an encoder they are not, because the
/// encoder's positions attend to each other in both directions: it reads them anew with every text.
public struct SoftPrompt: Equatable, Sendable {
    /// What the embeddings stand before.
    public enum Place: String, Sendable {
        /// The text of a decoder-only model.
        case decoder
        /// The text that the encoder of an encoder–decoder model reads.
        case encoder
    }

    /// Number n of embeddings.
    public let length: Int
    /// Width of an embedding: that of the model's token table.
    public let width: Int
    /// [n × width], row-major.
    public let values: [Float]
    /// What they stand before.
    public let place: Place
    /// Folder or name of the model that they were trained on, if known.
    public let baseModel: String?
    /// Of that model's weights (`LanguageModel.digest`), if known.
    public let baseDigest: Digest?

    /// Embeddings; `values` must fill rows of `width`.
    public init(width: Int, values: [Float], place: Place, baseModel: String? = nil, baseDigest: Digest? = nil) {
        precondition(width > 0 && values.count.isMultiple(of: width), "\(values.count) values in rows of \(width)")
        length = values.count / width
        self.width = width
        self.values = values
        self.place = place
        self.baseModel = baseModel
        self.baseDigest = baseDigest
    }
}
