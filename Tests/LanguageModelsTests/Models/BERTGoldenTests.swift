import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// Tiny random BERT and RoBERTa models against `transformers` in float64 (Tests/Goldens/bertscore).
@Suite("BERT against transformers") @Compute struct BERTGoldenTests {
    struct Cases: Decodable {
        var tokens: [[Int32]]
    }

    /// Whose files are as those of today, as the first ones, and RoBERTa's.
    nonisolated static let models = ["bert", "bert-old", "roberta"]

    @Test("hidden states of every layer", arguments: models)
    func hiddenStates(name: String) throws {
        let golden = try ArchitectureGolden<Cases>("bertscore/\(name)")
        let encoder = try TextEncoder.load(golden.folder)
        let batch = TokenBatch(golden.cases.tokens)
        #expect(batch.rowCount > 100 && encoder.configuration.layerCount == 3)
        for layer in 0...3 {
            let states = encoder.hiddenStates(of: golden.cases.tokens, layer: layer)
            #expect(states.shape == [batch.rowCount, encoder.configuration.width])
            let error = try golden.error(of: states, batch, "layer.\(layer)")
            #expect(isNear(error, "hidden states of layer \(layer)", name))
        }
    }

    @Test("an encoder of fewer layers has the same hidden states", arguments: models)
    func fewerLayers(name: String) throws {
        let golden = try ArchitectureGolden<Cases>("bertscore/\(name)")
        let whole = try TextEncoder.load(golden.folder), part = try TextEncoder.load(golden.folder, layers: 1)
        for layer in 0...1 {
            let found = part.hiddenStates(of: golden.cases.tokens, layer: layer).values
            #expect(found == whole.hiddenStates(of: golden.cases.tokens, layer: layer).values)
        }
    }

    @Test("sizes and special tokens")
    func sizes() throws {
        func encoder(_ name: String) throws -> TextEncoder {
            try TextEncoder.load(Fixtures.goldens.appendingPathComponent("bertscore/\(name)"))
        }
        let bert = try encoder("bert"), old = try encoder("bert-old"), roberta = try encoder("roberta")
        #expect(bert.specialTokens == (2, 3) && old.specialTokens == (2, 3) && roberta.specialTokens == (0, 2))
        // The model has 80, 60 and 80 positions; the tokenizers ask for 80, 512 and 70 tokens at most.
        #expect(bert.longestText == 80 && old.longestText == 60 && roberta.longestText == 70)
        #expect(roberta.configuration.longestText == 80)
    }
}

/// Folders of encoders that are not what they should be.
@Suite("BERT refusals") @Compute struct BERTRefusalTests {
    /// A copy of the golden model, changed.
    private func error(
        of name: String, _ change: (URL) throws -> Void
    ) throws -> CheckpointError? {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.copyItem(at: Fixtures.goldens.appendingPathComponent("bertscore/\(name)"), to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        try change(folder)
        do {
            _ = try TextEncoder.load(folder)
        } catch let error as CheckpointError {
            return error
        }
        return nil
    }

    private func replace(_ text: String, by other: String, in file: String, _ folder: URL) throws {
        let url = folder.appendingPathComponent(file)
        let contents = try String(contentsOf: url, encoding: .utf8)
        #expect(contents.contains(text), "\(file) has no \(text)")
        try contents.replacingOccurrences(of: text, with: other).write(to: url, atomically: true, encoding: .utf8)
    }

    @Test(
        "configurations",
        arguments: [
            ("\"model_type\": \"bert\"", "\"model_type\": \"gpt2\"", "model_type", "encoder of type bert or roberta"),
            ("\"num_attention_heads\": 3", "\"num_attention_heads\": 5", "num_attention_heads", "do not divide"),
            (
                "\"position_embedding_type\": \"absolute\"", "\"position_embedding_type\": \"relative_key\"",
                "position_embedding_type", "not supported"
            ),
            ("\"max_position_embeddings\": 80", "\"max_position_embeddings\": 2", "max_position_embeddings", "no room"),
            ("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"gelo\"", "hidden_act", "unknown"),
            ("\"model_type\"", "\"is_decoder\": true, \"model_type\"", "is_decoder", "decoder"),
        ])
    func configurations(old: String, new: String, key: String, words: String) throws {
        let error = try error(of: "bert") { try replace(old, by: new, in: "config.json", $0) }
        guard case .invalidConfiguration(_, key, let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains(words), "\(reason)")
    }

    @Test("more layers, another width, fewer layers than the file has")
    func tensors() throws {
        func changed(_ key: String, _ old: Int, _ new: Int) throws -> CheckpointError {
            try #require(
                try error(of: "bert") {
                    try replace("\"\(key)\": \(old)", by: "\"\(key)\": \(new)", in: "config.json", $0)
                })
        }
        guard case .missingTensor(_, let missing, _) = try changed("num_hidden_layers", 3, 4),
            case .wrongShape(_, let other, let expected, let found) = try changed("intermediate_size", 40, 44),
            case .unexpectedTensors(_, let extra) = try changed("num_hidden_layers", 3, 2)
        else {
            Issue.record("another error")
            return
        }
        #expect(missing == "encoder.layer.3.attention.self.query.bias")
        #expect(other == "encoder.layer.0.intermediate.dense.bias" && expected == [44] && found == [40])
        #expect(extra.count == 16 && extra.allSatisfy { $0.hasPrefix("encoder.layer.2.") })
    }

    @Test("tokenizers")
    func tokenizers() throws {
        let bare = try error(of: "bert") {
            let url = $0.appendingPathComponent("tokenizer.json")
            var document = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] ?? [:]
            document["post_processor"] = NSNull()
            try JSONSerialization.data(withJSONObject: document).write(to: url)
        }
        #expect(bare?.description.contains("puts 0 tokens before a text and 0 after it") == true, "\(bare as Any)")
        let short = try error(of: "bert") {
            try replace(":80", by: ":2", in: "tokenizer_config.json", $0)
        }
        #expect(short?.description.contains("key \"model_max_length\"") == true, "\(short as Any)")
    }
}
