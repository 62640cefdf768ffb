import Foundation
import LanguageModels
import TestSupport
import Testing

/// Folders whose weights are files of PyTorch.
@Suite struct PyTorchFolderTests {
    private func copy(_ name: String, to folder: URL, as new: String) throws {
        try FileManager.default.copyItem(
            at: pyTorchGoldens.appendingPathComponent(name), to: folder.appendingPathComponent(new))
    }

    @Test func readsOneFile() throws {
        try withCheckpointFolder { folder in
            try copy("many.pt", to: folder, as: "pytorch_model.bin")
            let reader = try CheckpointReader(folder: folder)
            #expect(try reader.read("tensor.2", shape: [3]) == checkpointPattern(3))
        }
    }

    /// One shard of either form: zip archive and legacy.
    @Test func readsShards() throws {
        let expected = try SafetensorsFile(pyTorchGoldens.appendingPathComponent("shards.safetensors"))
        let reader = try CheckpointReader(folder: pyTorchGoldens.appendingPathComponent("shards"))
        for name in expected.names {
            #expect(
                try reader.read(name, shape: expected.shape(of: name) ?? []) == expected.floats(of: name), "\(name)")
        }
        try reader.finish()
    }

    @Test func namesTheShard() throws {
        let shards = pyTorchGoldens.appendingPathComponent("shards")
        let source = try ShardedCheckpoint(index: shards.appendingPathComponent("pytorch_model.bin.index.json"))
        #expect(source.names == ["h.0.w", "h.1.w", "wte"])
        #expect(source.file(of: "h.1.w").hasSuffix("shards/pytorch_model-00002-of-00002.bin"))
        #expect(source.storedType(of: "h.0.w") == .float16)
        let expected = try SafetensorsFile(pyTorchGoldens.appendingPathComponent("shards.safetensors"))
        for name in source.names {
            let floats = try expected.floats(name)
            #expect(try source.floatsByRows(of: name) == [floats, floats])
        }
    }

    @Test func prefersSafetensors() throws {
        try withCheckpointFolder { folder in
            try copy("shards/pytorch_model.bin.index.json", to: folder, as: "pytorch_model.bin.index.json")
            #expect { try CheckpointReader(folder: folder) } throws: { "\($0)".contains("00001-of-00002.bin") }
            try copy("protocol2.pt", to: folder, as: "pytorch_model.bin")
            #expect(try CheckpointReader(folder: folder).contains("model.a"))
            try Data(#"{"weight_map":{}}"#.utf8)
                .write(to: folder.appendingPathComponent("model.safetensors.index.json"))
            #expect(try !CheckpointReader(folder: folder).contains("model.a"))
            try copy("shards.safetensors", to: folder, as: "model.safetensors")
            #expect(try CheckpointReader(folder: folder).contains("h.0.w"))
        }
    }

    @Test func saysWhatIsWrong() throws {
        try withCheckpointFolder { folder in
            #expect { try CheckpointReader(folder: folder) } throws: { "\($0)".contains("nor pytorch_model.bin") }
            try Data([0]).write(to: folder.appendingPathComponent("pytorch_model.bin"))
            #expect { try CheckpointReader(folder: folder) } throws: { "\($0)".contains("not a valid PyTorch") }
        }
    }
}
