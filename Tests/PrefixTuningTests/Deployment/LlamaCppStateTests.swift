import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// State files of llama.cpp against those that Tests/Goldens/deployment/generate.py packs from its source.
@Suite("State files of llama.cpp") @Compute struct LlamaCppStateTests {
    nonisolated static let files = [
        "llama-f16.slot", "llama-f32-turned.slot", "qwen3-bf16.slot", "gpt2-f16.slot", "gptneox-f16-streams.slot",
        "gemma3-f16.slot", "llama-f16.session", "gemma3-f32-turned.session",
    ]

    private func target(_ file: String) -> PrefixTarget { file.hasSuffix(".slot") ? .llamaSlot : .llamaSession }
    private func modelName(_ file: String) -> String { String(file.prefix { $0 != "-" }) }

    @Test("written byte for byte, and read back", arguments: files)
    func bytes(_ name: String) throws {
        let model = try DeploymentGolden.model(modelName(name)), prefix = try DeploymentGolden.prefix(model)
        var details = PrefixConversion()
        details.served = DeploymentGolden.forms(model, name)
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("state")
            try prefix.write(to: url, as: target(name), details: details)
            #expect(Array(try Data(contentsOf: url)) == (try DeploymentGolden.bytes(name)))
        }
        let state = try LlamaCppState(DeploymentGolden.url(name))
        #expect(state.contents() == (try DeploymentGolden.bytes(name)))
        #expect(state.architecture == (name.hasSuffix(".session") ? modelName(name) : nil))
        #expect(state.tokens == [5, 6, 7] + (name.hasSuffix(".session") ? [9, 10] : []))
        #expect(state.length == 3 && state.layerCount == model.shape.layerCount)
        let read = try state.prefix(for: model.shape, model, file: name), type = DeploymentGolden.type(name)
        #expect(read.values == prefix.values.map { DeploymentGolden.rounded($0, type) })
        #expect(read.textPosition == .afterPrefix)
    }

    @Test("a prefix file like any other: told by its first bytes", arguments: files)
    func prefixFile(_ name: String) throws {
        let file = try PrefixFile(DeploymentGolden.url(name))
        #expect(file.dialect == (name.hasSuffix(".slot") ? .llamaSlot : .llamaSession))
        let gguf = Fixtures.goldens.appendingPathComponent("gguf/\(modelName(name)).gguf")
        let configuration = try GGUFFile(gguf).configuration
        guard case .prefix(let prefix) = try file.contents(for: configuration) else {
            Issue.record("no prefix")
            return
        }
        #expect(prefix.length == 3 && file.length == 3)
        #expect(file.storedCount == prefix.parameterCount && file.layerCount == configuration.shape.layerCount)
        // A model's sizes alone do not tell windows, or the order of keys.
        #expect(
            failure(CacheFileError.self) { _ = try file.contents(for: configuration.shape) }
                == .modelNeeded(file: DeploymentGolden.url(name).path))
    }

    @Test("slot, prefix, slot: the same bytes", arguments: ["llama-f16.slot", "gemma3-f16.slot", "qwen3-bf16.slot"])
    func roundTrip(_ name: String) throws {
        let model = try DeploymentGolden.model(modelName(name))
        var details = PrefixConversion()
        details.served = DeploymentGolden.forms(model, name)
        let once = try LlamaCppState(DeploymentGolden.url(name)).prefix(for: model.shape, model, file: name)
        try withTrainingFolder { folder in
            let adapter = folder.appendingPathComponent("adapter"), url = folder.appendingPathComponent("state")
            try once.write(to: adapter)
            try Prefix(folder: adapter, model: model.shape).write(to: url, as: .llamaSlot, details: details)
            #expect(Array(try Data(contentsOf: url)) == (try DeploymentGolden.bytes(name)))
        }
    }

    @Test(
        "cut short anywhere, a file is refused in a sentence",
        arguments: ["llama-f16.slot", "gemma3-f32-turned.session"])
    func cut(_ name: String) throws {
        let bytes = try DeploymentGolden.bytes(name)
        let ends = Array(0..<bytes.count).filter { $0 < 120 || $0 % 37 == 0 || $0 > bytes.count - 9 }
        let model = try DeploymentGolden.model(modelName(name))
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("cut")
            for end in ends {
                try Data(bytes[..<end]).write(to: url)
                let error = failure(CacheFileError.self) {
                    _ = try LlamaCppState(url).prefix(for: model.shape, model, file: url.path)
                }
                #expect(error?.description.hasPrefix(url.path) == true, "\(end) of \(bytes.count)")
            }
        }
    }

    @Test("any byte changed: read, or refused in a sentence", arguments: ["llama-f16.session", "gemma3-f16.slot"])
    func mutated(_ name: String) throws {
        let bytes = try DeploymentGolden.bytes(name)
        let model = try DeploymentGolden.model(modelName(name))
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("changed")
            for place in stride(from: 0, to: bytes.count, by: 3) {
                for value in [UInt8(0xff), bytes[place] ^ 1] {
                    var changed = bytes
                    changed[place] = value
                    try Data(changed).write(to: url)
                    let result = Result {
                        let state = try LlamaCppState(url)
                        _ = try (state.length, state.prefix(for: model.shape, model, file: url.path))
                    }
                    if case .failure(let error) = result { #expect(error is CacheFileError, "\(place): \(error)") }
                }
            }
        }
    }

    @Test("parts of other cells or rows are refused")
    func uneven() throws {
        let model = try DeploymentGolden.model("gemma3")
        let whole = try LlamaCppState(DeploymentGolden.url("gemma3-f16.slot"))
        var fewer = whole, narrower = whole, missing = whole
        fewer.parts[1].positions.removeLast()
        narrower.parts[1].positions.append(contentsOf: [3, 4, 5])
        missing.parts[1].positions = []
        missing.parts[1].layers = missing.parts[1].layers.map { _ in .init(keys: [], values: []) }
        for state in [fewer, narrower, missing] {
            #expect(state.length > 0)
            #expect(failure(CacheFileError.self) { _ = try state.prefix(for: model.shape, model, file: "f") } != nil)
        }
    }

    @Test("foreign files, each with its reason")
    func foreign() throws {
        let bytes = try DeploymentGolden.bytes("llama-f16.slot"), model = try DeploymentGolden.model("llama")
        func sentence(_ change: (inout [UInt8]) -> Void) throws -> String {
            var changed = bytes
            change(&changed)
            return try withTrainingFolder { folder in
                let url = folder.appendingPathComponent("f")
                try Data(changed).write(to: url)
                let error = failure(CacheFileError.self) {
                    _ = try LlamaCppState(url).prefix(for: model.shape, model, file: "f")
                }
                return (error?.description ?? "none").replacingOccurrences(of: url.path, with: "f")
            }
        }
        // Magic, version, 3 tokens: cells begin at byte 28 with their number, the first at 32; then the mark and layers.
        #expect(
            try sentence { $0[4] = 2 }
                == "f is a sequence file of llama.cpp of version 2, but only version 3 can be read; save it with another version of "
                + "llama.cpp")
        #expect(
            try sentence { $0[32] = 4 }
                == "f holds no prefix: its cells are not at positions 0 to n − 1 in every layer, so that it is not the beginning of one "
                + "text")
        #expect(
            try sentence { $0[36] = 2 }
                == "f holds no prefix: a cell belongs to 2 sequences, or has fields that only models with several kinds of positions "
                + "have (M-RoPE), where 1 sequence is needed")
        #expect(
            try sentence { $0[76] = 8 }
                == "f holds no prefix: the keys of layer 0 are blocks of integers (q8_0); save it with a cache of f32, f16 or bf16"
        )
        #expect(
            try sentence { $0[68] = 7 }
                == "f is a damaged state file: the mark of turned values is 7, where 0 or 1 belongs; write it again")
        #expect(
            try sentence { ($0[28], $0[29], $0[30]) = (200, 200, 200) }
                == "f is a damaged state file: it claims 13158600 cells, but has 980 bytes more; write it again")
        #expect(
            try sentence { $0 = Array($0.dropLast()) }.hasPrefix(
                "f is a damaged state file: it ends after 1011 bytes, within "))
        #expect(try sentence { $0 += [0] }.hasPrefix("f is a damaged state file: it ends after 1013 bytes, within "))
        // Tokens as the server packs them: −1, 1, 2, the tokens, no pictures.
        let packed = try sentence { bytes in
            bytes.replaceSubrange(8..<24, with: [6, 0, 0, 0] + [255, 255, 255, 255, 1, 0, 0, 0, 2, 0, 0, 0])
            bytes.insert(contentsOf: [5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], at: 24)
        }
        #expect(packed == "none")
        let other = try DeploymentGolden.model("qwen3")
        let session = try LlamaCppState(DeploymentGolden.url("llama-f16.session"))
        #expect(
            failure(CacheFileError.self) { _ = try session.prefix(for: other.shape, other, file: "f") }?.description
                == "f is of a model that llama.cpp calls llama, but this one is called qwen3; name the model that it is of"
        )
        let slot = try LlamaCppState(DeploymentGolden.url("llama-f16.slot"))
        #expect(
            failure(CacheFileError.self) { _ = try slot.prefix(for: other.shape, other, file: "f") }?.description
                == "f has 3 layers of rows of 24, but this model has 2 of 20; name the model that it is of")
        #expect(
            failure(CacheFileError.self) { _ = try slot.prefix(for: model.shape, nil, file: "f") }?.description
                == "f does not say in which order its keys are, nor which layers see a window only; name the model"
        )
    }
}
