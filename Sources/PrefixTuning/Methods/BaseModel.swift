import Foundation
import LanguageModels
import Tensors

/// The model that methods adapt: a folder, and the frozen model itself once a method asks for it.
@Compute public final class BaseModel {
    /// The folder of the model.
    public let folder: URL
    /// What the model is called.
    public nonisolated let name: String
    /// How frozen weights are held. Methods that train the weights hold them in 32 bits.
    public nonisolated let precision: WeightPrecision
    /// The model's configuration, read without its weights.
    public nonisolated let configuration: any ModelConfiguration
    private var loaded: LanguageModel?
    private var known: Digest?

    /// A base model; its weights are read when they are needed.
    ///
    /// - Parameter name: What it is called; the folder's path unless given.
    /// - Throws: `CheckpointError` where the folder has no valid `config.json`.
    public init(folder: URL, name: String? = nil, precision: WeightPrecision = .float32) throws {
        self.folder = folder
        self.name = name ?? folder.path
        self.precision = precision
        configuration = try modelFiles(at: folder).configuration
    }

    /// The frozen model, the same one for all methods.
    public func model() throws -> LanguageModel {
        if let loaded { return loaded }
        let model = try LanguageModel.load(folder, for: .tuning, precision: precision, name: name)
        loaded = model
        return model
    }

    /// Of the weights; loads the model the first time.
    package func digest() throws -> Digest? {
        if let known { return known }
        known = try model().digest
        return known
    }

    /// Lets the frozen model go: the next run measures memory, or trains weights of its own.
    package func release() {
        loaded = nil
        Compute.releaseFreeMemory()
    }

    /// The width b that makes one adapter per block a share of the model's parameters: L (2db + b + 3d) values in all
    /// (Lin et al. 2020). With GPT-2 medium, 0.1% give the paper's 6.
    package nonisolated func bottleneck(share: Double) -> Int {
        let width = Double(configuration.shape.width), layers = Double(configuration.shape.layerCount)
        let perLayer = share * Double(configuration.parameterCount) / layers
        return max(1, Int(((perLayer - 3 * width) / (2 * width + 1)).rounded()))
    }
}
