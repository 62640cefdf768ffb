import Foundation
import Testing

@testable import TextMetrics

@Suite struct TokenizationTests {
    @Test("Hard lines are cut as the original tokenizers cut them")
    func goldens() throws {
        let lines = try MetricGoldens.read("tokens.json", as: [MetricGoldens.Tokens].self)
        #expect(lines.count >= 25)
        let treebank = PTBTokenizer().captionTokens(of: lines.map(\.text))
        for (line, words) in zip(lines, treebank) {
            #expect(
                words.map { Array($0.utf8) } == line.treebank.map { Array($0.utf8) },
                "\(words), original \(line.treebank)")
            #expect(MTEvalTokenizer().tokens(of: line.text) == line.mteval)
        }
    }

    @Test("WebNLG normalisation follows the script, predictions and references in their own order")
    func webnlg() throws {
        let normalizer = WebNLGNormalizer()
        for line in try MetricGoldens.read("tokens.json", as: [MetricGoldens.Tokens].self)
        where !line.text.unicodeScalars.contains(where: { $0.value > 0x370 && !(0x2000...0x2100).contains($0.value) }) {
            #expect(normalizer.prediction(line.text) == line.webnlgPrediction)
            #expect(normalizer.reference(line.text) == line.webnlgReference)
        }
    }

    @Test("The examples of the documentation hold")
    func examples() {
        #expect(
            MTEvalTokenizer().tokens(of: "It's £20-25, i.e. cheap.")
                == ["It's", "£20", "-", "25", ",", "i", ".", "e", ".", "cheap", "."])
        #expect(
            PTBTokenizer().tokens(of: "It's £20-25 (cheap), isn't it?")
                == ["it", "'s", "#", "20-25", "-lrb-", "cheap", "-rrb-", ",", "is", "n't", "it", "?"])
    }

    @Test("A tokenizer survives any characters and keeps one result per text")
    func arbitraryText() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("aB1 .,'’-_/:;()<>&#@£$%\"`!?*\n\u{85}\u{AD}\u{301}🙂日é").map { String($0) }
        for _ in 0..<300 {
            let texts = (0..<5).map { _ in
                (0..<Int.random(in: 0...40, using: &generator)).map { _ in alphabet.randomElement() ?? "" }.joined()
            }
            #expect(PTBTokenizer().captionTokens(of: texts).count == texts.count)
            for text in texts { #expect(!MTEvalTokenizer().tokens(of: text).isEmpty) }
        }
    }
}
