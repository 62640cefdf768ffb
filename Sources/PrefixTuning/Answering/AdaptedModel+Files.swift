import Foundation
import LanguageModels
import Tensors

extension AdaptedModel {
    /// The local files that a model and its adapters are loaded from.
    ///
    /// Models that are known by name are fetched first, with `ModelReference` of the module `Hub`.
    public struct Files: Equatable, Sendable {
        /// A LoRA adapter.
        public struct LoRA: Equatable, Sendable {
            /// PEFT's folder, or a file of loralib.
            public var url: URL
            /// α of a loralib file, which does not hold it; nil for 32.
            public var alpha: Float?
            /// Whether it is added to the weights when they are loaded: faster, and the same to rounding.
            public var merges: Bool

            /// An adapter; see the properties.
            public init(_ url: URL, alpha: Float? = nil, merges: Bool = false) {
                self.url = url
                self.alpha = alpha
                self.merges = merges
            }
        }

        /// The model's folder.
        public var model: URL
        /// What the model is called where the folder's path does not tell, such as its name on a hub.
        public var name: String?
        /// How the weights are held.
        public var precision: WeightPrecision
        /// How keys and values are held: those of the prefix, and of what the model reads and writes.
        public var cacheType = CacheType.float32
        /// A LoRA adapter.
        public var lora: LoRA?
        /// The folder of bottleneck adapters.
        public var adapter: URL?
        /// The folder or file of a prefix, soft prompt or infix.
        public var prefix: URL?

        /// The files of a model alone; adapters are added by the properties.
        public init(model: URL, name: String? = nil, precision: WeightPrecision = .float32) {
            self.model = model
            self.name = name
            self.precision = precision
        }
    }

    /// Loads a model with its adapters.
    ///
    /// - Throws: `CheckpointError`, `AdapterError`, ``PrefixError`` or `TokenizerError`, naming the file.
    public static func load(_ files: Files) throws -> AdaptedModel {
        let lora = try files.lora.map { try LowRankFile($0.url) }
        let updates = try lora?.updates(merging: files.lora?.merges ?? false, alpha: files.lora?.alpha)
        let adapter = try files.adapter.map { try BottleneckFile($0) }
        let trained = try adapter.map { TrainedAdapters(bottleneck: try $0.adapters()) }
        let model = try LanguageModel.load(
            files.model, precision: files.precision, adapters: updates, trained: trained, name: files.name,
            cacheType: files.cacheType)
        let mismatches = [(files.lora?.url, lora?.baseDigest), (files.adapter, adapter?.baseDigest)].compactMap {
            BaseMismatch(adapter: $0?.path ?? "", trainedOn: $1, model: model.name, digest: model.weightsDigest)
        }
        let prefix = try files.prefix.map { try ResidentPrefix(contentsOf: $0, for: model) }
        return AdaptedModel(model, after: prefix, mismatches: mismatches)
    }
}
