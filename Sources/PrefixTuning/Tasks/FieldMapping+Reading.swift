import Foundation
import TextMetrics

/// Reading data in any layout that has fields with names: JSON lines, a JSON document that is one list of objects, and tables of
/// values separated by commas, semicolons or tabs, whose first line names the columns.
extension FieldMapping {
    /// How a file is laid out.
    private enum Layout {
        case lines
        case list
        case table(separator: UInt8)
    }

    /// Reads every line or entry.
    ///
    /// - Throws: ``DataError`` with file and line.
    func read(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        switch layout(of: file) {
        case .lines:
            if file.firstByte != UInt8(ascii: "{"), let task = try TuningTask.recognized(file) {
                throw DataError.otherTask(file: file.path, task: task.name)
            }
            // What begins without a brace could have been meant as a table.
            let heading = "a first line that names the columns, \(DataError.quoted(promptFields)) among them,"
            let expected = file.firstByte == UInt8(ascii: "{") ? expected : expected + ", or " + heading
            try JSONLines.forEach(FieldRow.self, in: file, decoder: FieldRow.decoder(self), expected: expected) {
                examples.append($0.example($1))
            }
        case .list:
            try JSONEntries.forEach(
                FieldRow.self, in: file, decoder: FieldRow.decoder(self), expected: "a list of \(expected)"
            ) { examples.append($0.example($1)) }
            guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        case .table(let separator): examples = try readTable(file, separator: separator)
        }
        return examples
    }

    /// Whether a file has neither JSON nor a table but, as its name says, plain text: a prompt on each line.
    func hasTexts(_ file: DataFile) -> Bool {
        guard promptFields.count == 1, DataFile.isNamed(file.path, [".txt"]), case .lines = layout(of: file) else {
            return false
        }
        return file.firstByte != UInt8(ascii: "{")
    }

    /// Reads a file of which each line is a prompt, or the value of the template's field.
    ///
    /// - Throws: ``DataError`` with file and line.
    func readTexts(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try file.forEachLine { line, location in
            examples.append(example(location) { promptFields.contains($0) ? line : nil })
        }
        return examples
    }

    /// Values of a table are separated by one of these; spreadsheets write semicolons into .csv files where numbers have a decimal
    /// comma.
    private static let separators = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]

    /// JSON is told by its first byte; a table by its name, or by columns that are called like the fields.
    private func layout(of file: DataFile) -> Layout {
        switch file.firstByte {
        case UInt8(ascii: "{"): return .lines
        case UInt8(ascii: "["): return .list
        default: break
        }
        let headings = Self.separators.compactMap { separator in
            CSV.firstRecord(of: file, separator: separator).map { (separator, columns: $0) }
        }
        if let (separator, _) = headings.first(where: { Set($0.columns).isSuperset(of: promptFields) }) {
            return .table(separator: separator)
        }
        if DataFile.isNamed(file.path, [".tsv"]) { return .table(separator: UInt8(ascii: "\t")) }
        guard DataFile.isNamed(file.path, [".csv"]) else { return .lines }
        // The message is about columns as their writer sees them.
        let most = headings.map(\.columns.count).max() ?? 0
        return .table(separator: headings.first { $0.columns.count == most }?.0 ?? CSV.comma)
    }

    private func readTable(_ file: DataFile, separator: UInt8) throws -> [Example] {
        var examples: [Example] = [], columns: [String]?, places: [String: Int] = [:]
        try CSV.forEachRecord(of: file, separator: separator) { values, location in
            guard let names = columns else {
                columns = values
                places = try self.places(in: values, location)
                return
            }
            guard values.count == names.count else {
                throw DataError.malformed(
                    location, found: "\(values.count) field\(values.count == 1 ? "" : "s")",
                    expected: "one for each of the \(names.count) columns that the first line names")
            }
            examples.append(example(location) { name in places[name].map { values[$0] } })
        }
        guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        return examples
    }

    /// Where the columns lie.
    private func places(in columns: [String], _ location: DataLocation) throws -> [String: Int] {
        let wanted = promptFields + (completion.map { [$0] } ?? ["completion", "references"])
        var places: [String: Int] = [:]
        for (place, name) in columns.enumerated() where wanted.contains(name) {
            guard places.updateValue(place, forKey: name) == nil else {
                throw DataError.malformed(
                    location, found: "two columns \"\(name)\"", expected: "a name of its own for each")
            }
        }
        if let missing = promptFields.first(where: { places[$0] == nil }) {
            throw DataError.missingField(
                location, field: missing, found: "the first line, which names the columns", keys: columns)
        }
        return places
    }

    /// A line of a table. Where a completion would be, nothing stands for none: tables have no other word for it.
    private func example(_ location: DataLocation, _ value: (String) -> String?) -> Example {
        func text(_ name: String) -> String? { value(name).flatMap { $0.isEmpty ? nil : $0 } }
        let prompt =
            switch prompt {
            case .field(let name): value(name) ?? ""
            case .template(let template): template.filled { value($0) ?? "" }
            }
        let completion = text(completion ?? "completion")
        let references = (self.completion == nil ? text("references") : nil) ?? completion
        return Example(
            prompt: prompt, completion: completion, references: references.map { [$0] } ?? [], location: location)
    }
}
