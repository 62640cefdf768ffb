/// Checks that every metric makes before it scores.
enum Corpus {
    /// - Throws: ``MetricError/emptyCorpus``, ``MetricError/countMismatch(predictions:references:predictionFile:referenceFile:)``
    ///   or ``MetricError/noReferences(index:)``.
    static func check(predictions: [String], references: [[String]]) throws(MetricError) {
        guard predictions.count == references.count else {
            throw .countMismatch(
                predictions: predictions.count, references: references.count, predictionFile: nil, referenceFile: nil)
        }
        guard !predictions.isEmpty else { throw .emptyCorpus }
        if let index = references.firstIndex(where: \.isEmpty) { throw .noReferences(index: index) }
    }
}

/// The reference length that a brevity penalty compares with: the one closest to `length`, the shorter of two equally close.
func closestLength(to length: Int, among lengths: some Sequence<Int>) -> Int {
    lengths.min { (abs($0 - length), $0) < (abs($1 - length), $1) } ?? 0
}
