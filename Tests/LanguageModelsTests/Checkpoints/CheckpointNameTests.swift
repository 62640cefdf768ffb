import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// A checkpoint under other names: what versions of `transformers` and the models that were saved differ in.
struct RenamedSource: TensorSource {
    let source: any TensorSource
    let original: [String: String]

    /// - Parameter rename: The new name of a tensor; nil leaves it out.
    init(_ source: any TensorSource, _ rename: (String) -> String?) {
        self.source = source
        original = Dictionary(
            source.names.compactMap { name in rename(name).map { ($0, name) } }, uniquingKeysWith: { first, _ in first }
        )
    }

    var names: [String] { original.keys.sorted() }
    func file(of name: String) -> String { "renamed" }
    func shape(of name: String) -> [Int]? { original[name].flatMap { source.shape(of: $0) } }
    func storedType(of name: String) -> StoredType? { original[name].flatMap { source.storedType(of: $0) } }
    func releasePages(of name: String) {}
    func copy(_ name: String, into target: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool) throws {
        try source.copy(original[name] ?? name, into: target, checkingFinite: checkingFinite)
    }
    func copyBytes(_ name: String, into target: UnsafeMutableRawBufferPointer) throws {
        try source.copyBytes(original[name] ?? name, into: target)
    }
}

/// Checkpoints that were saved from a model without its head, under the head's newer name, or without a head.
@Suite("Names in checkpoints") @Compute struct CheckpointNameTests {
    struct Bare: CustomTestStringConvertible, Sendable {
        var model: String
        var prefix: String
        var head = ""
        var testDescription: String { "\(model) without \(prefix) \(head)" }
    }

    nonisolated static let bare = [
        Bare(model: "architectures/llama-linear-biased-old", prefix: "model."),
        Bare(model: "architectures/llama-3", prefix: "model."),
        Bare(model: "architectures/mistral-full-old", prefix: "model."),
        Bare(model: "architectures/qwen2-tied", prefix: "model."),
        Bare(model: "architectures/qwen3-wide", prefix: "model."),
        Bare(model: "architectures/gemma3-window", prefix: "model."),
        Bare(model: "architectures/opt-pre", prefix: "model."),
        Bare(model: "architectures/neox-unbiased-tied", prefix: "gpt_neox."),
        Bare(model: "architectures/neox-parallel", prefix: "gpt_neox."),
        Bare(model: "architectures/neox-parallel", prefix: "gpt_neox.", head: "lm_head."),
        Bare(model: "architectures/neox-parallel", prefix: "nothing", head: "lm_head."),
        Bare(model: "architectures/smollm3-window", prefix: "model."),
        Bare(model: "architectures/phi3-window", prefix: "model."),
        Bare(model: "architectures/gptj-half", prefix: "transformer."),
        Bare(model: "architectures/bloom-tied", prefix: "transformer."),
        Bare(model: "bart/scaled", prefix: "model."),
        Bare(model: "gpt2/tied", prefix: "transformer."),
    ]

    private func configuration(_ folder: URL, ties: Bool? = nil, without key: String? = nil) throws
        -> any ModelConfiguration
    {
        let url = folder.appendingPathComponent("config.json")
        guard ties != nil || key != nil else { return try ModelConfigurationFile.read(from: url) }
        return try withCheckpointFolder { other in
            let data = try Data(contentsOf: url)
            var written = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            if let ties { written["tie_word_embeddings"] = ties }
            if let key { written[key] = nil }
            let file = other.appendingPathComponent("config.json")
            try JSONSerialization.data(withJSONObject: written).write(to: file)
            return try ModelConfigurationFile.read(from: file)
        }
    }

    private func logits(_ network: any CausalModel) -> [Float] {
        let ids: [Int32] = [2, 7, 3, 9, 11]
        var start = KVCache.Sequence()
        if let network = network as? any EncoderDecoderModel {
            start = .init(reading: network.encode(TokenBatch([ids]), after: [nil], dropout: nil))
        }
        let cache = KVCache(shape: network.shape, sequences: [start], keepsTokens: false)
        return network.head(network.hiddenStates(TokenBatch([ids]), cache: cache, dropout: nil)).values
    }

    @Test(arguments: bare)
    func areReadAlike(_ bare: Bare) throws {
        let folder = Fixtures.goldens.appendingPathComponent(bare.model)
        let source = try HuggingFaceFolder(folder).tensors, configuration = try configuration(folder)
        let renamed = RenamedSource(source) { name in
            var name = name
            if name.hasPrefix(bare.prefix) { name.removeFirst(bare.prefix.count) }
            return bare.head.isEmpty ? name : name.replacingOccurrences(of: "embed_out.", with: bare.head)
        }
        #expect(renamed.names != source.names)
        func network(_ source: any TensorSource) throws -> any CausalModel {
            try configuration.network(WeightLoader(CheckpointReader(source), use: .frozen(differentiable: false)))
        }
        #expect(logits(try network(renamed)) == logits(try network(source)))
        // Trained and saved again, the parameters have the names that they have elsewhere.
        func names(_ source: any TensorSource) throws -> [String] {
            try configuration.network(WeightLoader(CheckpointReader(source), use: .trainable(Tape()))).parameters.map(
                \.name)
        }
        if bare.head.isEmpty { #expect(try names(renamed) == names(source)) }
    }

    nonisolated static let tied = [
        "architectures/llama-linear-biased-old", "architectures/mistral-full-old", "architectures/qwen2-tied",
        "architectures/qwen3-wide", "architectures/gemma3-window", "architectures/opt-pre",
        "architectures/neox-unbiased-tied", "architectures/smollm3-interval-old", "architectures/phi3-long-old",
        "architectures/bloom-tied", "bart/scaled", "gpt2/tied",
    ]

    /// `transformers` makes a head of random numbers, with a warning.
    @Test(arguments: tied)
    func refusesUntiedModelsWithoutHead(_ name: String) throws {
        let folder = Fixtures.goldens.appendingPathComponent(name)
        let use = WeightUse.frozen(differentiable: false)
        let headless = RenamedSource(try HuggingFaceFolder(folder).tensors) {
            $0.hasPrefix("lm_head") || $0.hasPrefix("embed_out") ? nil : $0
        }
        let untied = try configuration(folder, ties: false)
        let error = #expect(throws: CheckpointError.self) {
            try untied.network(WeightLoader(CheckpointReader(headless), use: use))
        }
        #expect(error?.description.contains("\"tie_word_embeddings\"") == true, "\(error?.description ?? "")")
        // Where the file says nothing, the architecture's default counts.
        let silent = try configuration(folder, without: "tie_word_embeddings")
        let loads = (try? silent.network(WeightLoader(CheckpointReader(headless), use: use))) != nil
        #expect(loads == silent.tiesWordEmbeddings)
        #expect(
            silent.tiesWordEmbeddings
                == ["opt", "bart", "gpt2", "gemma3", "smollm3", "bloom"].contains { name.contains($0) })
    }
}
