import LanguageModels
import Tensors
import Testing

@Suite("Stop texts in a text that comes in pieces")
struct StopScannerTests {
    /// What comes out of a text in pieces of given lengths.
    private func scan(_ text: [UInt8], _ stops: [String], cuts: [Int], includesStop: Bool = false) -> (
        pieces: [[UInt8]], stop: String?
    ) {
        var scanner = StopScanner(stops, includesStop: includesStop), pieces: [[UInt8]] = [], start = 0
        for cut in cuts + [text.count] where cut >= start {
            pieces.append(scanner.append(text[start..<cut]))
            start = cut
        }
        pieces.append(scanner.finish())
        return (pieces, scanner.stop)
    }

    /// The same by looking at all places: the stop text that ends first, of those the longest.
    private func expected(_ text: [UInt8], _ stops: [String]) -> (end: Int, stop: String)? {
        for end in 0...text.count {
            let found = stops.filter { !$0.isEmpty && text[..<end].reversed().starts(with: $0.utf8.reversed()) }
            if let longest = found.max(by: { $0.utf8.count < $1.utf8.count }) { return (end, longest) }
        }
        return nil
    }

    @Test("any text in any pieces comes out as it does in one", arguments: 0..<40)
    func cuts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let letters: [String] = ["a", "b", "é", "日", "😀", "ab", "\n", " "]
        func word(_ most: Int) -> String {
            (0..<Int.random(in: 1...most, using: &random)).map { _ in letters.randomElement(using: &random) ?? "" }
                .joined()
        }
        for _ in 0..<50 {
            let stops = (0..<Int.random(in: 0...4, using: &random)).map { _ in word(4) }, text = Array(word(30).utf8)
            let found = expected(text, stops)
            let before = found.map { Array(text[..<($0.end - $0.stop.utf8.count)]) } ?? text
            for includesStop in [false, true] {
                let whole = includesStop ? found.map { Array(text[..<$0.end]) } ?? text : before
                for _ in 0..<5 {
                    let cuts = (0..<Int.random(in: 0...20, using: &random))
                        .map { _ in Int.random(in: 0...text.count, using: &random) }.sorted()
                    let (pieces, stop) = scan(text, stops, cuts: cuts, includesStop: includesStop)
                    #expect(
                        Array(pieces.joined()) == whole && stop == found?.stop, "\(stops) in \(text) cut at \(cuts)")
                    for piece in pieces {
                        #expect(String(validating: piece, as: UTF8.self) != nil, "a character was cut")
                    }
                }
            }
        }
    }

    @Test("nothing of a stop text comes out early, and nothing else waits")
    func waiting() {
        var scanner = StopScanner(["\nUser:", "END"])
        #expect(scanner.append("Hi.\nUs".utf8) == Array("Hi.".utf8))
        #expect(scanner.append("ed EN".utf8) == Array("\nUsed ".utf8))
        #expect(scanner.append("d".utf8) == Array("ENd".utf8))
        #expect(scanner.append("\n\nUser".utf8) == Array("\n".utf8))
        #expect(scanner.append(": what".utf8) == [] && scanner.stop == "\nUser:")
        #expect(scanner.append("more".utf8) == [] && scanner.finish() == [])
    }

    @Test("characters that come in parts wait, whether there are stop texts or not; at the end all comes out")
    func parts() {
        for stops in [[], ["😀😀"]] {
            var scanner = StopScanner(stops), shown: [UInt8] = []
            for byte in "é😀x".utf8 {
                let piece = scanner.append([byte])
                #expect(String(validating: piece, as: UTF8.self) != nil)
                shown += piece
            }
            #expect(shown == Array("é😀x".utf8))
            #expect(scanner.append([0xF0, 0x9F]) == [] && scanner.finish() == [0xF0, 0x9F])
        }
    }

    @Test("empty stop texts, the same twice, and long ones")
    func odd() {
        #expect(scan(Array("abc".utf8), ["", "c", "c"], cuts: [1, 2]).stop == "c")
        let long = String(repeating: "ab", count: 50_000)
        var scanner = StopScanner([long + "c"])
        #expect(scanner.append((long + long).utf8).count == 100_000)
        #expect(scanner.append("c".utf8) == [] && scanner.stop != nil)
    }
}
