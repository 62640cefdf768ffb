import Foundation
import Testing

@testable import LanguageModels

/// `eos_token_id` as configurations have it: one, several, none, or one that the model cannot write.
@Suite struct EndTokenTests {
    private func configuration(_ type: String, _ ends: String) throws -> (any ModelConfiguration, GenerationConventions)
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("config.json")
        let sizes = #""vocab_size":300,"hidden_size":64,"d_model":64,"num_attention_heads":4,"num_key_value_heads":4"#
        try Data(#"{"model_type":"\#(type)",\#(sizes),\#(ends)}"#.utf8).write(to: file)
        try Data("{\(ends)}".utf8).write(to: folder.appendingPathComponent("generation_config.json"))
        let configuration = try ModelConfigurationFile.read(from: file)
        return (configuration, try HuggingFaceFolder(folder).conventions)
    }

    @Test(arguments: ["opt", "gpt_neox", "llama", "mistral", "qwen2", "bart"])
    func severalAndBeyond(type: String) throws {
        for (ends, expected) in [
            ("[264, 5]", [264, 5]), ("7", [7]), ("50256", [50256]), ("[5, 50256]", [5, 50256]),
            // What is no id at all is one that is never written.
            ("2147483648", [.max]), ("[4611686018427387904, -1, 1e300]", [.max, .max, .max]),
        ] as [(String, [Int32])] {
            let (configuration, conventions) = try configuration(type, #""eos_token_id":\#(ends)"#)
            #expect(configuration.endTokens == expected)
            #expect(conventions.endTokens == expected)
        }
        #expect(throws: CheckpointError.self) { try self.configuration(type, #""eos_token_id":1.5"#) }
        #expect(throws: CheckpointError.self) { try self.configuration(type, #""eos_token_id":"a""#) }
    }

    /// BART begins its answers with a token; without it in the vocabulary there is no model.
    @Test func startToken() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("config.json")
        try Data(#"{"model_type":"bart","vocab_size":2}"#.utf8).write(to: file)
        #expect(throws: CheckpointError.self) { try ModelConfigurationFile.read(from: file) }
    }
}
