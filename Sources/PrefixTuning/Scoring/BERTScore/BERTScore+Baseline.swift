import Foundation

extension BERTScore {
    /// Reads a file of baselines as `bert_score` has them: a head `LAYER,P,R,F`, then a line per layer from 0, the mean
    /// scores of texts that have nothing to do with each other.
    ///
    /// A score s becomes (s − b) / (1 − b).
    ///
    /// - Parameters:
    ///   - file: Comma-separated values, whatever the file's name ends in.
    ///   - layer: The layer whose baselines are wanted.
    /// - Throws: ``DataError``, naming the line.
    public nonisolated static func baseline(of file: URL, layer: Int) throws -> Scores {
        let data = try DataFile(file)
        var found: Scores?, next = -1
        try CSV.forEachRecord(of: data) { fields, location in
            defer { next += 1 }
            func malformed(_ expected: String) -> DataError {
                .malformed(location, found: DataError.excerpt(fields.joined(separator: ",")), expected: expected)
            }
            guard next >= 0 else {
                guard fields == ["LAYER", "P", "R", "F"] else { throw malformed("the head LAYER,P,R,F") }
                return
            }
            let numbers = fields.dropFirst().compactMap { Double($0) }.filter { $0.isFinite && $0 < 1 }
            guard fields.count == 4, Int(fields[0]) == next, numbers.count == 3 else {
                throw malformed("layer \(next) with three numbers below 1")
            }
            if next == layer { found = Scores(precision: numbers[0], recall: numbers[1], f1: numbers[2]) }
        }
        guard let found else {
            throw DataError.malformedFile(
                file: data.path, problem: "it ends before layer \(layer)",
                expected: "a line for each layer of the model")
        }
        return found
    }
}
