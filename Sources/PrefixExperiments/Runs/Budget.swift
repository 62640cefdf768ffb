import Foundation
import PrefixTuning

/// What an experiment was given less of than its defaults have: steps, examples, sources, seeds, subsets. A verdict on so
/// little is one on the budget, not on the method, and the report says so first.
struct Budget {
    private var parts: [String] = []
    private var least = 1.0

    /// - Parameters:
    ///   - settings: Those of the experiment.
    ///   - defaults: Those that it would have had without the user's.
    ///   - usesSubsets: Whether the experiment draws subsets of the data.
    init(_ settings: ExperimentSettings, defaults: ExperimentSettings, usesSubsets: Bool) {
        addSteps(settings, defaults)
        add(limit: settings.trainExamples, defaults.trainExamples, "training examples")
        add(limit: settings.testSources, defaults.testSources, "test sources")
        add(settings.seeds.count, defaults.seeds.count, "seed")
        if let ours = settings.federated, let usual = defaults.federated {
            add(ours.rounds * ours.localSteps, usual.rounds * usual.localSteps, "step", suffix: " of a client")
        }
        if usesSubsets { add(settings.subsets, defaults.subsets, "subset") }
    }

    /// The words; nil where nothing is missing.
    var warning: String? {
        guard !parts.isEmpty else { return nil }
        let isToy = least < 0.25
        return (isToy ? "A toy run: " : "A smaller run than the experiment's defaults: ")
            + parts.joined(separator: "; ")
            + (isToy
                ? ". What follows shows that the program works, not what the methods can do."
                : ". Differences may be those of the budget, not of the methods.")
    }

    private mutating func add(_ count: Int, _ usual: Int, _ noun: String, suffix: String = "") {
        guard count < usual else { return }
        parts.append("\(count) \(noun)\(count == 1 ? "" : "s")\(suffix) instead of \(usual)")
        least = min(least, Double(count) / Double(usual))
    }

    /// A limit, 0 for none: how much the whole would have been is not known here.
    private mutating func add(limit: Int, _ usual: Int, _ noun: String) {
        guard limit > 0, usual == 0 || limit < usual else { return }
        parts.append("\(limit) \(noun) instead of \(usual == 0 ? "all" : "\(usual)")")
        // A few dozen are few, however many there are.
        if usual > 0 { least = min(least, Double(limit) / Double(usual)) } else if limit < 100 { least = 0 }
    }

    private mutating func addSteps(_ settings: ExperimentSettings, _ defaults: ExperimentSettings) {
        var fewer: [(steps: Int, usual: Int)] = []
        for row in settings.rows {
            guard let usual = defaults.methods[row]?.steps, let steps = settings.methods[row]?.steps else { continue }
            if steps < usual, settings.stepsBySize[row] == nil { fewer.append((steps, usual)) }
        }
        for (row, steps) in settings.stepsBySize where settings.rows.contains(row) {
            for (size, steps) in zip(settings.sizes, steps) {
                guard let place = defaults.sizes.firstIndex(of: size), let all = defaults.stepsBySize[row],
                    all.indices.contains(place), steps < all[place]
                else { continue }
                fewer.append((steps, all[place]))
            }
        }
        guard !fewer.isEmpty else { return }
        func range(_ numbers: [Int]) -> String {
            let low = numbers.min() ?? 0, high = numbers.max() ?? 0
            return low == high ? "\(low)" : "\(low) to \(high)"
        }
        parts.append("\(range(fewer.map(\.steps))) steps instead of \(range(fewer.map(\.usual)))")
        least = min(least, fewer.map { Double($0.steps) / Double(max(1, $0.usual)) }.min() ?? 1)
    }
}
