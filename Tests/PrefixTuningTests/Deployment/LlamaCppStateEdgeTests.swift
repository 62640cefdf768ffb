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

    @Test("the order of keys is the model's to tell")
    func orders() throws {
        let llama = try DeploymentGolden.model("llama")
        for name in ["llama-f16.slot", "llama-f16.session"] {
            let state = try LlamaCppState(DeploymentGolden.url(name))
            #expect(
                failure(CacheFileError.self) { _ = try state.prefix(for: llama.shape, nil, file: "f") }
                    == .modelNeeded(file: "f"))
        }
        // A session of GPT-2, whose keys have the order of transformers, says all that is needed.
        let gpt2 = try DeploymentGolden.model("gpt2"), prefix = try DeploymentGolden.prefix(gpt2)
        #expect(try reread(prefix, gpt2, as: .llamaSession, shape: gpt2.shape).values == prefix.values)
    }

    @Test("keys of which a part is turned, in pairs, are neither written nor read")
    func partlyTurned() throws {
        let golden = Fixtures.goldens.appendingPathComponent("gguf/llama.gguf")
        let model = ServedModel(PartlyTurned(whole: try GGUFFile(golden).configuration))
        let words =
            "4 of 8 columns of each key are turned, in pairs, and which these are in llama.cpp's order is not known"
        let file = try LlamaCppState(DeploymentGolden.url("llama-f16.slot"))
        #expect(
            failure(CacheFileError.self) { _ = try file.prefix(for: model.shape, model, file: "f") }?.description
                == "f holds no prefix: \(words); take the prefix from the file that this one was made of")
        #expect(
            failure(PrefixError.self) {
                try DeploymentGolden.prefix(model).check(for: .llamaSlot, model, ServingSettings())
            }?.description == "the prefix cannot be written as llama-slot: \(words)")
    }
}

/// A model that turns the first four columns of each head only, as none that can be read here does.
private struct PartlyTurned: ModelConfiguration {
    let whole: any ModelConfiguration
    let rotaryWidth = 4

    var parts: ModelParts { whole.parts }
    var shape: ModelShape { whole.shape }
    var headCount: Int { whole.headCount }
    var innerWidth: Int { whole.innerWidth }
    var activationName: String { whole.activationName }
    var tiesWordEmbeddings: Bool { whole.tiesWordEmbeddings }
    var parameterCount: Int { whole.parameterCount }
    var endTokens: [Int32] { whole.endTokens }
    var residualDropout: Float { whole.residualDropout }
    var attentionDropout: Float { whole.attentionDropout }
    var fileContents: Data { get throws { try whole.fileContents } }

    @Compute func network(_ weights: WeightLoader) throws -> any CausalModel { try whole.network(weights) }
}
