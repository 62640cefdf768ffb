import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Prompt caches of mlx-lm against those that it writes itself.
@Suite("Prompt caches of mlx-lm") @Compute struct MLXCacheTests {
    nonisolated static let files = ["llama-f16", "gemma3-f32", "qwen3-bf16"]

    @Test("what mlx-lm writes is read, and what is written has the same arrays and metadata", arguments: files)
    func arrays(_ name: String) throws {
        let golden = DeploymentGolden.url("\(name).mlx.safetensors"), type = DeploymentGolden.type(name)
        let model = try DeploymentGolden.model(String(name.prefix { $0 != "-" }))
        let prefix = try DeploymentGolden.prefix(model)
        let file = try PrefixFile(golden)
        #expect(file.dialect == .mlx && file.length == 3 && file.stack == model.shape.decoder)
        #expect(file.baseModel == "tiny")
        let read = try file.prefix(for: model.shape)
        #expect(read.values == prefix.values.map { DeploymentGolden.rounded($0, type) })

        var details = PrefixConversion()
        details.served = DeploymentGolden.forms(model, name)
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("cache.safetensors")
            try prefix.write(to: url, as: .mlx, details: details)
            let (ours, theirs) = (try SafetensorsFile(url), try SafetensorsFile(golden))
            #expect(ours.names == theirs.names)
            #expect(ours.metadata == theirs.metadata)
            for key in theirs.names {
                #expect(
                    ours.shape(of: key) == theirs.shape(of: key)
                        && ours.storedType(of: key) == theirs.storedType(of: key))
                let bytes = try [ours, theirs].map { try $0.withBytes(of: key) { Array($0) } }
                #expect(bytes[0] == bytes[1], "\(key)")
            }
            // Cache, prefix, cache.
            let again = folder.appendingPathComponent("again.safetensors")
            try PrefixFile(url).prefix(for: model.shape).write(to: again, as: .mlx, details: details)
            #expect(FileManager.default.contentsEqual(atPath: url.path, andPath: again.path))
        }
    }

    @Test("the layout before 0.32", arguments: ["llama-f16", "gemma3-f32"])
    func older(_ name: String) throws {
        let model = try DeploymentGolden.model(String(name.prefix { $0 != "-" }))
        let prefix = try DeploymentGolden.prefix(model)
        var details = PrefixConversion(), forms = DeploymentGolden.forms(model, name)
        forms.settings.mlxVersion = .release0_31
        details.served = forms
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("cache.safetensors")
            try prefix.write(to: url, as: .mlx, details: details)
            let file = try SafetensorsFile(url)
            #expect(file.names.count == 2 * model.shape.layerCount)
            #expect(file.metadata["1.model"] == "tiny" && file.metadata["0.5"] == (name == "gemma3-f32" ? "" : nil))
            if name == "gemma3-f32" {
                #expect((0..<4).map { file.metadata["0.0.\($0)"] } == ["0", "4", "3", "3"])
                #expect(file.metadata["2.0"] == "RotatingKVCache" && file.metadata["2.5"] == "KVCache")
            }
            let read = try PrefixFile(url)
            #expect(read.dialect == .mlx && read.length == 3 && read.baseModel == "tiny")
            #expect(
                try read.prefix(for: model.shape).values
                    == prefix.values.map { DeploymentGolden.rounded($0, DeploymentGolden.type(name)) })
        }
    }

    @Test("caches that are none of attention, or whose window has moved on, are refused")
    func refused() throws {
        func sentence(_ classes: String, offset: Int32 = 3, index: Int32? = nil) throws -> String {
            try withTrainingFolder { folder in
                let url = folder.appendingPathComponent("cache.safetensors")
                var writer = SafetensorsWriter(metadata: ["0.model": "tiny", "1.0": classes, "2.0": ""])
                writer.add("0.0", shape: [1, 2, 3, 8], values: [Float](repeating: 1, count: 48), as: .bfloat16)
                writer.add("0.1", shape: [1, 2, 3, 8], values: [Float](repeating: 1, count: 48), as: .bfloat16)
                writer.add("0.2", integers: [offset])
                if let index { writer.add("0.5", integers: [index]) }
                try writer.write(to: url)
                let shape = ModelShape(
                    layerCount: 1, keyHeadCount: 2, headWidth: 8, width: 16, positionCount: 64, vocabularySize: 40)
                let error = failure((any Error).self) { _ = try PrefixFile(url).prefix(for: shape) }
                return error.map { "\($0)" }?.replacingOccurrences(of: url.path, with: "f") ?? "none"
            }
        }
        #expect(try sentence("KVCache") == "none")
        #expect(
            try sentence("QuantizedKVCache")
                == "f holds no prefix: layer 0 is a QuantizedKVCache, where KVCache or RotatingKVCache can be read; make the cache "
                + "without --kv-bits, and of a model that only has attention")
        #expect(
            try sentence("RotatingKVCache", offset: 9, index: 2)
                == "f holds no prefix: layer 0 has 3 rows for 9 positions, so that its window has moved on over the beginning; make the "
                + "cache of a shorter text")
        for (empty, words) in [(0, "but [1 × heads × n × head width] is needed"), (1, "layer 1 has no rows")] {
            try withTrainingFolder { folder in
                let url = folder.appendingPathComponent("cache.safetensors")
                var writer = SafetensorsWriter(metadata: ["0.model": "tiny", "1.0": "KVCache", "1.1": "KVCache"])
                for layer in 0..<2 {
                    let rows = layer == empty ? 0 : 3, values = [Float](repeating: 1, count: 16 * rows)
                    for half in 0..<2 { writer.add("\(layer).\(half)", shape: [1, 2, rows, 8], values: values) }
                }
                try writer.write(to: url)
                let file = try PrefixFile(url)
                #expect(file.dialect == .mlx && file.length == (empty == 0 ? nil : 3))
                let shape = ModelShape(
                    layerCount: 2, keyHeadCount: 2, headWidth: 8, width: 16, positionCount: 64, vocabularySize: 40)
                let error = failure((any Error).self) { _ = try file.prefix(for: shape) }
                #expect(error.map { "\($0)" }?.contains(words) == true, "\(error.map { "\($0)" } ?? "none")")
            }
        }
        #expect(try sentence("KVCache", offset: -1).hasPrefix("f holds no prefix: layer 0 has 3 rows for -1 positions"))
    }
}
