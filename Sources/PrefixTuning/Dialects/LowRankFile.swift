import Foundation
import LanguageModels

/// A LoRA adapter on disk: PEFT's folder, or a checkpoint of loralib, the LoRA paper's code.
///
/// ```swift
/// let adapter = try LowRankFile(folder)
/// let model = try LanguageModel.load(base, adapters: adapter.updates(merging: true))
/// ```
public struct LowRankFile: Sendable {
    /// The programs that write LoRA adapters.
    public enum Dialect: String, Sendable, Codable {
        /// `adapter_config.json` beside `adapter_model.safetensors` or `adapter_model.bin`.
        case peft
        /// A dictionary of `lora_A` and `lora_B`, of a PyTorch file.
        case loralib

        /// What people call it.
        public var title: String {
            switch self {
            case .peft: "LORA, as PEFT stores it"
            case .loralib: "LORA, as loralib stores it"
            }
        }
    }

    /// The folder or file.
    public let url: URL
    /// How it is kept.
    public let dialect: Dialect
    /// The file that holds the numbers.
    public let weightsFile: URL
    /// Folder or name of the model that it was trained on, if known.
    public var baseModel: String? { configuration?.base_model_name_or_path }

    let weights: any TensorSource
    let configuration: PEFTLowRankConfiguration?

    /// Opens an adapter.
    ///
    /// - Throws: ``PrefixError`` where it is none, or one with parts that cannot be used here; `CheckpointError` where a
    ///   file is damaged.
    public init(_ url: URL) throws {
        let place = PrefixPlace(url)
        self.url = place.url
        if let file = place.configuration {
            let configuration = try PEFTLowRankConfiguration(file)
            self.configuration = configuration
            dialect = .peft
            (weights, weightsFile) = try place.weights(["adapter_model.safetensors", "adapter_model.bin"])
        } else {
            configuration = nil
            dialect = .loralib
            (weights, weightsFile) = try place.onlyWeights()
            guard weights.names.contains(where: { $0.hasSuffix(".lora_A") }) else {
                throw PrefixError.unknownDialect(
                    file: weightsFile.path,
                    reason: "it has no tensor whose name ends in lora_A, as loralib's adapters have")
            }
        }
    }

    /// The updates, for loading a model with them.
    ///
    /// - Parameters:
    ///   - merging: Whether they are added to the weights; else they are computed beside them.
    ///   - alpha: α of a loralib checkpoint, which does not hold it; 32 by default, as in the repository's GPT-2 runs.
    /// - Throws: ``PrefixError`` or `CheckpointError`, naming file and key.
    public func updates(merging: Bool = false, alpha: Float? = nil) throws -> LowRankUpdates {
        guard let configuration else {
            return try LowRankUpdates(
                loralibUpdates(alpha: alpha ?? 32), merges: merging, file: weightsFile.path)
        }
        let (updates, replaced) = try peftContents(configuration)
        return try LowRankUpdates(
            updates, replaced: replaced.isEmpty ? nil : ReplacedTensors(replaced, of: weights), merges: merging,
            file: weightsFile.path)
    }

    /// A matrix of any shape.
    func matrix(_ name: String, from reader: CheckpointReader) throws -> (rows: Int, columns: Int, values: [Float]) {
        guard let shape = weights.shape(of: name) else {
            throw CheckpointError.missingTensor(file: weightsFile.path, key: name, similar: [])
        }
        guard shape.count == 2, shape.allSatisfy({ (1...1 << 24).contains($0) }), shape[0] * shape[1] <= 1 << 31 else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: name, expected: "a matrix", found: shape)
        }
        return (shape[0], shape[1], try reader.read(name, shape: shape))
    }
}
