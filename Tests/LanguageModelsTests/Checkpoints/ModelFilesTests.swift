import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing
import Tokenizers

/// A model whose parts lie elsewhere than in a folder, and files of tensors under names of another format.
@Suite("Files of models") struct ModelFilesTests {
    /// Everything in memory: what a form that keeps a model in one file has to give.
    private struct InMemory: ModelFiles {
        let name = "a model in memory"
        let values: [String: JSONValue]
        let tokenizerFiles: [String: [UInt8]]
        let weights: TensorsInMemory

        var settings: ConfigurationReader {
            get throws { try ConfigurationReader(values: values, file: name) }
        }
        var configuration: any ModelConfiguration { get throws { try ModelConfigurationFile.read(settings) } }
        var conventions: GenerationConventions {
            get throws { try GenerationConventions(configuration, settings, generation: nil) }
        }
        var tokenizer: Tokenizer { get throws { try Tokenizer(files: tokenizerFiles, name: name) } }
        var tensors: any TensorSource { weights }
        func checkStorage() {}
    }

    private let folder = Fixtures.goldens.appendingPathComponent("published/crumb/base")

    private func inMemory(changing change: (inout [String: JSONValue]) -> Void = { _ in }) throws -> InMemory {
        func contents(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
        }
        let document = try JSONParser.parse(contents("config.json"), file: "config.json")
        var values: [String: JSONValue] = [:]
        for member in document.members ?? [] { values[String(decoding: member.key, as: UTF8.self)] = member.value }
        change(&values)
        let source = try HuggingFaceFolder(folder).tensors, reader = CheckpointReader(source)
        var tensors: [String: (shape: [Int], values: [Float])] = [:]
        for name in source.names {
            let shape = source.shape(of: name) ?? []
            tensors[name] = (shape, try reader.read(name, shape: shape))
        }
        let names = ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]
        return InMemory(
            values: values, tokenizerFiles: try Dictionary(uniqueKeysWithValues: names.map { ($0, try contents($0)) }),
            weights: TensorsInMemory(tensors))
    }

    @Test("a model in memory is that of the folder, to the last bit") @Compute func sameModel() throws {
        let (one, other) = (try LanguageModel.load(folder), try LanguageModel.load(inMemory()))
        #expect(other.name == "a model in memory")
        #expect(other.conventions == one.conventions)
        #expect(other.configuration.shape == one.configuration.shape)
        #expect(other.weightsDigest != nil && other.weightsDigest == one.weightsDigest)
        for text in ["Hello world", " naïve  ☃\n", ""] {
            #expect(try other.tokenizer.encode(text) == one.tokenizer.encode(text))
        }
        let batch = TokenBatch([try one.tokenizer.encode("Hello world")])
        @Compute func states(_ model: LanguageModel) -> [Float] {
            let cache = KVCache(shape: model.network.shape, sequences: [.init()], keepsTokens: false)
            return model.network.hiddenStates(batch, cache: cache, dropout: nil).values
        }
        #expect(states(other) == states(one))
    }

    @Test("values without a file are written as one that is read the same, and mistakes are named") func values() throws
    {
        let files = try inMemory()
        let settings = try files.settings
        let again = try ModelConfigurationFile.read(ConfigurationReader(settings.contents, file: "again"))
        #expect(try again.fileContents == files.configuration.fileContents)
        #expect(throws: CheckpointError.self) {
            _ = try inMemory { $0["num_attention_heads"] = .number(0) }.configuration
        }
        let error = #expect(throws: CheckpointError.self) {
            _ = try inMemory { $0["model_type"] = .text("mamba") }.configuration
        }
        #expect(error?.description.hasPrefix("a model in memory, key \"model_type\"") == true)
        let none = InMemory(values: files.values, tokenizerFiles: [:], weights: files.weights)
        #expect { _ = try none.tokenizer } throws: { "\($0)".contains("a model in memory") }
    }

    @Test("the format of a file is told by its first bytes, whatever it is called") func formats() throws {
        let goldens = Fixtures.goldens.appendingPathComponent("pytorch")
        let (pickle, safetensors) = (
            goldens.appendingPathComponent("many.pt"), goldens.appendingPathComponent("expected.safetensors")
        )
        #expect(TensorFile.format(of: pickle) == .pytorch)
        #expect(TensorFile.format(of: goldens.appendingPathComponent("protocol2.bin")) == .pytorch)
        #expect(TensorFile.format(of: safetensors) == .safetensors)
        #expect(TensorFile.format(of: goldens.appendingPathComponent("manifest.json")) == nil)
        #expect(TensorFile.format(of: goldens.appendingPathComponent("absent")) == nil)
        for (original, name) in [(pickle, "model.safetensors"), (safetensors, "pytorch_model.bin")] {
            try withCheckpointFolder { folder in
                try FileManager.default.copyItem(at: original, to: folder.appendingPathComponent(name))
                #expect(try HuggingFaceFolder(folder).tensors.names == TensorFile.open(original).names)
            }
        }
        // A shard of each format in one checkpoint.
        try withCheckpointFolder { folder in
            var writer = SafetensorsWriter()
            writer.add("a", shape: [1], values: [1])
            try writer.write(to: folder.appendingPathComponent("one.bin"))
            try FileManager.default.copyItem(
                at: goldens.appendingPathComponent("tensor.pt"), to: folder.appendingPathComponent("two.safetensors"))
            try Data(#"{"weight_map":{"a":"one.bin","tensor":"two.safetensors"}}"#.utf8)
                .write(to: folder.appendingPathComponent("model.safetensors.index.json"))
            #expect(try HuggingFaceFolder(folder).tensors.names == ["a", "tensor"])
        }
        // What is of no format is a damaged file of the one that its name tells of.
        try withCheckpointFolder { folder in
            for (name, says) in [
                ("x.bin", "PyTorch"), ("x.ckpt", "PyTorch"), ("x.safetensors", "safetensors"), ("x", "safetensors"),
            ] {
                let file = folder.appendingPathComponent(name)
                try Data("neither".utf8).write(to: file)
                #expect { _ = try TensorFile.open(file) } throws: { "\($0)".contains("is not a valid \(says)") }
            }
        }
    }
}
