import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// State files whose cells are zero, whose parts differ or are empty, and those that cannot be read without the model.
@Suite("Edges of state files of llama.cpp") @Compute struct LlamaCppStateEdgeTests {
    /// What a prefix is after it was written and read.
    private func reread(
        _ prefix: Prefix, _ model: ServedModel, as target: PrefixTarget, shape: ModelShape? = nil
    ) throws -> Prefix {
        var details = PrefixConversion()
        details.served = DeploymentGolden.forms(model, "any-f32")
        return try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("state")
            try prefix.write(to: url, as: target, details: details)
            let state = try LlamaCppState(url)
            #expect(state.contents() == Array(try Data(contentsOf: url)) && state.length == prefix.length)
            return try state.prefix(for: shape ?? model.shape, shape == nil ? model : nil, file: "f")
        }
    }

    /// Why a file cannot be read, or is no prefix for a model.
    private func sentence(_ bytes: [UInt8], _ model: ServedModel) throws -> String {
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("f")
            try Data(bytes).write(to: url)
            let error = failure(CacheFileError.self) {
                _ = try LlamaCppState(url).prefix(for: model.shape, model, file: "f")
            }
            return error?.description.replacingOccurrences(of: url.path, with: "f") ?? "none"
        }
    }

    @Test(
        "a prefix that ends with zeros keeps them", arguments: ["llama", "gemma3"],
        [PrefixTarget.llamaSlot, .llamaSession])
    func zeros(_ name: String, _ target: PrefixTarget) throws {
        let model = try DeploymentGolden.model(name), row = model.shape.prefixRowWidth
        for count in 0...3 {
            var prefix = try DeploymentGolden.prefix(model)
            for index in 0..<count * row { prefix.values[3 * row - 1 - index] = 0 }
            let read = try reread(prefix, model, as: target)
            #expect(read.length == 3 && read.values == prefix.values, "\(count)")
        }
    }
}
