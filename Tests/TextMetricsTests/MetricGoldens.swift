import Foundation
import TestSupport

@testable import TextMetrics

/// What `Tests/Goldens/metrics/generate.py` wrote with the original scripts.
enum MetricGoldens {
    struct Scores: Decodable {
        let bleu: Double
        /// Absent where the original divides by zero.
        let nist: Double?
        let rougeL: Double
        let cider: Double
        let multiBLEU: MultiBLEU.Result
        let multiBLEULowercased: MultiBLEU.Result
        let webnlg: MultiBLEU.Result
        let dart: MultiBLEU.Result
    }

    struct Corpus: Decodable {
        let predictions: [String]
        let references: [[String]]
        let scores: Scores
    }

    struct Tokens: Decodable {
        let text: String
        let treebank: [String]
        let mteval: [String]
        let webnlgPrediction: String
        let webnlgReference: String
    }

    struct Real: Decodable {
        let instances: Int
        let scores: Scores
    }

    static func read<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        let url = Fixtures.goldens.appendingPathComponent("metrics/\(name)")
        return try JSONDecoder().decode(type, from: Data(contentsOf: url))
    }

    private struct Line: Decodable {
        let mr: String?
        let ref: String?
        let references: [String]?
    }

    /// The references of a real test set, one list per instance.
    static func realReferences(_ name: String, in folder: URL) throws -> [[String]] {
        let file = folder.appendingPathComponent(name == "e2e" ? "e2e/test.jsonl" : "webnlg2017/test.jsonl")
        var groups: [[String]] = []
        var last: String?
        for data in try Data(contentsOf: file).split(separator: 0x0A) {
            let line = try JSONDecoder().decode(Line.self, from: data)
            if let references = line.references {
                groups.append(references.map(\.pythonStripped))
            } else if let text = line.ref {
                if line.mr != last { groups.append([]) }
                last = line.mr
                let oneLine = String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\n" ? " " : $0 }))
                groups[groups.count - 1].append(oneLine.pythonStripped)
            }
        }
        return groups
    }

    /// The system outputs that the generator makes from real references; the rule is the same line by line.
    static func systemOutputs(_ groups: [[String]]) -> (predictions: [String], references: [[String]]) {
        var state: UInt64 = 20_210_801
        func below(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(count))
        }
        func split(_ text: String) -> [String] {
            text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        var predictions: [String] = []
        var references: [[String]] = []
        for (index, group) in groups.enumerated() {
            let chosen = below(group.count)
            var words = split(group[chosen])
            let what = below(6)
            let place = below(words.count)
            switch what {
            case 1: words.remove(at: place)
            case 2: words.swapAt(0, place)
            case 3: words.insert(words[place], at: place)
            case 4: words = Array(words[...place])
            case 5: words = split(groups[(index + 1) % groups.count][0])
            default: break
            }
            predictions.append(words.joined(separator: " "))
            let others = group.indices.filter { $0 != chosen }.map { group[$0] }
            references.append(others.isEmpty ? group : others)
        }
        return (predictions, references)
    }
}
