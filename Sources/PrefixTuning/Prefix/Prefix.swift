import LanguageModels
import Tensors

/// A trained prefix: keys and values of n virtual positions in every attention layer of a model.
///
/// This is all that prefix-tuning adds to a frozen model, and all that is left of it after training: the paper's P
/// (Li & Liang 2021, section 4.2), evaluated. Row i holds position i as key, value, key, value, … of layers 0, 1, …,
/// each of the model's key width: the layout of PEFT's `prompt_embeddings`. Keys are stored as they are attended to.
public struct Prefix: Equatable, Sendable {
    /// Where the text that follows a prefix of length n is placed.
    public enum TextPosition: String, Codable, Sendable, CaseIterable {
        /// At position n, as the authors' GPT-2 code and PEFT do.
        case afterPrefix = "after-prefix"
        /// At position 0, as without a prefix.
        case zero
    }

    /// Number n of virtual positions.
    public let length: Int
    /// P in row-major order: [length × 2·layers·keyWidth].
    public var values: [Float]
    /// Layers, heads and widths of the model that it belongs to.
    public let shape: ModelShape
    /// Where the text starts.
    public var textPosition: TextPosition
    /// Folder or name of the model that it was trained on, if known.
    public var baseModel: String?

    /// A prefix of given values.
    ///
    /// - Throws: ``PrefixError/wrongSize(found:expected:)`` where the values do not fill `length` rows of the model.
    public init(
        length: Int, values: [Float], shape: ModelShape, textPosition: TextPosition = .afterPrefix,
        baseModel: String? = nil
    ) throws {
        guard length > 0, values.count == length * shape.prefixRowWidth else {
            throw PrefixError.wrongSize(found: values.count, expected: "\(length) × \(shape.prefixRowWidth)")
        }
        self.length = length
        self.values = values
        self.shape = shape
        self.textPosition = textPosition
        self.baseModel = baseModel
    }

    /// Number of values: what is stored, and what the paper counts as trained parameters.
    public var parameterCount: Int { values.count }

    /// What a model's cache starts from. Made once, it serves any number of sequences.
    ///
    /// - Parameter model: The model's sizes.
    /// - Throws: ``PrefixError/otherModel(prefix:model:)`` where the prefix was made for a model of other sizes.
    @Compute public func keyValues(for model: ModelShape) throws -> KeyValues {
        try check(fits: model)
        return KeyValues(
            rowsOf: Tensor(values, shape: [length, shape.prefixRowWidth]), shape: model,
            shiftsPositions: textPosition == .afterPrefix)
    }

    /// Throws where the prefix was made for a model of other sizes or leaves no position for text.
    public func check(fits model: ModelShape) throws {
        guard
            shape.layerCount == model.layerCount, shape.keyHeadCount == model.keyHeadCount,
            shape.headWidth == model.headWidth
        else { throw PrefixError.otherModel(prefix: shape, model: model) }
        guard length < model.positionCount else {
            throw PrefixError.tooLong(length: length, positions: model.positionCount)
        }
    }
}
