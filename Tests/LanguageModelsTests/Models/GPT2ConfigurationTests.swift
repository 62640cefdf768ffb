import Foundation
import LanguageModels
import TestSupport
import Testing

@Suite struct GPT2ConfigurationTests {
    private func golden(_ name: String) throws -> (config: Data, parameters: Int) {
        let url = Fixtures.goldens.appendingPathComponent("checkpoints/gpt2-configurations.json")
        let rows = try JSONSerialization.jsonObject(with: try Data(contentsOf: url)) as? [String: [String: Any]]
        let row = try #require(rows?[name])
        let config = try #require(row["config"])
        return (try JSONSerialization.data(withJSONObject: config), try #require(row["parameters"] as? Int))
    }

    private func read(_ contents: Data) throws -> GPT2Configuration {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try contents.write(to: url)
            return try GPT2Configuration.read(from: url)
        }
    }

    @Test func hasTheDefaultsOfTransformers() throws {
        let (config, parameters) = try golden("default")
        let read = try read(config)
        #expect(read == GPT2Configuration())
        #expect(try self.read(Data(#"{"model_type":"gpt2"}"#.utf8)) == GPT2Configuration())
        #expect(read.parameterCount == parameters && parameters == 124_439_808)
    }

    @Test func readsEveryKey() throws {
        let (config, parameters) = try golden("small")
        let read = try read(config)
        var expected = GPT2Configuration()
        expected.width = 48
        expected.layerCount = 3
        expected.headCount = 4
        expected.positionCount = 64
        expected.explicitInnerWidth = 100
        expected.vocabularySize = 211
        expected.layerNormEpsilon = 1e-6
        expected.activation = .relu
        expected.scalesAttention = false
        expected.scalesAttentionByInverseLayer = true
        expected.tiesWordEmbeddings = false
        expected.residualDropout = 0
        expected.embeddingDropout = 0.25
        expected.attentionDropout = 0.5
        expected.beginToken = nil
        expected.endTokens = [7]
        #expect(read == expected)
        #expect(read.parameterCount == parameters)
        #expect((read.innerWidth, read.headWidth) == (100, 12))
    }

    @Test("several end tokens, and those beyond the vocabulary of a tiny model")
    func endTokens() throws {
        let text = #"{"model_type": "gpt2", "vocab_size": 300, "eos_token_id": [264, 5, 50256]}"#
        #expect(try read(Data(text.utf8)).endTokens == [264, 5, 50256])
    }

    @Test(arguments: ["default", "small"])
    func writesWhatItReads(_ name: String) throws {
        let read = try read(golden(name).config)
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try read.write(to: url)
            #expect(try GPT2Configuration.read(from: url) == read)
            // Every key that is written has exactly the value that transformers wrote.
            let ours = try JSONSerialization.jsonObject(with: try Data(contentsOf: url)) as? NSDictionary
            let theirs = try JSONSerialization.jsonObject(with: golden(name).config) as? NSDictionary
            for (key, value) in try #require(ours) where key as? String != "architectures" {
                #expect(theirs?[key] as? NSObject == value as? NSObject, "\(key)")
            }
        }
    }

    @Test(arguments: [
        (#""n_embd":100,"n_head":12"#, "n_head", "12 heads do not divide the width (n_embd) of 100"),
        (#""n_layer":0"#, "n_layer", "the value is 0, but must be between 1 and"),
        (#""n_embd":-8"#, "n_embd", "the value is -8"),
        (#""vocab_size":4000000000"#, "vocab_size", "the value is 4000000000"),
        (#""n_positions":1.5"#, "n_positions", "a whole number is needed"),
        (#""n_positions":"many""#, "n_positions", "a whole number is needed"),
        (#""n_inner":0"#, "n_inner", "the value is 0"),
        (#""layer_norm_epsilon":0"#, "layer_norm_epsilon", "must be greater than 0"),
        (#""attn_pdrop":1"#, "attn_pdrop", "at least 0 and below 1"),
        (#""eos_token_id":1.5"#, "eos_token_id", "a token id is needed"),
        (#""eos_token_id":[1,"2"]"#, "eos_token_id", "a token id is needed"),
        (#""activation_function":"mish""#, "activation_function", "\"mish\" is unknown; one of gelu, "),
        (#""model_type":"bert""#, "model_type", "the model type is \"bert\""),
        (#""add_cross_attention":true"#, "add_cross_attention", "not supported"),
    ])
    func refuses(_ entry: String, key: String, reason: String) throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            let type = entry.contains("model_type") ? "" : #""model_type":"gpt2","#
            try Data("{\(type)\(entry)}".utf8).write(to: url)
            do {
                _ = try GPT2Configuration.read(from: url)
                Issue.record("accepted")
            } catch CheckpointError.invalidConfiguration(let file, let path, let found) {
                #expect((file, path) == (url.path, key))
                #expect(found.contains(reason), "\(found)")
            }
        }
    }

    @Test func saysWhatIsNoConfiguration() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            #expect { try GPT2Configuration.read(from: url) } throws: { "\($0)".contains("no such file") }
            for text in ["", "[]", "{", "{}"] {
                try Data(text.utf8).write(to: url)
                #expect(throws: CheckpointError.self, "\(text)") { try GPT2Configuration.read(from: url) }
            }
            var wrong = GPT2Configuration()
            wrong.headCount = 7
            #expect(throws: CheckpointError.self) { try wrong.write(to: url) }
        }
    }
}
