import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What `gguf-tokenizers/generate.py` recorded.
enum GGUFGolden {
    static let folder = Fixtures.goldens.appendingPathComponent("gguf-tokenizers")

    /// A vocabulary as a GGUF file has it.
    struct Stored: Decodable {
        var model: String
        var tokens: [String]
        var types: [Int32]
        var merges: [String]?
        var scores: [Float]?
        var bos: Int?
        var eos: Int
        var unk: Int?
        var pad: Int?
        var add_bos: Bool?
        var add_eos: Bool?
        var add_space_prefix: Bool?
        var remove_extra_whitespaces: Bool?
        var precompiled_charsmap: [UInt8]?
    }

    struct Real: Decodable {
        var special_ids: [Int32]
        var blocks: [[String]]
        var ids: [[Int32]]
        var family: FamilyGolden { FamilyGolden(special_ids: special_ids, blocks: blocks) }
    }

    struct RealFiles: Decodable {
        var lines: [String]
        var smollm2: Real
        var gemma3: Real
    }

    static func read<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func vocabulary(_ name: String, pre: String? = nil) throws -> GGUFVocabulary {
        let stored: Stored = try read("\(name).json")
        var vocabulary = GGUFVocabulary(model: stored.model)
        vocabulary.pre = pre
        vocabulary.tokens = stored.tokens.map { Array($0.utf8) }
        vocabulary.types = stored.types
        vocabulary.merges = stored.merges?.map { Array($0.utf8) }
        vocabulary.scores = stored.scores
        vocabulary.beginToken = stored.bos
        vocabulary.endToken = stored.eos
        vocabulary.unknownToken = stored.unk
        vocabulary.paddingToken = stored.pad
        vocabulary.addsBeginToken = stored.add_bos
        vocabulary.addsEndToken = stored.add_eos
        vocabulary.addsSpacePrefix = stored.add_space_prefix
        vocabulary.removesExtraWhitespace = stored.remove_extra_whitespaces
        vocabulary.precompiledMap = stored.precompiled_charsmap
        return vocabulary
    }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let vocabulary: GGUFVocabulary
        switch name {
        case "pieces", "partial", "unigram", "unigram-bytes": vocabulary = try Self.vocabulary(name)
        case "pieces-without-prefix":
            var pieces = try Self.vocabulary("pieces")
            pieces.addsSpacePrefix = false
            pieces.addsEndToken = false
            vocabulary = pieces
        default: vocabulary = try Self.vocabulary("bytes", pre: name)
        }
        return try Tokenizer(gguf: vocabulary, file: "\(name).gguf")
    }
}

/// Reads what GGUF files say of their tokenizer, as far as the tests need it.
struct GGUFMetadata {
    private var bytes: Data
    private var position = 24
    private(set) var texts: [String: [UInt8]] = [:]
    private(set) var numbers: [String: Int] = [:]
    private(set) var lists: [String: [[UInt8]]] = [:]
    private(set) var integers: [String: [Int32]] = [:]
    private(set) var scores: [Float]?

    init(_ file: URL) throws {
        bytes = try Data(contentsOf: file, options: .alwaysMapped)
        position = 16
        let count = number(8)
        for _ in 0..<count {
            let key = String(decoding: text(), as: UTF8.self)
            let type = number(4)
            switch type {
            case 8: texts[key] = text()
            case 9:
                let (element, length) = (number(4), number(8))
                switch element {
                case 8: lists[key] = (0..<length).map { _ in text() }
                case 6: scores = (0..<length).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: number(4))) }
                default:
                    integers[key] = (0..<length).map { _ in Int32(truncatingIfNeeded: number(Self.size(element))) }
                }
            default: numbers[key] = number(Self.size(type))
            }
        }
    }

    private static func size(_ type: Int) -> Int {
        switch type {
        case 0, 1, 7: 1
        case 2, 3: 2
        case 4, 5, 6: 4
        default: 8
        }
    }

    private mutating func number(_ size: Int) -> Int {
        defer { position += size }
        return (0..<size).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
    }

    private mutating func text() -> [UInt8] {
        let length = number(8)
        defer { position += length }
        return [UInt8](bytes[position..<position + length])
    }

    var vocabulary: GGUFVocabulary {
        func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
        func text(_ name: String) -> String? { texts[key(name)].map { String(decoding: $0, as: UTF8.self) } }
        var result = GGUFVocabulary(model: text("model") ?? "")
        result.pre = text("pre")
        result.tokens = lists[key("tokens")] ?? []
        result.merges = lists[key("merges")]
        result.types = integers[key("token_type")]
        result.scores = scores
        result.beginToken = numbers[key("bos_token_id")]
        result.endToken = numbers[key("eos_token_id")]
        result.unknownToken = numbers[key("unknown_token_id")]
        result.paddingToken = numbers[key("padding_token_id")]
        result.addsBeginToken = numbers[key("add_bos_token")].map { $0 != 0 }
        result.addsEndToken = numbers[key("add_eos_token")].map { $0 != 0 }
        result.addsSpacePrefix = numbers[key("add_space_prefix")].map { $0 != 0 }
        return result
    }
}
