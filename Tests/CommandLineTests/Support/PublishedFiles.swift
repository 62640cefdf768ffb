import Foundation
import TestSupport

/// What follows a prompt, token by token.
struct PublishedAnswer: Decodable {
    var token_ids: [Int32]
    var logprobs: [Float]
}

/// `expected.json` of a model with a prefix.
struct PublishedExpectation: Decodable {
    var prompt: String?
    var without: PublishedAnswer
    var with_prefix, with_adapter: PublishedAnswer?
}

/// `expected.json` of the low-rank adapters.
struct PublishedLowRankExpectation: Decodable {
    var prompt_ids: [Int32]
    var answers: [String: PublishedAnswer]
}

/// The stand-ins for published models (Tests/Goldens/published).
enum PublishedFiles {
    static func url(_ path: String) -> URL {
        Fixtures.goldens.appendingPathComponent("published/\(path)").standardizedFileURL
    }

    static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: url(path)))
    }

    /// Copies a model into the workspace, beside a tokenizer: another folder's, or, where there is none, one that knows
    /// the words t0, t1, … of the vocabulary.
    static func install(
        _ model: String, tokenizer: String?, as name: String = "published", in workspace: Workspace
    ) throws {
        let files = FileManager.default, folder = workspace[name]
        try files.createDirectory(at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.copyItem(at: url(model), to: folder)
        guard let tokenizer else {
            struct Configuration: Decodable { var vocab_size: Int }
            let size = try JSONDecoder().decode(
                Configuration.self, from: Data(contentsOf: folder.appendingPathComponent("config.json"))
            ).vocab_size
            let words = (0..<size).map { #""t\#($0)": \#($0)"# }.joined(separator: ", ")
            let text = """
                {"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, \
                "decoder": null, "model": {"type": "WordLevel", "unk_token": "t0", "vocab": {\(words)}}}
                """
            return try Data(text.utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
        }
        for file in ["vocab.json", "merges.txt", "spiece.model", "tokenizer_config.json", "special_tokens_map.json"] {
            let source = url(tokenizer).appendingPathComponent(file), target = folder.appendingPathComponent(file)
            if files.fileExists(atPath: source.path), !files.fileExists(atPath: target.path) {
                try files.copyItem(at: source, to: target)
            }
        }
    }
}
