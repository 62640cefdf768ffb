import Foundation
import LanguageModels

/// A file of JSON lines that grows with the run.
///
/// Appending is cheap and survives the process; a line cut short by a crash is dropped when the run is resumed.
struct MetricsFile {
    private let file: AppendedFile
    private var lines: [[String: Double]]

    /// Opens the file, keeping only the lines of the first `step` steps.
    init(_ url: URL, keepingUpTo step: Int) throws {
        var kept: [UInt8] = []
        lines = []
        if step > 0, let data = try? Data(contentsOf: url) {
            for line in data.split(separator: UInt8(ascii: "\n")) {
                guard let values = try? JSONDecoder().decode([String: Double].self, from: line),
                    let number = values["step"], number <= Double(step)
                else { break }
                kept += line + [UInt8(ascii: "\n")]
                lines.append(values)
            }
        }
        try AtomicFile.write(kept, to: url)
        file = try AppendedFile(url)
    }

    mutating func append(_ line: some Codable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data = try encoder.encode(line)
        lines.append(try JSONDecoder().decode([String: Double].self, from: data))
        try file.append(data + [UInt8(ascii: "\n")])
    }

    /// Makes what was appended durable.
    func synchronize() throws { try file.synchronize() }

    func sum(of key: String) -> Int { lines.reduce(0) { $0 + Int($1[key] ?? 0) } }
    func last(_ key: String) -> Double? { lines.last?[key] }

    /// All values of a key with their steps.
    func series(_ key: String) -> [(step: Int, value: Double)] {
        lines.compactMap { line in
            guard let step = line["step"], let value = line[key] else { return nil }
            return (Int(step), value)
        }
    }
}
