import Foundation

/// A text file as lines, and the conventions that readers share.
struct TextLines {
    let path: String
    /// Lines without their ends and without white space at both ends; the end of the last line does not begin a new one.
    let lines: [String]

    init(_ url: URL) throws(MetricError) {
        do throws(InputError) {
            try self.init(reading: InputReader(path: url.path))
        } catch {
            throw .input(error)
        }
    }

    /// The lines that a reader has left.
    init(reading reader: InputReader) throws(InputError) {
        path = reader.name
        var lines: [String] = []
        while let bytes = try reader.nextLine() {
            guard !bytes.contains(0) else { throw .binary(file: path, line: reader.line) }
            guard let line = String(validating: bytes, as: UTF8.self) else {
                throw .notUTF8(file: path, line: reader.line)
            }
            lines.append(line.pythonStripped)
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
                records.append((index + 1, try decoder.decode(type, from: JSONKeys.unique(Array(line.utf8)[...]))))
            } catch {
                throw .malformedLine(path: path, line: index + 1, reason: "expected a JSON object like \(example).")
            }
        }
        return records
    }
}
