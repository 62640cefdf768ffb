import Foundation
import TestSupport
import Testing
import Tokenizers

/// The seeds of the fuzzers that were made to crash or to exhaust: each loads and encodes, or is refused with a sentence.
@Suite("Seeds of the fuzzers")
struct CorpusTests {
    private static let corpora = Fixtures.goldens.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzzing/corpus")

    @Test(arguments: [("tokenizer", "tokenizer.json"), ("sentencepiece", "spiece.model")])
    func seeds(target: String, name: String) throws {
        let seeds = try FileManager.default.contentsOfDirectory(
            at: Self.corpora.appendingPathComponent(target), includingPropertiesForKeys: nil)
        #expect(seeds.count > 5)
        let texts = [
            "Hello a <s> x   y é\u{301} ﬁ 日本語", "", " ", String(repeating: "a", count: 4_000) + "!", "AAA b",
        ]
        for seed in seeds {
            let folder = try ScratchFolder()
            try FileManager.default.copyItem(at: seed, to: folder.url.appendingPathComponent(name))
            do {
                let tokenizer = try Tokenizer(folder: folder.url)
                for text in texts {
                    // Too much work for this one; the next may be shorter.
                    guard let ids = try? tokenizer.encode(text, addingSpecialTokens: true) else { continue }
                    #expect(ids.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) }, "\(seed.path)")
                    _ = tokenizer.decode(ids)
                }
            } catch let error as TokenizerError {
                #expect(error.description.contains(name), "\(seed.path)")
            }
        }
    }
}
