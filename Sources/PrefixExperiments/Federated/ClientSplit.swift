import Foundation
import PrefixTuning
import Tensors

/// Who has which examples: `iid`, `topics` or `dirichlet:0.5`.
enum ClientSplit: Equatable, Sendable {
    /// Everyone the same mixture, as many examples each.
    case equal
    /// Each topic at one client only.
    case topics
    /// Each topic in parts that are drawn from Dir(α): the smaller α, the less alike clients are (Yurochkin et al. 2019; Li et
    /// al. 2022, "distribution-based label imbalance"). With α = ∞ as ``equal``.
    case dirichlet(Double)

    /// Beyond this parts are alike, and their draws would leave the range of numbers.
    private static let mostAlpha = 1e6

    /// In words, after the number of clients.
    var meaning: String {
        switch self {
        case .equal: "the same mixture of topics"
        case .topics: "each topic at one of them"
        case .dirichlet(let alpha): "mixtures of topics from Dir(\(alpha))"
        }
    }

    /// Gives examples to clients.
    ///
    /// - Parameters:
    ///   - groups: The topic of each example.
    ///   - count: How many clients there are; for ``topics`` at most as many as topics.
    ///   - seed: Fixes what is drawn.
    /// - Returns: For each client the numbers of its examples, in the order of the data; none without examples where there are
    ///   ten for each.
    func clients(of groups: [String], count: Int, seed: UInt64) -> [[Int]] {
        var generator = SeededGenerator(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x5eed)
        switch self {
        case .equal: return Self.dealt(Array(groups.indices), into: count, &generator)
        case .dirichlet(let alpha) where alpha > Self.mostAlpha:
            return Self.dealt(Array(groups.indices), into: count, &generator)
        case .topics:
            var clients = [[Int]](repeating: [], count: count)
            // Large topics first, each to who has least.
            let sorted = Self.members(of: groups).enumerated().sorted {
                ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
            }
            for (_, members) in sorted {
                let least = clients.indices.min { (clients[$0].count, $0) < (clients[$1].count, $1) } ?? 0
                clients[least] += members
            }
            return clients.map { $0.sorted() }
        case .dirichlet(let alpha):
            let members = Self.members(of: groups), least = min(10, groups.count / (10 * count))
            var clients: [[Int]] = []
            // As NIID-Bench: drawn again where a client would have next to nothing.
            for _ in 0..<1000 {
                clients = Self.drawn(members, alpha: alpha, count: count, &generator)
                if clients.allSatisfy({ $0.count >= max(1, least) }) { break }
            }
            return clients.map { $0.sorted() }
        }
    }

    /// The examples of each topic, topics in the order of their first example.
    private static func members(of groups: [String]) -> [[Int]] {
        var places: [String: Int] = [:], members: [[Int]] = []
        for (index, group) in groups.enumerated() {
            if places[group] == nil {
                places[group] = members.count
                members.append([])
            }
            members[places[group] ?? 0].append(index)
        }
        return members
    }

    private static func dealt(_ all: [Int], into count: Int, _ generator: inout SeededGenerator) -> [[Int]] {
        let order = all.shuffled(using: &generator)
        return (0..<count).map { order[$0 * all.count / count..<($0 + 1) * all.count / count].sorted() }
    }

    private static func drawn(
        _ members: [[Int]], alpha: Double, count: Int, _ generator: inout SeededGenerator
    ) -> [[Int]] {
        var clients = [[Int]](repeating: [], count: count)
        for group in members {
            let order = group.shuffled(using: &generator)
            let weights = (0..<count).map { _ in generator.gamma(shape: alpha) }
            let total = max(weights.reduce(0, +), .leastNormalMagnitude)
            var sum = 0.0, start = 0
            for (client, weight) in weights.enumerated() {
                sum += weight
                let end = client == count - 1 ? order.count : min(order.count, Int(sum / total * Double(order.count)))
                clients[client] += order[start..<max(start, end)]
                start = max(start, end)
            }
        }
        return clients
    }
}

extension ClientSplit: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer(), text = try container.decode(String.self)
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts.first, parts.count == 2 ? Double(parts[1]) : nil) {
        case ("iid", nil) where parts.count == 1: self = .equal
        case ("topics", nil) where parts.count == 1: self = .topics
        case ("dirichlet", let alpha?) where alpha > 0: self = .dirichlet(alpha)
        default:
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription:
                    "it is \"\(text)\", but iid, topics or dirichlet:ALPHA with a number above 0 (or inf) is needed"
            )
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .equal: try container.encode("iid")
        case .topics: try container.encode("topics")
        case .dirichlet(let alpha): try container.encode("dirichlet:\(alpha)")
        }
    }
}

extension Example {
    /// What examples are told apart by: the topic, where the data names one; else what the table says is its `type` (the embedded
    /// tables) or `name` (E2E's restaurants).
    var group: String {
        if let topic { return topic }
        let fields = prompt.split(separator: "|").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        for key in ["type : ", "name : "] {
            if let field = fields.first(where: { $0.hasPrefix(key) }) { return String(field.dropFirst(key.count)) }
        }
        return ""
    }
}

extension SeededGenerator {
    /// A number from the gamma distribution of scale 1 (Marsaglia & Tsang 2000).
    mutating func gamma(shape: Double) -> Double {
        // Γ(a) = Γ(a + 1) · U^(1/a).
        guard shape >= 1 else { return gamma(shape: shape + 1) * pow(1 - uniform(), 1 / shape) }
        let d = shape - 1.0 / 3, c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal(), v = pow(1 + c * x, 3)
            if v > 0, log(1 - uniform()) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }
}
