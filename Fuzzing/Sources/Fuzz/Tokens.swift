import Foundation
@testable import Tokenizers

func readJSON(_ bytes: UnsafeRawBufferPointer) throws {
    _ = try JSONParser.parse(Array(bytes), file: "fuzz.json")
}

/// Texts with what tokenizers treat in special ways: blanks, digits, accents, scripts, emoji, ill-formed ends of words.
private let texts = [
    "Hello, world! It's 12345 times  <s> </s> [MASK] <|endoftext|>\n\tThe end. ",
    "Ünïcödé e\u{301} \u{2581}▁ 日本語のテキスト 한국어 العربية हिन्दी 👩‍👩‍👧‍👦\u{FE0F}\u{200D} ﬁ ① \u{0}\u{7F}\u{FEFF}",
    "a", "", " ", String(repeating: "aab ", count: 30), String(repeating: "a", count: 4_000),
]

func readTokenizer(_ bytes: UnsafeRawBufferPointer, as name: String) throws {
    try Data(bytes).write(to: fuzzFolder.appendingPathComponent(name))
    encodeTexts(try Tokenizer(folder: fuzzFolder))
}

/// Encodes and decodes texts by a tokenizer that could be loaded.
func encodeTexts(_ tokenizer: Tokenizer) {
    for text in texts {
        // A text may be too much work; the others need not be.
        guard let ids = try? tokenizer.encode(text, addingSpecialTokens: true) else { continue }
        for id in ids { precondition(id >= 0 && id < tokenizer.vocabularySize, "an id beyond the vocabulary") }
        _ = tokenizer.decode(ids)
        _ = tokenizer.decode(ids, skippingSpecialTokens: true)
    }
    _ = tokenizer.decode([Int32(tokenizer.vocabularySize), -1, 0, 1, 2, .max])
    for id in 0..<Int32(min(tokenizer.vocabularySize, 300)) { _ = (tokenizer.token(for: id), tokenizer.bytes(of: id)) }
}
