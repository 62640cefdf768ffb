import Foundation
import TestSupport
import Testing

@testable import PrefixTuning
@testable import TextMetrics

/// What Tests/Goldens/bertscore/generate.py recorded of `bert_score`.
enum BERTScoreGolden {
    /// The scores of one setting.
    struct Case: Decodable {
        var model: String
        var layer: Int
        var idf, rescaled: Bool
        var data: String?
        /// Precision, recall and F1 by instance; nil where the original gives NaN.
        var scores: [[Double?]]

        var name: String { "\(model)_L\(layer)\(idf ? "_idf" : "_no-idf")\(rescaled ? "-custom-rescaled" : "")" }
    }

    struct Edges: Decodable {
        var predictions: [String]
        var references: [[String]]
        var cases: [Case]
    }

    struct Real: Decodable {
        var instances: Int
        var cases: [Case]
    }

    struct Tokens: Decodable {
        var texts: [String]
        var text_tokens: [[Int32]]
    }

    static let folder = Fixtures.goldens.appendingPathComponent("bertscore")

    static func decode<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private struct Line: Decodable {
        var mr, ref: String?
        var references: [String]?
    }

    /// System outputs made from the references of a real test set, and the references that are left, by the rule of
    /// Tests/Goldens/metrics/real_outputs.py.
    static func realTexts(_ name: String, in data: URL) throws -> (predictions: [String], references: [[String]]) {
        let file = data.appendingPathComponent(name == "e2e" ? "e2e/test.jsonl" : "webnlg2017/test.jsonl")
        var groups: [[String]] = [], last: String?
        for line in try Data(contentsOf: file).split(separator: 0x0A) {
            let line = try JSONDecoder().decode(Line.self, from: line)
            if let references = line.references { groups.append(references.map(\.pythonStripped)) }
            guard let text = line.ref else { continue }
            if line.mr != last { groups.append([]) }
            last = line.mr
            groups[groups.count - 1].append(text.replacingOccurrences(of: "\n", with: " ").pythonStripped)
        }
        var state: UInt64 = 20_210_801
        func below(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(count))
        }
        var predictions: [String] = [], references: [[String]] = []
        for (index, group) in groups.enumerated() {
            let chosen = below(group.count)
            var words = group[chosen].components(separatedBy: " ")
            let what = below(6), place = below(words.count)
            switch what {
            case 1: words.remove(at: place)
            case 2: words.swapAt(0, place)
            case 3: words.insert(words[place], at: place)
            case 4: words = Array(words[...place])
            case 5: words = groups[(index + 1) % groups.count][0].components(separatedBy: " ")
            default: break
            }
            predictions.append(words.joined(separator: " "))
            let others = group.indices.filter { $0 != chosen }.map { group[$0] }
            references.append(others.isEmpty ? group : others)
        }
        return (predictions, references)
    }
}
