import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Adapters that cannot be used: every one is refused with a sentence that says why.
@Suite("Bad prefix adapters") @Compute struct PrefixBadAdapterTests {
    /// A change to `adapter_config.json`, and what the message must say.
    struct Damage: CustomTestStringConvertible, Sendable {
        var key: String
        var value: String?
        var says: String
        var testDescription: String { "\(key): \(value ?? "missing")" }
    }

    nonisolated static let damages = [
        Damage(key: "peft_type", value: "\"LORA\"", says: "type LORA"),
        Damage(key: "peft_type", value: "\"IA3\"", says: "type IA3"),
        Damage(key: "peft_type", value: nil, says: "the key \"peft_type\" is missing"),
        Damage(key: "num_virtual_tokens", value: "7", says: "num_virtual_tokens is 7, but the file holds 5"),
        Damage(
            key: "num_virtual_tokens", value: "\"many\"",
            says: "\"num_virtual_tokens\" is \"many\", but a whole number is needed"),
        Damage(key: "num_layers", value: "NaN", says: "\"num_layers\" is \"NaN\", but a whole number is needed"),
        Damage(key: "num_transformer_submodules", value: "2", says: "encoder-decoder"),
        Damage(key: "num_attention_heads", value: "8", says: "8 key heads of width 4"),
        Damage(key: "num_layers", value: "4", says: "4 layers with 4 key heads of width 8"),
        Damage(key: "num_layers", value: "9223372036854775807", says: "9223372036854775807 layers"),
        Damage(key: "token_dim", value: "9223372036854775807", says: "4 key heads of width 2305843009213693951"),
        Damage(key: "num_attention_heads", value: "0", says: "0 key heads"),
        Damage(key: "num_attention_heads", value: "-1", says: "-1 key heads"),
    ]

    @Test("a changed configuration", arguments: damages)
    func damaged(_ damage: Damage) throws {
        try withTrainingFolder { folder in
            try Self.copy(to: folder) { $0[damage.key] = damage.value }
            let error = try #require(try Self.refusal(folder))
            #expect(error.description.contains(damage.says), "\(error)")
            #expect(error.errorDescription == error.description)
        }
    }

    @Test("an adapter of another model says both models' sizes")
    func otherModel() throws {
        let error = try #require(try Self.refusal(PrefixGolden.folder.appendingPathComponent("adapter-projected")))
        #expect(error.description.contains("3 layers with 3 key heads of width 8"), "\(error)")
        #expect(error.description.contains("2 layers with 4 key heads of width 8"), "\(error)")
    }

    @Test("no folder, no JSON, no weights, other weights")
    func files() throws {
        try withTrainingFolder { folder in
            let missing = try #require(try Self.refusal(folder.appendingPathComponent("nowhere")))
            #expect(missing.description.contains("nowhere/adapter_config.json: there is no such file"))
            let configuration = folder.appendingPathComponent("adapter_config.json")
            try Data("{\"peft_type\":".utf8).write(to: configuration)
            let broken = try #require(try Self.refusal(folder))
            #expect(broken.description.contains("not the JSON"))
            try Self.copy(to: folder) { _ in }
            let weights = folder.appendingPathComponent("adapter_model.safetensors")
            try FileManager.default.removeItem(at: weights)
            #expect(throws: CheckpointError.self) { _ = try Self.read(folder) }
            var writer = SafetensorsWriter()
            writer.add("prefix", shape: [5, 128], values: [Float](repeating: 0, count: 640))
            try writer.write(to: weights)
            let wrong = failure(CheckpointError.self) { _ = try Self.read(folder) }
            #expect(wrong?.description.contains("prompt_embeddings") == true)
        }
    }

    @Test("a convention of positions that is not known")
    func unknownPosition() throws {
        try withTrainingFolder { folder in
            try Self.copy(to: folder) { _ in }
            var writer = SafetensorsWriter(metadata: ["format": "pt", "prefixtune.text_position": "before-prefix"])
            writer.add("prompt_embeddings", shape: [5, 128], values: [Float](repeating: 0, count: 640))
            try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
            let error = try #require(try Self.refusal(folder))
            #expect(error.description.contains("before-prefix"), "\(error)")
        }
    }

    @Test("values that do not fill the rows, a prefix without rows, one that leaves no room")
    func sizes() throws {
        let shape = try TinyModel.golden("tied").network.shape
        for (length, count) in [(2, 255), (0, 0), (-1, 128), (2, 0)] {
            let error = failure(PrefixError.self) {
                _ = try Prefix(length: length, values: [Float](repeating: 0, count: count), shape: shape)
            }
            #expect(error == .wrongSize(found: count, expected: "\(length) × 128"))
        }
        let long = try Prefix(length: 48, values: [Float](repeating: 0, count: 48 * 128), shape: shape)
        #expect(failure(PrefixError.self) { try long.check(fits: shape) } == .tooLong(length: 48, positions: 48))
        let fitting = try Prefix(length: 47, values: [Float](repeating: 0, count: 47 * 128), shape: shape)
        #expect(throws: Never.self) { try fitting.check(fits: shape) }
    }

    static func read(_ folder: URL) throws -> Prefix {
        try Prefix(folder: folder, model: try TinyModel.golden("tied").network.shape)
    }

    static func refusal(_ folder: URL) throws -> PrefixError? {
        failure(PrefixError.self) { _ = try read(folder) }
    }

    /// Copies a golden adapter with some members of its configuration replaced by other JSON, or removed.
    static func copy(
        to folder: URL, changing change: (inout [String: String]) -> Void
    ) throws {
        let golden = PrefixGolden.folder.appendingPathComponent("adapter-flat")
        var members: [String: String] = [:]
        for (key, value) in try PrefixAdapterTests.json(golden) {
            members[key] = String(
                decoding: try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed), as: UTF8.self)
        }
        change(&members)
        let text = members.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",")
        try Data("{\(text)}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        let weights = folder.appendingPathComponent("adapter_model.safetensors")
        try? FileManager.default.removeItem(at: weights)
        try FileManager.default.copyItem(at: golden.appendingPathComponent("adapter_model.safetensors"), to: weights)
    }
}
