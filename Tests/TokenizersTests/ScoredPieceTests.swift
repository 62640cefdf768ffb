import TestSupport
import Testing

@testable import Tokenizers

@Suite("Merging by scores")
struct ScoredPieceTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }

    /// The definition, in O(n²).
    private func reference(_ text: [UInt8], _ scores: [[UInt8]: Float]) -> [[UInt8]] {
        var symbols = text.map { [$0] }
        while true {
            var best: (score: Float, index: Int)?
            for index in symbols.indices.dropLast() {
                if let score = scores[symbols[index] + symbols[index + 1]], score > best?.score ?? -.infinity {
                    best = (score, index)
                }
            }
            guard let best else { return symbols }
            symbols[best.index] += symbols.remove(at: best.index + 1)
        }
    }

    private func pieces(_ random: inout Random, letters: Int, equal: Bool) -> GGUFVocabulary {
        let alphabet = (0..<letters).map { [UInt8(97 + $0)] }
        var words = alphabet
        for _ in 0..<40 {
            if let left = words.randomElement(using: &random), let right = words.randomElement(using: &random),
                left.count + right.count <= 9, !words.contains(left + right)
            {
                words.append(left + right)
            }
        }
        var vocabulary = GGUFVocabulary(model: "llama")
        vocabulary.tokens = [Array("<unk>".utf8)] + words.shuffled(using: &random)
        vocabulary.types = [2] + Array(repeating: 1, count: words.count)
        vocabulary.scores = (0...words.count).map { equal ? Float($0 % 3) : -Float($0) }
        vocabulary.addsSpacePrefix = false
        return vocabulary
    }

    /// Whether a piece is one text three times over or more: then no list of merges says what the scores say.
    private func repeats(_ piece: [UInt8]) -> Bool {
        (1...max(1, piece.count / 3)).contains { length in
            piece.count % length == 0 && piece.count >= 3 * length
                && piece.dropFirst(length).elementsEqual(piece.dropLast(length))
        }
    }

    @Test("as the definition has it, and as the list of merges has it", arguments: [false, true])
    func definition(equal: Bool) throws {
        var random = Random(state: equal ? 7 : 3)
        var compared = 0
        for _ in 0..<120 {
            let vocabulary = pieces(&random, letters: 2, equal: equal)
            let tokenizer = try Tokenizer(gguf: vocabulary, file: "x.gguf")
            let scores = Dictionary(
                uniqueKeysWithValues: zip(vocabulary.tokens, vocabulary.scores ?? []).dropFirst().map { ($0, $1) })
            let copy = try Tokenizer(
                files: Dictionary(uniqueKeysWithValues: tokenizer.files.map { ($0.name, $0.contents) }), name: "copy")
            for _ in 0..<20 {
                let text = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                    UInt8.random(in: 97...98, using: &random)
                }
                let expected = reference(text, scores)
                let found = try tokenizer.encode(bytes: text)
                #expect(found.map { vocabulary.tokens[Int($0)] } == expected)
                guard !equal, !vocabulary.tokens.contains(where: repeats) else { continue }
                #expect(try copy.encode(bytes: text) == found)
                compared += 1
            }
        }
        #expect(equal || compared > 100)
    }
}
