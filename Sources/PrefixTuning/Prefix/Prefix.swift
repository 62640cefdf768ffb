import LanguageModels
import Tensors

/// A trained prefix: keys and values of n virtual positions in every attention layer of a model.
///
/// This is all that prefix-tuning adds to a frozen model, and all that is left of it after training: the paper's P
/// (Li & Liang 2021, section 4.2), evaluated. A decoder-only model has one such matrix; an encoder–decoder model can have
/// three, for the self-attention of decoder and encoder and for the cross-attention between them.
///
/// Row i of a matrix holds position i as key, value, key, value, … of layers 0, 1, …, each of the layer's key width: the
/// layout of PEFT's `prompt_embeddings`. Keys are stored as they are attended to, after any rotation by position.
public struct Prefix: Equatable, Sendable {
    /// Where the text that follows a prefix of length n is placed.
    public enum TextPosition: String, Codable, Sendable, CaseIterable {
        /// At position n, as the authors' GPT-2 code and PEFT do.
        case afterPrefix = "after-prefix"
        /// At position 0, as without a prefix: the authors' BART code and AdapterHub.
        case zero
    }

    /// Number n of virtual positions.
    public let length: Int
    /// P of each kind of attention that the prefix is put before, in row-major order: [length × 2·layers·keyWidth].
    public var parts: [AttentionKind: [Float]]
    /// Layers, heads and widths of the model that it belongs to.
    public let shape: ModelShape
    /// Where the text starts, in decoder and encoder.
    public var textPosition: TextPosition
    /// Folder or name of the model that it was trained on, if known.
    public var baseModel: String?
    /// Of that model's weights (`LanguageModel.digest`), if known.
    public var baseDigest: Digest?

    /// A prefix of given matrices.
    ///
    /// - Parameter parts: At least one; kinds of attention that are left out have no prefix.
    /// - Throws: ``PrefixError/wrongSize(found:expected:)`` where the values do not fill `length` rows of the model.
    public init(
        length: Int, parts: [AttentionKind: [Float]], shape: ModelShape, textPosition: TextPosition = .afterPrefix,
        baseModel: String? = nil, baseDigest: Digest? = nil
    ) throws {
        for (kind, values) in parts {
            let width = shape.stack(kind)?.prefixRowWidth ?? 0
            guard length > 0, values.count == length * width, width > 0 else {
                throw PrefixError.wrongSize(found: values.count, expected: "\(length) × \(width)")
            }
        }
        guard !parts.isEmpty else {
            throw PrefixError.wrongSize(found: 0, expected: "\(length) × \(shape.prefixRowWidth)")
        }
        self.length = length
        self.parts = parts
        self.shape = shape
        self.textPosition = textPosition
        self.baseModel = baseModel
        self.baseDigest = baseDigest
    }

    /// A prefix of the decoder's self-attention.
    ///
    /// - Throws: ``PrefixError/wrongSize(found:expected:)`` where the values do not fill `length` rows of the model.
    public init(
        length: Int, values: [Float], shape: ModelShape, textPosition: TextPosition = .afterPrefix,
        baseModel: String? = nil, baseDigest: Digest? = nil
    ) throws {
        try self.init(
            length: length, parts: [.decoder: values], shape: shape, textPosition: textPosition, baseModel: baseModel,
            baseDigest: baseDigest)
    }

    /// P of the decoder's self-attention, in row-major order: [length × 2·layers·keyWidth]; empty where it has none.
    public var values: [Float] {
        get { parts[.decoder] ?? [] }
        set { parts[.decoder] = newValue }
    }

    /// Number of values: what is stored, and what the paper counts as trained parameters.
    public var parameterCount: Int { parts.values.reduce(0) { $0 + $1.count } }

    /// How many of the model's positions it leaves no longer to text.
    var takenPositions: Int { textPosition == .afterPrefix ? length : 0 }

    /// What a model's caches start from. Made once, it serves any number of sequences.
    ///
    /// - Parameters:
    ///   - model: The model's sizes.
    ///   - type: How they are held.
    /// - Throws: ``PrefixError/otherModel(prefix:model:)`` where the prefix was made for a model of other sizes.
    @Compute public func keyValues(
        for model: ModelShape, as type: CacheType = .float32
    ) throws -> InitialKeyValues {
        try check(fits: model)
        return InitialKeyValues(
            matrices: parts.mapValues { Tensor($0, shape: [length, $0.count / length]) }, shape: model,
            textPosition: textPosition, as: type)
    }

    /// Throws where the prefix was made for a model of other sizes or leaves no position for text.
    public func check(fits model: ModelShape) throws {
        guard parts.keys.allSatisfy({ model.stack($0) != nil && model.stack($0) == shape.stack($0) }) else {
            throw PrefixError.otherModel(prefix: shape, model: model)
        }
        guard length < model.positionCount else {
            throw PrefixError.tooLong(length: length, positions: model.positionCount)
        }
    }
}

extension InitialKeyValues {
    /// The caches' content that is P for each kind of attention.
    ///
    /// - Parameters:
    ///   - matrices: [n × 2·layers·keyWidth] of the kind's layers.
    ///   - shape: The model's sizes.
    ///   - textPosition: Where the text of decoder and encoder starts.
    ///   - type: How they are held.
    @Compute package init(
        matrices: [AttentionKind: Tensor], shape: ModelShape, textPosition: Prefix.TextPosition,
        as type: CacheType = .float32
    ) {
        func keyValues(_ kind: AttentionKind) -> KeyValues? {
            guard let matrix = matrices[kind], let stack = shape.stack(kind) else { return nil }
            return KeyValues(rowsOf: matrix, stack: stack, shiftsPositions: textPosition == .afterPrefix, as: type)
        }
        self.init(decoder: keyValues(.decoder), encoder: keyValues(.encoder), cross: keyValues(.cross))
    }
}
