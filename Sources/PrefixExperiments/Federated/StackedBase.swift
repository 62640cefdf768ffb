import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A base model with what LoRA's rounds have added to it (FLoRA, Wang et al. 2024): each round begins with new A and B = 0 beside
/// it. The model lies in a folder of its own, which goes with this object.
@Compute final class StackedBase {
    /// The model with the sums in it.
    private(set) var base: BaseModel
    /// The rank that matrices with the sum of all products would have.
    private(set) var rank = 0
    private let original: BaseModel
    private let tensors: any TensorSource
    private var sums: [String: [Double]] = [:]
    private let place: URL

    /// - Throws: ``ExperimentError/unsuitable(experiment:reason:)`` where the model is not a folder of safetensors.
    init(_ original: BaseModel) throws {
        guard original.precision == .float32,
            FileManager.default.fileExists(
                atPath: original.folder.appendingPathComponent(HuggingFaceFolder.weightsName).path)
        else {
            throw ExperimentError.unsuitable(
                experiment: "federated",
                reason:
                    "to stack, the model must be a folder with \(HuggingFaceFolder.weightsName), in float32; leave rows "
                    + "that stack out of federated.plan")
        }
        self.original = original
        base = original
        tensors = try modelFiles(at: original.folder).tensors
        place = FileManager.default.temporaryDirectory.appendingPathComponent("prefixtune-\(UUID().uuidString)")
    }

    deinit { try? FileManager.default.removeItem(at: place) }

    /// Adds s Σ w B·A of a round's clients to the model.
    ///
    /// - Throws: `CheckpointError` where the model cannot be read or written.
    func add(_ products: LowRankProducts, of clients: [[Float]], weights: [Double], scale: Double) throws {
        for module in products.modules {
            let sum = products.stackedSum(of: clients, weights: weights, in: module)
            if sums[module.name] == nil { sums[module.name] = sum.map { _ in 0 } }
            sums[module.name]?.withUnsafeMutableBufferPointer { all in
                for index in all.indices { all[index] += scale * sum[index] }
            }
        }
        rank = min(rank + clients.count * (products.modules.first?.rank ?? 0), products.fullRank)
        try write(products)
    }

    private func write(_ products: LowRankProducts) throws {
        let parts = original.configuration.parts
        var writer = SafetensorsWriter(), left = Set(products.modules.map(\.name))
        for name in tensors.names {
            let shape = tensors.shape(of: name) ?? []
            var values = [Float](repeating: 0, count: shape.reduce(1, *))
            try values.withUnsafeMutableBufferPointer { try tensors.copy(name, into: $0, checkingFinite: false) }
            let plain = name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
            if let module = products.modules.first(where: { Self.isSame($0.name, plain) }), let sum = sums[module.name]
            {
                left.remove(module.name)
                for row in 0..<module.output {
                    for column in 0..<module.input {
                        let index =
                            parts.orientation == .inputByOutput
                            ? column * module.output + row : row * module.input + column
                        values[index] = Float(Double(values[index]) + sum[row * module.input + column])
                    }
                }
            }
            writer.add(name, shape: shape, values: values)
        }
        guard left.isEmpty else {
            throw ExperimentError.unsuitable(
                experiment: "federated", reason: "the model has no matrix \(left.min() ?? "") to add a product to")
        }
        // The model before may still be read from its file: the new one lies in another folder.
        let folder = place.appendingPathComponent("\(UUID().uuidString)")
        try ModelFolder.makeFolder(folder)
        for file in try FileManager.default.contentsOfDirectory(
            at: original.folder, includingPropertiesForKeys: nil)
        where file.pathExtension != "safetensors" {
            try FileManager.default.createSymbolicLink(
                at: folder.appendingPathComponent(file.lastPathComponent),
                withDestinationURL: file.resolvingSymlinksInPath())
        }
        try writer.write(to: folder.appendingPathComponent(HuggingFaceFolder.weightsName))
        base = try BaseModel(folder: folder, name: original.name, precision: original.precision)
    }

    /// Whether a module of an adapter is a matrix of the checkpoint, which may leave out the outermost name, or add one.
    private static func isSame(_ module: String, _ matrix: String) -> Bool {
        let prefix = "base_model.model."
        let module = module.hasPrefix(prefix) ? String(module.dropFirst(prefix.count)) : module
        return module == matrix || module.hasSuffix("." + matrix) || matrix.hasSuffix("." + module)
    }
}
