import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What no server can be given is refused with the reason, before anything is written.
@Suite("Refusals of prefixes for servers") @Compute struct ServedRefusalTests {
    private func sentence(
        _ prefix: Prefix, _ model: ServedModel, as target: PrefixTarget = .llamaSlot,
        _ change: (inout ServedForms) -> Void = { _ in }
    ) throws -> String {
        var details = PrefixConversion(), forms = ServedForms(model)
        forms.placeholders = (0..<Int32(prefix.length)).map { $0 + 5 }
        change(&forms)
        details.served = forms
        return try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("out")
            let error = failure((any Error).self) { try prefix.write(to: url, as: target, details: details) }
            #expect(!FileManager.default.fileExists(atPath: url.path))
            return error.map { "\($0)" } ?? "none"
        }
    }

    @Test("architectures that servers do not know", arguments: [PrefixTarget.llamaSlot, .llamaSession, .mlx])
    func architectures(_ target: PrefixTarget) throws {
        let program = target == .mlx ? "mlx-lm" : "llama.cpp",
            head = "the prefix cannot be written as \(target.rawValue): "
        let opt = try DeploymentGolden.model(inFolder: "architectures/opt-pre")
        #expect(
            try sentence(DeploymentGolden.prefix(opt), opt, as: target)
                == head + "\(program) has no architecture for OPT; serve it with prefixtune itself")
        let bart = try DeploymentGolden.model(inFolder: "bart/untied")
        #expect(
            try sentence(DeploymentGolden.prefix(bart), bart, as: target)
                == head
                + "\(program) keeps what an encoder makes of a text apart from its cache, and BART has an encoder")
    }

    @Test("places, windows and numbers that a cache cannot hold")
    func numbers() throws {
        let llama = try DeploymentGolden.model("llama"), gemma = try DeploymentGolden.model("gemma3")
        let head = "the prefix cannot be written as llama-slot: "
        var zero = try DeploymentGolden.prefix(llama)
        zero.textPosition = .zero
        #expect(
            try sentence(zero, llama)
                == head
                + "llama.cpp lets the text start at position 3, after the prefix, but this prefix was trained with text from "
                + "position 0 on; its keys would meet queries of other positions")
        #expect(
            try sentence(DeploymentGolden.prefix(gemma, length: 5), gemma)
                == head
                + "the 5 positions are more than the window of 4 that 6 layers see, whose cache does not keep what lies before "
                + "it; train a prefix of at most 4")
        #expect(throws: Never.self) {
            try DeploymentGolden.prefix(gemma, length: 4).check(for: .llamaSlot, gemma, ServingSettings())
        }
        var large = try DeploymentGolden.prefix(llama)
        large.values[24 + 3] = 70000
        #expect(
            try sentence(large, llama)
                == head
                + "the value of layer 0 at position 0 holds 70000.0, beyond the largest number of f16 (65504); run the program "
                + "with a cache of f32 or bf16, and give that")
        // Between the largest bfloat16 and 2¹²⁸ the middle is a tie that infinity wins.
        for (bits, isRefused) in [(UInt32(0x7f7f_7fff), false), (0x7f7f_8000, true), (0xff7f_8000, true)] {
            large.values[24 + 3] = Float(bitPattern: bits)
            var settings = ServingSettings()
            settings.cacheType = .bfloat16
            let error = failure(PrefixError.self) { try large.check(for: .llamaSlot, llama, settings) }
            #expect((error != nil) == isRefused, "\(error?.description ?? "none")")
            #expect(error?.description.contains("beyond the largest number of bf16") ?? true)
        }
        for (value, name) in [(Float.nan, "nan"), (.infinity, "inf")] {
            var broken = try DeploymentGolden.prefix(llama)
            broken.values[7] = value
            #expect(
                try sentence(broken, llama).contains(
                    "out holds \(name) at element 7; the weights are damaged or training diverged"))
        }
        #expect(
            try sentence(DeploymentGolden.prefix(llama), DeploymentGolden.model("qwen3"))
                == "the prefix belongs to a model of 3 layers with 3 key heads of width 8, but this one has 2 layers with 2 key heads of "
                + "width 10; name the model that the prefix was trained on")
        #expect(
            try sentence(DeploymentGolden.prefix(llama), llama) { $0.placeholders = [1] }
                == "1 placeholders were given for a prefix of 3 positions; give one for each")
    }

    @Test("a model is needed")
    func noModel() throws {
        let prefix = try DeploymentGolden.prefix(DeploymentGolden.model("llama"))
        for target in [PrefixTarget.llamaSlot, .llamaSession, .mlx] {
            let error = failure(PrefixError.self) {
                try prefix.write(to: URL(fileURLWithPath: "/nowhere/file"), as: target)
            }
            #expect(
                error?.description
                    == "the prefix cannot be written as \(target.rawValue): its layers and the order of its keys are the model's; name the "
                    + "model")
        }
    }

    @Test("types and versions by their names")
    func names() throws {
        #expect(try ServedCacheType(named: "BF16") == .bfloat16)
        #expect(
            failure(CacheFileError.self) { _ = try ServedCacheType(named: "q8_0") }?.description
                == "a cache of type q8_0 keeps blocks of integers, and recent llama.cpp turns its keys and values before it rounds them, "
                + "so that no prefix can be written for it; run the server with f32, f16 or bf16, and give that")
        #expect(
            failure(CacheFileError.self) { _ = try ServedCacheType(named: "f8") }?.description
                == "the cache type is \"f8\", but f32, f16 or bf16 is needed")
        #expect(try LlamaCppVersion(named: "0.5") == .newest)
        #expect(
            failure(CacheFileError.self) { _ = try LlamaCppVersion(named: "b4000") }?.description
                == "the files of llama.cpp b4000 are not known; known are those of 0.5")
        #expect(try MLXVersion(named: "0.31.3") == .release0_31 && MLXVersion(named: "0.32") == .release0_32)
        #expect(
            failure(CacheFileError.self) { _ = try MLXVersion(named: "0.9") }?.description
                == "the files of mlx-lm 0.9 are not known; known are those of 0.32, 0.31")
    }

    @Test("adapters that are no prefixes say what must be loaded there")
    func adapters() throws {
        #expect(
            PrefixTarget.llamaSlot.refusal(ofAdapter: "LORA")?.description
                == "the prefix cannot be written as llama-slot: a LoRA adapter changes the model's weights and has no keys and values; "
                + "load it there itself (--lora FILE.gguf, which llama.cpp's convert_lora_to_gguf.py makes), beside a prefix that was "
                + "trained with it")
        #expect(
            PrefixTarget.mlx.refusal(ofAdapter: "LORA")?.description.contains("mlx_lm.generate --adapter-path") == true)
        #expect(PrefixTarget.mlx.refusal(ofAdapter: "BOTTLENECK")?.description.contains("layers of their own") == true)
        #expect(PrefixTarget.llamaSlot.refusal(ofAdapter: "INFIX_TUNING") != nil)
        #expect(PrefixTarget.peft.refusal(ofAdapter: "LORA") == nil)
    }

    @Test("which layers have a cache of their own, and whose keys have another order")
    func facts() throws {
        let gemma = try DeploymentGolden.model("gemma3")
        #expect(gemma.slidingLayers == [0, 1, 2, 3, 4, 6] && gemma.window == 4)
        // llama.cpp runs Mistral without its window, as an architecture "llama".
        let mistral = try DeploymentGolden.model(inFolder: "architectures/mistral-window")
        #expect(mistral.slidingLayers.isEmpty && mistral.window == nil)
        for parts in ModelParts.all {
            let turns: [String: Bool] = ["llama": true, "mistral": true, "smollm3": true]
            #expect(parts.servedForm?.turnsPairs ?? false == turns[parts.modelType] ?? false, "\(parts.modelType)")
        }
    }
}
