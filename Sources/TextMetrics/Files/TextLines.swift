import Foundation

/// A text file as lines, and the conventions that readers share.
struct TextLines {
    let path: String
    /// Lines without their ends and without white space at both ends; the end of the last line does not begin a new one.
    let lines: [String]

    init(_ url: URL) throws(MetricError) {
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw .unreadableFile(path: url.path, reason: (error as NSError).localizedDescription)
        }
        try self.init(contents: data, path: url.path)
    }

    /// Lines that are in memory already; `path` is for messages.
    init(contents data: Data, path: String) throws(MetricError) {
        self.path = path
        var pieces = data.split(separator: 0x0A, omittingEmptySubsequences: false)
        if pieces.last?.isEmpty == true { pieces.removeLast() }
        var lines: [String] = []
        lines.reserveCapacity(pieces.count)
        for (index, piece) in pieces.enumerated() {
            guard let line = String(validating: piece, as: UTF8.self) else {
                throw .malformedLine(
                    path: path, line: index + 1, reason: "the line is not valid UTF-8: save the file in that encoding.")
            }
            let unmarked = index == 0 && line.hasPrefix("\u{FEFF}") ? String(line.unicodeScalars.dropFirst()) : line
            lines.append(unmarked.pythonStripped)
        }
        self.lines = lines
    }

    /// Whether the file is JSON lines: its name ends in `.jsonl` or `.ndjson`, or its first line is an object in braces.
    var isJSONLines: Bool {
        let name = path.lowercased()
        if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return true }
        guard let first = lines.first, first.hasPrefix("{"), first.hasSuffix("}") else { return false }
        return (try? JSONSerialization.jsonObject(with: Data(first.utf8))) is [String: Any]
    }

    /// Decodes each line; blank lines are left out.
    func decode<Record: Decodable>(_ type: Record.Type, expecting example: String) throws(MetricError) -> [(
        line: Int, record: Record
    )] {
        let decoder = JSONDecoder()
        var records: [(line: Int, record: Record)] = []
        for (index, line) in lines.enumerated() where !line.isEmpty {
            do {
                records.append((index + 1, try decoder.decode(type, from: Data(line.utf8))))
            } catch {
                throw .malformedLine(path: path, line: index + 1, reason: "expected a JSON object like \(example).")
            }
        }
        return records
    }
}
