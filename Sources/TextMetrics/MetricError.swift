import Foundation

/// What can go wrong when texts are read and scored.
public enum MetricError: Error, Equatable, Sendable {
    /// There is nothing to score.
    case emptyCorpus
    /// The number of predictions differs from the number of reference groups.
    case countMismatch(predictions: Int, references: Int, predictionFile: String?, referenceFile: String?)
    /// The instance at this position (counted from 0) has no reference.
    case noReferences(index: Int)
    /// The file cannot be read, unpacked, or taken for a text.
    case input(InputError)
    /// A line of a file breaks the file's convention; lines are counted from 1.
    case malformedLine(path: String, line: Int, reason: String)
    /// Files that must be parallel have different numbers of lines.
    case lineCountMismatch(path: String, lines: Int, expected: Int, expectedFrom: String)
}

extension MetricError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .emptyCorpus:
            return "There is nothing to score: give at least one prediction with its references."
        case .countMismatch(let predictions, let references, let predictionFile, let referenceFile):
            let left = predictionFile.map { " in \($0)" } ?? ""
            let right = referenceFile.map { " in \($0)" } ?? ""
            return "\(predictions) predictions\(left) stand against references for \(references) instances\(right): "
                + "both must have the same number and order; references of one instance are consecutive lines, "
                + "instances are separated by one blank line."
        case .noReferences(let index):
            return "Instance \(index + 1) has no reference: give every instance at least one."
        case .input(let error):
            return error.description
        case .malformedLine(let path, let line, let reason):
            return "\(path):\(line): \(reason)"
        case .lineCountMismatch(let path, let lines, let expected, let expectedFrom):
            return "\(path) has \(lines) lines but \(expectedFrom) has \(expected): "
                + "parallel reference files need one line per instance, left empty where a reference is missing."
        }
    }
}

extension MetricError: LocalizedError {
    /// The same sentence as ``description``.
    public var errorDescription: String? { description }
}
