import Foundation
import LanguageModels
import TestSupport
import Testing
import Tokenizers

/// A pointer of git-lfs in place of any file of a model.
@Suite struct LargeFilePointerTests {
    static let pointer = Data(
        "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "4d", count: 32))\nsize 440473133\n"
            .utf8)

    @Test(arguments: [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "config.json", "tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model",
        "shard.safetensors",
    ])
    func isNamed(_ name: String) throws {
        try withCheckpointFolder { folder in
            try Self.pointer.write(to: folder.appendingPathComponent(name))
            if name == "shard.safetensors" {
                let index = #"{"weight_map": {"a": "shard.safetensors"}}"#
                try Data(index.utf8).write(to: folder.appendingPathComponent("model.safetensors.index.json"))
            }
            if name == "vocab.json" { try Data("a b".utf8).write(to: folder.appendingPathComponent("merges.txt")) }
            let isWeights = name.hasPrefix("model") || name.hasPrefix("pytorch") || name.hasPrefix("shard")
            let error = #expect(throws: (any Error).self) {
                if isWeights {
                    _ = try CheckpointReader(folder: folder)
                } else if name == "config.json" {
                    _ = try ModelConfigurationFile.read(from: folder.appendingPathComponent(name))
                } else {
                    _ = try Tokenizer(folder: folder)
                }
            }
            let sentence = error.map { "\($0)" } ?? ""
            #expect(sentence.contains("/\(name) is a git-lfs pointer"), "\(sentence)")
            #expect(sentence.contains("git lfs pull") && sentence.contains("prefixtune pull"))
        }
    }
}
