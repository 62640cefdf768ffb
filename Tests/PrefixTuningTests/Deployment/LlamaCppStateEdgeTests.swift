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

    @Test("keys and values of two types, parts that contradict each other")
    func mixtures() throws {
        let llama = try DeploymentGolden.model("llama"), gemma = try DeploymentGolden.model("gemma3")
        // Three layers of keys [3 × 24] lie before the values.
        var bytes = try DeploymentGolden.bytes("llama-f16.slot")
        bytes[544] = 30
        #expect(
            try sentence(bytes, llama)
                == "f holds no prefix: the values of layer 0 are bf16, but what stands before them is f16; save it with keys and values "
                + "of one type")
        // The second part, behind one layer of rows of 18.
        let slot = try LlamaCppState(DeploymentGolden.url("gemma3-f16.slot"))
        bytes = slot.contents()
        bytes[316] = 2
        #expect(
            try sentence(bytes + [0, 0, 0, 0], gemma)
                == "f is a damaged state file: its second part has 2 streams, where 1 belong as in its first; write it again"
        )
        var turned = slot, wide = slot
        turned.transposesValues = true
        wide.type = .float32
        #expect(
            try sentence(Array(slot.contents()[..<316] + turned.contents()[316...]), gemma)
                == "f is a damaged state file: values are turned in one of its parts, and are not in the other; write it again"
        )
        #expect(
            try sentence(Array(slot.contents()[..<316] + wide.contents()[532...]), gemma)
                == "f holds no prefix: the keys of layer 0 are f32, but what stands before them is f16; save it with keys and values of "
                + "one type")
    }

    @Test("a slot without cells says so, and cells without layers are refused")
    func empty() throws {
        let llama = try DeploymentGolden.model("llama"), gemma = try DeploymentGolden.model("gemma3")
        func words(_ words: [UInt8]) -> [UInt8] { words.flatMap { [$0, 0, 0, 0] } }
        let head = Array(try DeploymentGolden.bytes("llama-f16.slot")[..<8])
        for (model, parts) in [(llama, words([1, 0])), (gemma, words([1, 0, 1, 0])), (llama, words([2, 0, 0]))] {
            let bytes = head + words([0]) + parts
            #expect(
                try sentence(bytes, model)
                    == "f holds no prefix: it has no cells; save a slot that has answered a prompt")
            try withTrainingFolder { folder in
                let url = folder.appendingPathComponent("f")
                try Data(bytes).write(to: url)
                #expect(try LlamaCppState(url).contents() == bytes)
                #expect(try PrefixFile(url).length == 0)
            }
        }
        #expect(
            try sentence(head + words([0, 1, 1, 0, 1, 0, 0, 0]), llama)
                == "f is a damaged state file: it has cells of 0 layers; write it again")
    }

    @Test(
        "where all layers have a window, the first part has none", arguments: [PrefixTarget.llamaSlot, .llamaSession])
    func onlyWindows(_ target: PrefixTarget) throws {
        let golden = Fixtures.goldens.appendingPathComponent("architectures/gemma3-window/config.json")
        let text = try String(contentsOf: golden, encoding: .utf8)
            .replacingOccurrences(of: "\"full_attention\",", with: "\"sliding_attention\",")
        let model = try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try Data(text.utf8).write(to: url)
            return ServedModel(try ModelConfigurationFile.read(from: url))
        }
        #expect(model.slidingLayers == [0, 1, 2, 3])
        let prefix = try DeploymentGolden.prefix(model)
        #expect(try reread(prefix, model, as: target).values == prefix.values)
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
