import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// A stand-in for a published model and its prefix (Tests/Goldens/published), put together as a user has it: weights and
/// tokenizer files in one folder, the prefix as it was published.
struct PublishedModel: CustomStringConvertible, Sendable {
    struct Answer: Decodable {
        var token_ids: [Int32]
        var logprobs: [Float]
    }

    private struct Expected: Decodable {
        var prompt_ids: [Int32]
        var without: Answer
        var with_prefix, with_adapter: Answer?
    }

    /// The folder of the weights.
    let weights: String
    /// The folder of the tokenizer files.
    let tokenizer: String
    /// The file of the prefix, and its tensor.
    let prefix: (file: String, tensor: String)
    /// The folder that says what to expect.
    let expectations: String

    var description: String { weights }

    static let crumb = ["crumb/base", "crumb/base-sharded"].map {
        PublishedModel(
            weights: $0, tokenizer: "crumb/base", prefix: ("crumb/adapter/adapter_model.bin", "prompt_embeddings"),
            expectations: "crumb")
    }
    static let quantized = ["rinna-nf4", "rinna-int8", "rinna-awq"].map(PublishedModel.init(rinna:))
    static let rinna = PublishedModel(rinna: "rinna")
    static let all = crumb + [rinna] + quantized

    private init(rinna name: String) {
        self.init(
            weights: name, tokenizer: "rinna",
            prefix: ("rinna/smileface_suffix.task0.weight", PyTorchFile.nameOfBareTensor), expectations: name)
    }

    private init(weights: String, tokenizer: String, prefix: (file: String, tensor: String), expectations: String) {
        self.weights = weights
        self.tokenizer = tokenizer
        self.prefix = prefix
        self.expectations = expectations
    }

    /// The prompt, and what follows it without and with the prefix.
    func expected() throws -> (prompt: [Int32], without: Answer, withPrefix: Answer) {
        let expected: Expected = try Fixtures.decode("published/\(expectations)/expected.json")
        let withPrefix = try #require(expected.with_prefix ?? expected.with_adapter)
        return (expected.prompt_ids, expected.without, withPrefix)
    }

    /// The prefix's rows [T × 2·layers·width].
    @Compute func prefixMatrix() throws -> Tensor {
        let file = try PyTorchFile(Fixtures.goldens.appendingPathComponent("published/\(prefix.file)"))
        let shape = try #require(file.shape(of: prefix.tensor))
        return Tensor(try CheckpointReader(file).read(prefix.tensor, shape: shape), shape: shape)
    }

    /// Runs `body` with a folder of weights and tokenizer files, which is gone afterwards.
    @Compute func assembled<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let files = FileManager.default, published = Fixtures.goldens.appendingPathComponent("published")
        let folder = files.temporaryDirectory.appendingPathComponent("prefixtune-published-\(UUID().uuidString)")
        defer { try? files.removeItem(at: folder) }
        try files.copyItem(at: published.appendingPathComponent(weights), to: folder)
        let tokenizerFiles = [
            "vocab.json", "merges.txt", "spiece.model", "tokenizer_config.json", "special_tokens_map.json",
        ]
        for name in tokenizerFiles {
            let source = published.appendingPathComponent("\(tokenizer)/\(name)")
            let target = folder.appendingPathComponent(name)
            if files.fileExists(atPath: source.path), !files.fileExists(atPath: target.path) {
                try files.copyItem(at: source, to: target)
            }
        }
        return try body(folder)
    }
}

/// How probable a model finds an answer: loss Σ −ln p, and ln p of each token.
@Compute func probabilities(
    of answer: [Int32], after prompt: [Int32], _ start: KeyValues?, _ model: any CausalModel
) -> (loss: Tensor, logprobs: [Float]) {
    let tokens = prompt + answer
    let cache = KVCache(shape: model.shape, sequences: [.init(after: start)], keepsTokens: false)
    let hidden = model.hiddenStates(TokenBatch([tokens]), cache: cache, dropout: nil)
    let rows = (prompt.count - 1..<tokens.count - 1).map(Int32.init)
    let (loss, perRow) = crossEntropy(
        hidden.rows(at: rows), head: model.head, targets: answer, weights: answer.map { _ in 1 })
    return (loss, perRow.map { -$0 })
}

/// The compressed matrices of a model, and the bytes of all that it holds, tables and vectors included.
///
/// Found by reflection: what a model keeps is its own affair.
@Compute func heldWeights(of model: Any) -> (compressed: [CompressedMatrix], bytes: Int) {
    var compressed: [CompressedMatrix] = [], bytes = 0
    var seen: Set<ObjectIdentifier> = []
    func look(_ value: Any) {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .class {
            guard seen.insert(ObjectIdentifier(value as AnyObject)).inserted else { return }
        }
        var children = Array(mirror.children)
        switch value {
        case let tensor as Tensor:
            bytes += 4 * tensor.count
            return
        case let matrix as CompressedMatrix:
            compressed.append(matrix)
            bytes += matrix.byteCount
            children.removeAll { $0.label != "bias" }
        case let matrix as QuantizedMatrix:
            bytes += matrix.byteCount
            children.removeAll { $0.label != "bias" }
        case let matrix as FrozenMatrix:
            bytes += matrix.byteCount
            children.removeAll { $0.label != "bias" }
        default: break
        }
        for child in children { look(child.value) }
    }
    look(model)
    return (compressed, bytes)
}
