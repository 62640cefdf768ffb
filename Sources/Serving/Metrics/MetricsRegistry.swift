import Foundation
import Synchronization

/// Counters, gauges and histograms with labels, and their text in the format that Prometheus reads.
package final class MetricsRegistry: Sendable {
    /// What a family counts.
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    private struct Histogram {
        var counts: [Int]
        var sum = 0.0
    }

    private struct Family {
        let kind: Kind
        let help: String
        let label: String?
        let bounds: [Double]
        var values: [String: Double] = [:]
        var histograms: [String: Histogram] = [:]
    }

    /// Values of one label at most; what comes after them counts as `_other`.
    private let labelLimit: Int
    private let families = Mutex<[String: Family]>([:])

    /// A registry without families.
    package init(labelLimit: Int = 200) { self.labelLimit = labelLimit }

    /// Declares a family.
    ///
    /// - Parameters:
    ///   - label: The name of its label; nil for none.
    ///   - bounds: Of a histogram: the upper bounds of its buckets, rising.
    package func declare(
        _ name: String, _ kind: Kind, _ help: String, label: String? = nil, bounds: [Double] = []
    ) {
        families.withLock { $0[name] = Family(kind: kind, help: help, label: label, bounds: bounds) }
    }

    /// Adds to a counter or a gauge.
    package func add(_ name: String, _ amount: Double = 1, label: String = "") {
        families.withLock { families in
            guard var family = families[name] else { return }
            families[name] = nil  // So that its values are changed in place.
            family.values[known(label, in: family.values.keys, family), default: 0] += amount
            families[name] = family
        }
    }

    /// Sets a gauge.
    package func set(_ name: String, _ value: Double, label: String = "") {
        families.withLock { families in
            guard var family = families[name] else { return }
            families[name] = nil
            family.values[known(label, in: family.values.keys, family)] = value
            families[name] = family
        }
    }

    /// Sets a gauge of all labels anew: the largest values by their labels, the rest together as `_other`.
    package func replace(_ name: String, _ values: [String: Double], atMost limit: Int = 50) {
        let sorted = values.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        var kept = Dictionary(uniqueKeysWithValues: sorted.prefix(limit).map { ($0.key, $0.value) })
        if sorted.count > limit { kept["_other", default: 0] += sorted.dropFirst(limit).reduce(0) { $0 + $1.value } }
        families.withLock { $0[name]?.values = kept }
    }

    /// Notes a value of a histogram.
    package func observe(_ name: String, _ value: Double, label: String = "") {
        families.withLock { families in
            guard var family = families[name] else { return }
            families[name] = nil
            let label = known(label, in: family.histograms.keys, family)
            var histogram =
                family.histograms[label] ?? Histogram(counts: Array(repeating: 0, count: family.bounds.count + 1))
            let bucket = family.bounds.firstIndex { value <= $0 } ?? family.bounds.count
            histogram.counts[bucket] += 1
            histogram.sum += value
            family.histograms[label] = histogram
            families[name] = family
        }
    }

    /// A value, for tests.
    package func value(_ name: String, label: String = "") -> Double? {
        families.withLock { $0[name]?.values[label] }
    }

    private func known(_ label: String, in labels: some Collection<String>, _ family: Family) -> String {
        guard family.label != nil else { return "" }
        return labels.count < labelLimit || labels.contains(label) ? label : "_other"
    }

    /// All families, sorted by name, in Prometheus' text format (version 0.0.4).
    ///
    package func text(_ names: MetricsNames) -> String {
        let families = families.withLock { $0 }
        var text = ""
        for (ownName, family) in families.sorted(by: { $0.key < $1.key }) {
            let name = names.name(of: ownName)
            text +=
                "# HELP \(name) \(Self.escaped(family.help, quotes: false))\n# TYPE \(name) \(family.kind.rawValue)\n"
            if family.kind == .histogram {
                for (label, histogram) in family.histograms.sorted(by: { $0.key < $1.key }) {
                    text += Self.lines(name, names.labels + Self.own(family, label), histogram, family.bounds)
                }
            } else {
                let values = family.label == nil && family.values.isEmpty ? ["": 0] : family.values
                for (label, value) in values.sorted(by: { $0.key < $1.key }) {
                    let own = Self.own(family, names.value(of: label, in: ownName))
                    text += "\(name)\(Self.labels(names.labels + own)) \(Self.number(value))\n"
                }
            }
        }
        return text
    }

    private static func own(_ family: Family, _ value: String) -> [(name: String, value: String)] {
        family.label.map { [($0, value)] } ?? []
    }

    private static func lines(
        _ name: String, _ own: [(name: String, value: String)], _ histogram: Histogram, _ bounds: [Double]
    ) -> String {
        var text = "", total = 0
        for (bound, count) in zip(bounds.map(number) + ["+Inf"], histogram.counts) {
            total += count
            text += "\(name)_bucket\(labels(own + [("le", bound)])) \(total)\n"
        }
        text += "\(name)_sum\(labels(own)) \(number(histogram.sum))\n"
        return text + "\(name)_count\(labels(own)) \(total)\n"
    }

    private static func labels(_ all: [(name: String, value: String)]) -> String {
        if all.isEmpty { return "" }
        return "{" + all.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }
}
