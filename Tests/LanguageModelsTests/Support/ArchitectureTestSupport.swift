import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// One tiny model with what the Python originals make of it: a folder of Tests/Goldens/architectures or …/bart.
struct ArchitectureGolden<Cases: Decodable> {
    let folder: URL
    let cases: Cases
    private let file: SafetensorsFile

    init(_ path: String) throws {
        folder = Fixtures.goldens.appendingPathComponent(path)
        cases = try Fixtures.decode("\(path)/cases.json")
        file = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors"))
    }

    @Compute func model(differentiable: Bool = false) throws -> any CausalModel {
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let weights = try WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: differentiable))
        return try configuration.network(weights)
    }

    func has(_ name: String) -> Bool { file.shape(of: name) != nil }

    @Compute func tensor(_ name: String) throws -> Tensor {
        let shape = try #require(file.shape(of: name), "no golden \(name)")
        return Tensor(try CheckpointReader(file).read(name, shape: shape), shape: shape)
    }

    /// The greatest error of logits of some sequences that went through the model together.
    @Compute func error(of logits: Tensor, _ batch: TokenBatch, _ name: String) throws -> Float {
        var worst: Float = 0
        for (index, range) in batch.ranges.enumerated() {
            let width = logits.width
            let found = Array(logits.values[range.lowerBound * width..<range.upperBound * width])
            worst = max(worst, relativeError(found, try tensor("\(name).\(index)").values))
        }
        return worst
    }
}

/// Says how near a quantity came, once per test, and returns whether that is near enough.
func isNear(_ error: Float, _ quantity: String, _ name: String, tolerance: Float = 1e-5) -> Bool {
    print("\(name): \(quantity) differ by \(error)")
    return error < tolerance
}
