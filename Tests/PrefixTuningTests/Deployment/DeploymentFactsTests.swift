import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What a folder of a stranger's may say of itself.
@Suite("Facts beside a prefix for a server") struct DeploymentFactsTests {
    private func error(target: String, file: String) throws -> String {
        let json: [String: Any] = [
            "target": target, "file": file, "length": 3, "placeholders": [5, 6, 7], "placeholder_text": "<a><b><c>",
            "cache_type": "f16", "prompt": "x", "prompt_tokens": [9], "answer_tokens": [20], "answer": "y",
            "margins": [3], "tolerance": 0.1, "answer_to_placeholders": [30], "transposes_values": false,
            "stream_count": 1,
        ]
        return try withTrainingFolder { folder in
            try JSONSerialization.data(withJSONObject: json).write(to: folder.appendingPathComponent("canary.json"))
            let error = failure(CacheFileError.self) { _ = try DeploymentFacts(folder: folder) }
            return error?.description.replacingOccurrences(of: folder.path, with: "f") ?? "none"
        }
    }

    @Test("the file is the one that is written for the program")
    func file() throws {
        for (target, file) in [
            ("llama-slot", "prefix.bin"), ("llama-session", "session.bin"), ("mlx", "prompt_cache.safetensors"),
        ] { #expect(try error(target: target, file: file) == "none") }
        for (target, file) in [
            ("llama-slot", ".."), ("llama-slot", "/"), ("llama-slot", "."), ("llama-slot", ""),
            ("llama-slot", "session.bin"), ("mlx", "../prompt_cache.safetensors"), ("peft", "prefix.bin"),
            ("vllm", "prefix.bin"),
        ] {
            #expect(
                try error(target: target, file: file)
                    == "f holds no prefix for a server: its canary.json contradicts itself; write the prefix as llama-slot",
                "\(target) \(file)")
        }
    }
}
