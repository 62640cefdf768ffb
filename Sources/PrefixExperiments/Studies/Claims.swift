import PrefixTuning
import Reports

/// What the paper claims, what was found here, and by how much: a table at the head of each report.
struct Claims {
    private var rows: [ReportPage.Row] = []

    /// A claim that a difference is positive.
    ///
    /// - Parameters:
    ///   - claim: In words.
    ///   - difference: Found here; nil where runs are missing.
    ///   - tolerance: How far below 0 still counts as "comparable"; 0 for "greater".
    ///   - evidence: The numbers.
    mutating func add(_ claim: String, difference: Double?, tolerance: Double = 0, evidence: String) {
        let verdict = difference.map { $0 > -tolerance ? "holds" : "does not hold" } ?? "not run"
        rows.append(.init([.text(claim), .text(verdict), .text(evidence)]))
    }

    /// The table; nil where nothing was claimed.
    var table: ReportPage.Block? {
        rows.isEmpty
            ? nil
            : .table(
                .init(
                    caption:
                        "The paper's claims on this model and data. A verdict is on the mean; the evidence says how far it can be trusted.",
                    columns: [.init("claim"), .init("here"), .init("evidence")], rows: rows))
    }
}

extension StudyResults {
    /// Compares two rows by the main score of a data set.
    ///
    /// - Returns: The difference of their means, and the numbers in words.
    func comparison(
        _ dataSet: String, split: String, _ row: String, against other: String, point: Double? = nil
    ) -> (difference: Double?, evidence: String) {
        let score = mainScore(of: dataSet)
        guard let a = Self.mean(runs(dataSet, row: row, point: point), score, split: split),
            let b = Self.mean(runs(dataSet, row: other, point: point), score, split: split)
        else { return (nil, "") }
        func text(_ mean: Mean) -> String {
            let spread = Self.spread(mean, decimals: 1)
            return ReportNumber.fixed(mean.value, decimals: 1) + (spread.isEmpty ? "" : " \(spread)")
        }
        return (a.value - b.value, "\(score): \(row) \(text(a)), \(other) \(text(b))")
    }
}
