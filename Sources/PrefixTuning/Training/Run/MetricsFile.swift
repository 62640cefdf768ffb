import Foundation
import LanguageModels

/// A file of JSON lines that grows with the run.
///
/// Appending is cheap and survives the process. What a state counts of its lines stays as it is when the run is resumed,
/// whatever a line holds; only what follows is dropped: lines of steps that are done again, and a line that a crash cut
/// short. Nothing but the last line is kept in memory.
struct MetricsFile {
    private let file: AppendedFile
    /// Lines in the file.
    private(set) var count = 0
    /// The last line that can be read.
    private(set) var last: [String: Double] = [:]
    /// What came of the first two lines: the tokens of both, and the second's time; nil where either cannot be read.
    private(set) var start: (tokens: Double, seconds: Double)? = (0, 0)

    /// Opens the file.
    ///
    /// - Parameters:
    ///   - lines: How many lines at most belong to the saved state.
    ///   - step: The state's step: a line of a later one does not belong to it.
    /// - Throws: `CheckpointError.cannotWrite`.
    init(_ url: URL, keeping lines: Int, upTo step: Int) throws {
        file = try AppendedFile(url)
        var end = 0
        if lines > 0, let data = try? Data(contentsOf: url, options: .mappedIfSafe) {
            var rest = data[...]
            while count < lines, let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let values = try? JSONDecoder().decode([String: Double].self, from: rest[..<newline])
                if let number = values?["step"], number > Double(step) { break }
                note(values)
                rest = rest[(newline + 1)...]
                end = rest.startIndex
            }
        }
        try file.truncate(to: end)
    }

    private mutating func note(_ values: [String: Double]?) {
        count += 1
        if count <= 2 {
            if let start, let tokens = values?["tokens"], let seconds = values?["seconds"] {
                self.start = (start.tokens + tokens, seconds)
            } else {
                start = nil
            }
        }
        if let values { last = values }
    }

    /// Adds a line.
    ///
    /// - Throws: `CheckpointError.cannotWrite`.
    mutating func append(_ line: some Codable) throws {
        let data = Data(try JSONText.line(line).utf8)
        try file.append(data)
        note(try JSONDecoder().decode([String: Double].self, from: data))
    }

    /// Makes what was appended durable.
    func synchronize() throws { try file.synchronize() }
}
