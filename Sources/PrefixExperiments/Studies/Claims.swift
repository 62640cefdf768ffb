import PrefixTuning
import Reports

/// What became of a claim of the paper's on the model and data at hand.
enum Verdict: Equatable {
    case holds
    case doesNotHold
    /// The difference is one that seeds, subsets or test sources alone can make.
    case tooClose
    /// What is compared is so poor that which is better says nothing.
    case tooLow
    /// One run each, without intervals: how far the difference is chance is not known.
    case tooFew
    /// Runs are missing.
    case notRun

    var cell: ReportPage.Cell {
        switch self {
        case .holds: .verdict(.yes, "holds")
        case .doesNotHold: .verdict(.no, "does not hold")
        case .tooClose: .verdict(.open, "too close to tell")
        case .tooLow: .verdict(.open, "too low to tell")
        case .tooFew: .verdict(.open, "too few runs to tell")
        case .notRun: .verdict(.open, "not run")
        }
    }
}

/// What the paper claims, what was found here, and by how much: at the head of each report.
struct Claims {
    private(set) var rows: [(claim: String, verdict: Verdict, evidence: String)] = []

    /// A claim that one thing is greater than another.
    ///
    /// - Parameters:
    ///   - claim: In words.
    ///   - found: What was found.
    ///   - tolerance: How far below still counts as "comparable"; 0 for "greater".
    mutating func add(_ claim: String, _ found: Comparison, tolerance: Double = 0) {
        rows.append((claim, found.verdict(tolerance: tolerance), found.evidence))
    }

    /// "2 of 8 claims hold; 5 do not; 1 cannot be told."; nil where nothing was claimed.
    var summary: String? {
        guard !rows.isEmpty else { return nil }
        func count(_ verdicts: [Verdict]) -> Int { rows.count { verdicts.contains($0.verdict) } }
        let holding = count([.holds])
        var text = "\(holding) of \(rows.count) claims " + (holding == 1 ? "holds" : "hold")
        if rows.count == 1 { text = holding == 1 ? "the one claim holds" : "the one claim is not seen to hold" }
        let others = [
            (count([.doesNotHold]), "does not", "do not"),
            (count([.tooClose]), "is too close to tell", "are too close to tell"),
            (count([.tooLow]), "is at scores too low to tell", "are at scores too low to tell"),
            (count([.tooFew]), "has too few runs to tell", "have too few runs to tell"),
            (count([.notRun]), "is not run", "are not run"),
        ]
        return ([text] + others.filter { $0.0 > 0 }.map { "\($0.0) \($0.0 == 1 ? $0.1 : $0.2)" })
            .joined(separator: "; ") + "."
    }

    /// The table, and how its verdicts are reached.
    var blocks: [ReportPage.Block] {
        guard !rows.isEmpty else { return [] }
        let table = ReportPage.Table(
            caption: "The paper's claims on this model and data.",
            columns: [.init("claim"), .init("here"), .init("evidence")],
            rows: rows.map { .init([.text($0.claim), $0.verdict.cell, .text($0.evidence)]) })
        return [.table(table), .details(summary: "How a verdict is reached", blocks: [.paragraph(Comparison.rule)])]
    }
}

/// Two things compared: by how much they differ, and how much of that may be chance.
struct Comparison {
    /// The first less the second; nil where runs are missing.
    var difference: Double?
    /// Differences up to this may be chance; nil where nothing is known of it.
    var noise: Double?
    /// Whether both are below the scores from which on a difference says something.
    var isLow = false
    /// The numbers in words.
    var evidence: String

    /// Scores below which texts have little in common with their references.
    static let floors = ["BLEU": 10.0, "ROUGE-2": 5]

    static let rule = """
        A claim holds, or does not, where the difference is greater than what chance makes of it, and the scores are not too \
        low. Several runs of both rows: they are compared in pairs of the same subset and seed, and runs without a partner are left \
        out. Runs on one subset are not independent, so the differences of a subset are one mean first; chance is the half width \
        of the 95% interval of the mean of these means, by Student's t with one degree of freedom less than there are subsets. Where \
        all runs read the same examples, it is that of the mean over seeds, which knows nothing of other examples. What all runs \
        share is in neither: the test sources, and what a seed gives to all subsets alike. One run of each: chance is the root of \
        the summed squares of the half widths of the two \
        95% intervals over test sources, which knows nothing of other seeds; the \
        paired tests further down are sharper, and know no more of seeds. One run of each without intervals: nothing can be \
        told. Times and memory, measured once: a tenth of the greater value. Too low is a score of both rows of less than 10 BLEU, or \
        5 ROUGE-2: such texts have little in common with the references, and which of them are better says nothing.
        """

    /// Whether the first is greater, or below the second by no more than a tolerance.
    func verdict(tolerance: Double) -> Verdict {
        guard let difference else { return .notRun }
        if isLow { return .tooLow }
        guard let noise else { return .tooFew }
        if difference + tolerance > noise { return .holds }
        return difference + tolerance < -noise ? .doesNotHold : .tooClose
    }

    /// What was computed elsewhere.
    init(difference: Double?, noise: Double?, evidence: String) {
        (self.difference, self.noise, self.evidence) = (difference, noise, evidence)
    }

    /// Two things measured once, of which less is better.
    init(lessOf value: Double, than other: Double, evidence: String) {
        difference = other - value
        noise = max(value, other) / 10
        self.evidence = evidence
    }

    /// Runs of two rows by a score.
    init(
        _ runs: [RunResult], _ name: String, against others: [RunResult], _ other: String, score: String, split: String
    ) {
        func scored(_ runs: [RunResult]) -> [RunResult] { runs.filter { $0.score(score, split: split) != nil } }
        let (runs, others) = (scored(runs), scored(others)), pairs = StudyResults.pairs(runs, others)
        // Runs of other subsets or seeds would compare those, too; where none have a partner, nothing better is there.
        let (mine, theirs) = pairs.isEmpty ? (runs, others) : (pairs.map(\.0), pairs.map(\.1))
        guard let a = StudyResults.estimate(mine, score, split: split),
            let b = StudyResults.estimate(theirs, score, split: split)
        else {
            evidence = ""
            return
        }
        isLow = Self.floors[score].map { a.value < $0 && b.value < $0 } ?? false
        let paired = RunEstimate(
            pairs.compactMap { mine, other in
                mine.score(score, split: split).flatMap { one in
                    other.score(score, split: split).map { (mine.plan.subset?.index, one.value - $0.value) }
                }
            })
        difference = paired?.value ?? a.value - b.value
        func fixed(_ value: Double) -> String { ReportNumber.fixed(value, decimals: 1) }
        func text(_ mean: RunEstimate, _ run: RunResult) -> String {
            if let half = mean.halfWidth { return "\(fixed(mean.value)) ± \(fixed(half))" }
            let interval = mean.runs == 1 ? run.score(score, split: split)?.interval : nil
            return fixed(mean.value) + (interval.map { " [\(fixed($0[0])), \(fixed($0[1]))]" } ?? "")
        }
        evidence = "\(score): \(name) \(text(a, mine[0])), \(other) \(text(b, theirs[0]))"
        if let paired, let half = paired.halfWidth {
            noise = half
            evidence += "; difference \(fixed(paired.value)) ± \(fixed(half)) (\(paired.design))"
        } else if pairs.count == 1 {
            noise = Self.noise(mine[0], theirs[0], score, split: split)
            if let noise { evidence += "; chance up to \(fixed(noise))" }
        }
    }

    /// Of one run each, over test sources.
    private static func noise(_ run: RunResult, _ other: RunResult, _ score: String, split: String) -> Double? {
        let halves = [run, other].compactMap { $0.score(score, split: split)?.interval }.map { ($0[1] - $0[0]) / 2 }
        return halves.count == 2 ? (halves[0] * halves[0] + halves[1] * halves[1]).squareRoot() : nil
    }
}

extension StudyResults {
    /// Compares two rows by the main score of a data set.
    func comparison(
        _ dataSet: String, split: String, _ row: String, against other: String, point: Double? = nil
    ) -> Comparison {
        Comparison(
            runs(dataSet, row: row, point: point), row, against: runs(dataSet, row: other, point: point), other,
            score: mainScore(of: dataSet), split: split)
    }
}
