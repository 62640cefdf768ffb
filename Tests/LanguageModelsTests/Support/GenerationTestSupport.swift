import Foundation
@testable import LanguageModels
import Tensors
import TestSupport

/// The model, the prefix and the prompts of the generation goldens (Tests/Goldens/beam/generate.py).
struct GenerationGolden {
    struct File: Decodable {
        var model, adapter: String
        var max_new_tokens: Int
        var eos_token_id: Int32
        var prompts: [[Int32]]
        var cases: [Case]
    }

    struct Case: Decodable {
        var options: Settings
        var token_ids: [[Int32]]
        var scores: [Float]?
    }

    let file: File
    let model: GPT2
    let prefix: InitialKeyValues
    let prefixMatrix: Tensor

    @Compute init() throws {
        file = try Fixtures.decode("beam/beams.json")
        model = try Golden(file.model).model(.frozen(differentiable: false))
        let adapter = Fixtures.goldens.appendingPathComponent("prefix/\(file.adapter)/adapter_model.safetensors")
        let reader = CheckpointReader(try SafetensorsFile(adapter))
        let shape = [5, model.shape.prefixRowWidth]
        prefixMatrix = Tensor(try reader.read("prompt_embeddings", shape: shape), shape: shape)
        prefix = InitialKeyValues(decoder: KeyValues(rowsOf: prefixMatrix, shape: model.shape))
    }

    /// The options of a golden case.
    func options(_ settings: Settings) -> DecodingOptions {
        settings.options(maxNewTokens: file.max_new_tokens, endToken: file.eos_token_id)
    }

    /// Greedy search with the goldens' lengths and end token, unless stated.
    func options(_ strategy: DecodingOptions.Strategy, maxNewTokens: Int? = nil) -> DecodingOptions {
        DecodingOptions(
            strategy, maxNewTokens: maxNewTokens ?? file.max_new_tokens, endTokens: [file.eos_token_id])
    }
}

/// Settings under the names of `transformers`.
struct Settings: Decodable, CustomStringConvertible {
    var num_beams, num_return_sequences: Int?
    var length_penalty: Double?
    var early_stopping: EarlyStopping?
    var no_repeat_ngram_size: Int?
    var suppress_tokens: [Int32]?
    var bad_words_ids: [[Int32]]?
    var stop_strings: [String]?
    var repetition_penalty: Double?
    var min_new_tokens: Int?
    var prefix: Bool?
    var temperature, top_p, min_p: Double?
    var top_k: Int?
    var penalty_alpha: Double?

    /// `False`, `True` or `"never"`.
    struct EarlyStopping: Decodable {
        var value: DecodingOptions.EarlyStopping

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = (try? container.decode(Bool.self)).map { $0 ? .yes : .no } ?? .never
        }
    }

    var description: String {
        Mirror(reflecting: self).children.compactMap { child in
            let value = Mirror(reflecting: child.value)
            return value.children.first.map { "\(child.label ?? "") \($0.value)" }
        }.joined(separator: ", ")
    }

    func options(maxNewTokens: Int, endToken: Int32?) -> DecodingOptions {
        var options = DecodingOptions(
            num_beams.map { .beam(width: $0) } ?? .sample, maxNewTokens: maxNewTokens,
            endTokens: endToken.map { [$0] } ?? [])
        options.answerCount = num_return_sequences ?? 1
        options.stopTexts = stop_strings ?? []
        options.lengthPenalty = length_penalty ?? 1
        options.earlyStopping = early_stopping?.value ?? .no
        options.noRepeatNGramSize = no_repeat_ngram_size ?? 0
        options.forbiddenTokens = suppress_tokens ?? []
        options.forbiddenSequences = bad_words_ids ?? []
        options.repetitionPenalty = repetition_penalty ?? 1
        options.minNewTokens = min_new_tokens ?? 0
        options.temperature = temperature ?? 1
        options.topK = top_k ?? 0
        if let penalty_alpha { options.strategy = .contrastive(alpha: penalty_alpha, candidates: top_k ?? 0) }
        options.topP = top_p ?? 1
        options.minP = min_p ?? 0
        return options
    }
}

extension Fixtures {
    /// A JSON file among the goldens.
    static func decode<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: goldens.appendingPathComponent(path)))
    }
}

/// The distribution that a sampler draws from, for scores that follow `history`.
func probabilities(_ scores: [Float], after history: [Int32], _ options: DecodingOptions) -> [Float] {
    var scores = scores
    let rules = TokenRules(options, vocabularySize: scores.count)
    return scores.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return [] }
        rules.apply(to: base, after: history, newTokens: 0)
        let choices = Sampler(options, prompt: 0).choices(base, count: buffer.count)
        let total = choices.reduce(0) { $0 + $1.weight }
        var result = [Float](repeating: 0, count: buffer.count)
        for choice in choices { result[Int(choice.token)] = Float(choice.weight / total) }
        return result
    }
}
