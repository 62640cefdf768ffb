import TestSupport
import Testing

@testable import Tokenizers

/// Files of strangers: each of these is an error that names the file and the key, and none takes long.
@Suite("Damaged tokenizers in GGUF metadata are refused by name")
struct GGUFDamageTests {
    private func bytes() -> GGUFVocabulary {
        var vocabulary = GGUFVocabulary(model: "gpt2")
        vocabulary.pre = "gpt-2"
        vocabulary.tokens = ["a", "b", "ab", "<s>"].map { Array($0.utf8) }
        vocabulary.types = [1, 1, 1, 3]
        vocabulary.merges = [Array("a b".utf8)]
        return vocabulary
    }

    private func pieces() -> GGUFVocabulary {
        var vocabulary = bytes()
        vocabulary.model = "llama"
        vocabulary.scores = [-1, -2, -3, 0]
        return vocabulary
    }

    private func refusal(_ base: GGUFVocabulary, _ change: (inout GGUFVocabulary) -> Void) -> String {
        var vocabulary = base
        change(&vocabulary)
        let error = failure(TokenizerError.self) { _ = try Tokenizer(gguf: vocabulary, file: "damaged.gguf") }
        guard let error else {
            Issue.record("nothing was refused")
            return ""
        }
        #expect(error.description.hasPrefix("damaged.gguf "))
        return error.description
    }

    @Test func sound() throws {
        #expect(try Tokenizer(gguf: bytes(), file: "x").encode("ab<s>b") == [2, 3, 1])
        var pieces = pieces()
        pieces.addsSpacePrefix = false
        #expect(try Tokenizer(gguf: pieces, file: "x").encode("ab<s>b") == [2, 3, 1])
    }

    @Test("models and patterns", arguments: ["bert", "rwkv", "gemma4", "", "GPT2"])
    func models(name: String) {
        let sentence = refusal(bytes()) { $0.model = name }
        #expect(sentence.contains("tokenizer.ggml.model \"\(name)\""))
        let pattern = refusal(bytes()) { $0.pre = "no-such" }
        #expect(pattern.contains("tokenizer.ggml.pre \"no-such\""))
        #expect(pattern.contains("llama-bpe, ") && pattern.contains("smollm"))
    }

    @Test func tokens() {
        #expect(refusal(bytes()) { $0.tokens = [] }.contains("tokenizer.ggml.tokens: there are none"))
        #expect(refusal(bytes()) { $0.tokens[1] = [] }.contains("tokenizer.ggml.tokens: token 1 is empty"))
        #expect(refusal(bytes()) { $0.tokens[1] = [97] }.contains("tokens 0 and 1 are both \"a\""))
        #expect(refusal(bytes()) { $0.tokens[1] = [0xC3] }.contains("token 1 is not UTF-8"))
        #expect(refusal(pieces()) { $0.tokens[2] = Array(repeating: 97, count: 2_000) }.contains("has 2000 bytes"))
        let many = Array(repeating: [UInt8(97)], count: 1 << 21 + 1)
        #expect(refusal(bytes()) { $0.tokens = many }.contains("there are \(many.count), more than"))
    }

    @Test func numbersOfTokens() {
        for count in [0, 3, 5] {
            let scores = refusal(pieces()) { $0.scores = Array(repeating: 0, count: count) }
            #expect(scores.contains("tokenizer.ggml.scores: there are \(count) for 4 tokens"))
            let types = refusal(bytes()) { $0.types = Array(repeating: 1, count: count) }
            #expect(types.contains("tokenizer.ggml.token_type: there are \(count) for 4 tokens"))
        }
        #expect(refusal(pieces()) { $0.scores = nil }.contains("tokenizer.ggml.scores: it is missing"))
        let notANumber = refusal(pieces()) { $0.scores?[2] = .nan }
        #expect(notANumber.contains("that of token 2 is NaN"))
        for type in [-1, 7, Int32.max] {
            let sentence = refusal(bytes()) { $0.types?[2] = type }
            #expect(sentence.contains("that of token 2 is \(type), not in 0...6"))
        }
    }

    @Test("ids", arguments: [-1, 4, Int.max, Int.min])
    func identifiers(id: Int) {
        let keys: [(String, WritableKeyPath<GGUFVocabulary, Int?>)] = [
            ("bos_token_id", \.beginToken), ("eos_token_id", \.endToken), ("unknown_token_id", \.unknownToken),
            ("padding_token_id", \.paddingToken), ("eot_token_id", \.endOfTurnToken),
            ("eom_token_id", \.endOfMessageToken),
        ]
        for base in [bytes(), pieces()] {
            for (key, path) in keys {
                let sentence = refusal(base) { $0[keyPath: path] = id }
                #expect(sentence.contains("tokenizer.ggml.\(key): \(id) is not the id of one of the 4 tokens"))
            }
        }
        #expect(
            refusal(bytes()) { $0.addsEndToken = true }
                .contains("tokenizer.ggml.add_eos_token: it is true, and there is no eos_token_id"))
    }

    @Test func merges() {
        #expect(refusal(bytes()) { $0.merges = nil }.contains("tokenizer.ggml.merges: it is missing"))
        for line in ["ab", "", " ", " ab"] {
            #expect(refusal(bytes()) { $0.merges = [Array(line.utf8)] }.contains("has no blank between two tokens"))
        }
        for line in ["a c", "a ", "a b b", "  b"] {
            #expect(refusal(bytes()) { $0.merges = [Array(line.utf8)] }.contains("merge 0, \"\(line)\", is not of two"))
        }
        #expect(refusal(bytes()) { $0.merges = [Array("b a".utf8)] }.contains("merges: merge 0 does not make a token"))
        let many = Array(repeating: Array("a b".utf8), count: 1 << 22 + 1)
        #expect(refusal(bytes()) { $0.merges = many }.contains("there are \(many.count), more than"))
    }

    @Test("what the model has no use for")
    func otherNormalizers() {
        #expect(refusal(pieces()) { $0.precompiledMap = [1, 2] }.contains("tokenizer.ggml.precompiled_charsmap"))
        let removes = refusal(pieces()) { $0.removesExtraWhitespace = true }
        #expect(removes.contains("tokenizer.ggml.remove_extra_whitespaces"))
    }

    /// Each merge looks at a longer piece, and all of them begin alike.
    @Test func boundedWork() throws {
        var vocabulary = GGUFVocabulary(model: "llama")
        vocabulary.tokens = [Array("<unk>".utf8)] + (1...1_024).map { Array(repeating: UInt8(ascii: "a"), count: $0) }
        vocabulary.types = [2] + Array(repeating: 1, count: 1_024)
        vocabulary.scores = vocabulary.tokens.map { Float($0.count) }
        vocabulary.addsSpacePrefix = false
        let tokenizer = try Tokenizer(gguf: vocabulary, file: "x.gguf")
        let text = String(repeating: "a", count: 100_000)
        do {
            let ids = try tokenizer.encode(text)
            #expect(ids.reduce(0) { $0 + tokenizer.bytes(of: $1).count } == 100_000)
        } catch TokenizerError.tooMuchWork(let component, bytes: 100_000) {
            #expect(component == "vocabulary")
        }
        #expect(try tokenizer.encode("") == [])
        #expect(try tokenizer.encode("é") == [0])
    }
}
