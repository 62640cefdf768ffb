import Foundation

/// System outputs read from a file: one per line, or JSON lines with `text`.
///
/// In a plain file every line counts, so an empty line is an empty output. White space at both ends of an output is
/// dropped, as the evaluation scripts do.
public struct PredictionFile: Sendable, Equatable {
    /// Where the outputs come from.
    public var path: String
    /// The outputs in order.
    public var predictions: [String]

    private struct Record: Decodable {
        let text: String
    }

    /// Reads a file, plain or gzip-compressed.
    /// - Throws: ``MetricError`` that names the file and, for a bad line, its number.
    public init(contentsOf url: URL) throws(MetricError) { try self.init(TextLines(url)) }

    private init(_ file: TextLines) throws(MetricError) {
        path = file.path
        if file.isJSONLines {
            predictions = try file.decode(Record.self, expecting: #"{"text": "…"}"#).map(\.record.text.pythonStripped)
        } else {
            predictions = file.lines
        }
    }
}
