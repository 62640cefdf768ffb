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

    /// Reads a file.
    /// - Throws: ``MetricError`` that names the file and, for a bad line, its number.
    public init(contentsOf url: URL) throws(MetricError) { try self.init(TextLines(url)) }

    /// Reads contents that are in memory already, for example unpacked ones.
    ///
    /// - Parameter path: where they come from, for messages; its ending tells JSON lines, too.
    /// - Throws: as ``init(contentsOf:)``.
    public init(contents: Data, path: String) throws(MetricError) {
        try self.init(TextLines(contents: contents, path: path))
    }

    private init(_ file: TextLines) throws(MetricError) {
        path = file.path
        if file.isJSONLines {
            predictions = try file.decode(Record.self, expecting: #"{"text": "…"}"#).map(\.record.text.pythonStripped)
        } else {
            predictions = file.lines
        }
    }
}
