import Foundation
import LanguageModels
import Tensors

/// A model ready to answer and to score: its weights, the adapters that were put into them, and what every text comes after.
///
/// ```swift
/// var files = AdaptedModel.Files(model: folder)
/// files.prefix = prefixFolder
/// let model = try await AdaptedModel.load(files)
/// ```
@Compute public struct AdaptedModel: Sendable {
    /// The frozen model, with LoRA and bottleneck adapters where there are any.
    public let model: LanguageModel
    /// What every text comes after, or has behind its prompt; nil for the model alone.
    public let prefix: ResidentPrefix?
    /// The adapters, in the order LoRA, bottleneck, prefix, that were trained on other weights than those in use.
    public let mismatches: [BaseMismatch]

    /// A model and what its texts come after.
    ///
    /// - Parameter mismatches: Of what was put into the model; that of the prefix is found here.
    public init(_ model: LanguageModel, after prefix: ResidentPrefix? = nil, mismatches: [BaseMismatch] = []) {
        self.model = model
        self.prefix = prefix
        self.mismatches = mismatches + [prefix?.mismatch(with: model)].compactMap(\.self)
    }

    /// What texts start from; nil for an empty cache.
    public var start: InitialKeyValues? { prefix?.start }
    /// How many of the model's positions are left for text.
    public var positions: Int { model.network.shape.positionCount - reservedPositions }
    /// How many of the model's positions are not left for text.
    public var reservedPositions: Int { prefix?.positions ?? 0 }

    /// Turns examples of a task into what the model reads, within the positions that are left.
    public func tokenizer(_ format: TaskFormat) -> ExampleTokenizer {
        ExampleTokenizer(model, format: format, reservedPositions: reservedPositions)
    }

    /// Tells how probable the adapted model finds completions.
    public func scorer() -> Scorer { Scorer(model.network, after: start) }
}
