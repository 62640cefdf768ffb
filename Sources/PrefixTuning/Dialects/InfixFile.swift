import Foundation
import LanguageModels
import Tensors

/// A trained infix on disk: `adapter_config.json` of type `INFIX_TUNING` beside `adapter_model.safetensors`.
///
/// The tensors are `infix_embeddings` [n × width], which the model reads behind the prompt, and `infix_key_values`
/// [n × 2·L·keyWidth], which is added to the keys and values that it computes there. The form is this package's own: no
/// other program has one without the MLP.
public struct InfixFile: Sendable {
    /// What `adapter_config.json` calls it.
    public static let type = "INFIX_TUNING"
    private static let embeddings = "infix_embeddings", keyValues = "infix_key_values"

    /// Writes the folder.
    ///
    /// - Throws: `CheckpointError` where it cannot be written; what stood there before is then unchanged.
    @Compute static func write(
        _ infix: VirtualTokens, shape: ModelShape, baseModel: String, baseDigest: Digest?, to folder: URL
    ) throws {
        var writer = SafetensorsWriter(metadata: BaseDigest.metadata(baseDigest))
        for (name, value) in [(embeddings, infix.embeddings), (keyValues, infix.shift)] {
            writer.add(name, shape: value.shape, values: value.values)
        }
        try ModelFolder.makeFolder(folder)
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        let configuration = PEFTConfiguration(
            type: type, length: infix.count, stack: shape.decoder, baseModel: baseModel)
        try AtomicFile.write(
            try configuration.fileContents, to: folder.appendingPathComponent("adapter_config.json"))
    }

    /// Whether a folder's `adapter_config.json` describes an infix.
    public static func isInfix(_ folder: URL) -> Bool {
        let file = folder.appendingPathComponent("adapter_config.json")
        return (try? PEFTConfiguration(file))?.peft_type == type
    }

    /// What people call an infix.
    public static let title = "infix: virtual tokens between prompt and answer"

    /// The folder.
    public let folder: URL
    /// The folder's `adapter_model.safetensors`.
    public let weightsFile: URL
    /// How many positions the infix has.
    public let length: Int
    /// The layers of the model that it was trained on.
    public let stack: AttentionStack
    /// Folder or name of that model, if known.
    public var baseModel: String? { configuration.base_model_name_or_path }
    /// Of the weights that it was trained on (`LanguageModel.digest`), where the file records it.
    public var baseDigest: Digest? { BaseDigest.read(source) }
    /// Number of values.
    public var parameterCount: Int { length * (width + stack.prefixRowWidth) }

    private let configuration: PEFTConfiguration
    private let source: SafetensorsFile
    private let width: Int

    /// Opens a folder.
    ///
    /// - Throws: ``PrefixError`` where it holds something else, or tensors of other shapes than it says; `CheckpointError`
    ///   where a file is damaged.
    public init(_ folder: URL) throws {
        let file = folder.appendingPathComponent("adapter_config.json")
        configuration = try PEFTConfiguration(file)
        guard configuration.peft_type == Self.type, let stack = configuration.statedStack,
            let length = configuration.num_virtual_tokens, length > 0
        else {
            throw PrefixError.notAnInfix(file: file.path)
        }
        self.folder = folder
        weightsFile = folder.appendingPathComponent("adapter_model.safetensors")
        source = try SafetensorsFile(weightsFile)
        (self.stack, self.length) = (stack, length)
        width = source.shape(of: Self.embeddings)?.last ?? 0
        for (name, columns) in [(Self.embeddings, nil), (Self.keyValues, stack.prefixRowWidth)] {
            let shape = source.shape(of: name) ?? []
            guard shape.count == 2, shape[0] == length, shape[1] == columns ?? shape[1] else {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: name, expected: "[\(length) × \(columns.map(String.init) ?? "width")]",
                    found: shape)
            }
        }
    }

    /// The infix, for a model.
    ///
    /// ```swift
    /// let start = InitialKeyValues(afterPrompt: try InfixFile(folder).infix(for: model))
    /// ```
    ///
    /// - Throws: ``PrefixError`` where it belongs to a model of other sizes or leaves no room for text, `CheckpointError`
    ///   where the file is damaged.
    @Compute public func infix(for model: LanguageModel) throws -> VirtualTokens {
        try stored(for: model).virtualTokens(for: model)
    }

    /// What the file holds for a model: all of it is read here, on the caller's thread.
    ///
    /// - Throws: As ``infix(for:)``.
    func stored(for model: LanguageModel) throws -> Stored {
        let shape = model.configuration.shape
        guard shape.encoder == nil else {
            throw PrefixError.infixOfEncoder(architecture: model.configuration.architecture)
        }
        try configuration.check(fits: shape)
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        let reader = CheckpointReader(source)
        let stored = Stored(
            file: self, embeddings: try reader.read(Self.embeddings, shape: [length, width]),
            shift: try reader.read(Self.keyValues, shape: [length, shape.prefixRowWidth]))
        try reader.finish()
        return stored
    }

    /// The values of an infix, which fits the layers of a model.
    struct Stored: Sendable {
        fileprivate let file: InfixFile
        fileprivate let embeddings, shift: [Float]

        /// - Throws: ``PrefixError/wrongTensor(file:key:expected:found:)`` where the model's embeddings have another width.
        @Compute func virtualTokens(for model: LanguageModel) throws -> VirtualTokens {
            let length = file.length, columns = model.network.embeddings(of: [0]).width
            guard file.width == columns else {
                throw PrefixError.wrongTensor(
                    file: file.weightsFile.path, key: InfixFile.embeddings, expected: "[\(length) × \(columns)]",
                    found: [length, file.width])
            }
            return VirtualTokens(
                embeddings: Tensor(embeddings, shape: [length, columns]),
                shift: Tensor(shift, shape: [length, model.network.shape.prefixRowWidth]))
        }
    }
}
