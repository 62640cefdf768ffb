import Foundation
import TextMetrics

/// Reading data in any layout that has fields with names: JSON lines, a JSON document that is one list of objects, and tables of
/// values separated by commas or tabs, whose first line names the columns.
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

    /// JSON is told by its first byte; a table by its name, or by columns that are called like the fields.
    private func layout(of file: DataFile) -> Layout {
        switch file.firstByte {
        case UInt8(ascii: "{"): return .lines
        case UInt8(ascii: "["): return .list
        default: break
        }
        let name = file.path.lowercased(), stem = name.hasSuffix(".gz") ? name.dropLast(3) : name[...]
        let kinds = [(".csv", UInt8(ascii: ",")), (".tsv", UInt8(ascii: "\t"))]
        for (_, separator) in kinds {
            guard let columns = CSV.firstRecord(of: file, separator: separator) else { continue }
            if Set(columns).isSuperset(of: promptFields) { return .table(separator: separator) }
        }
        return kinds.first { stem.hasSuffix($0.0) }.map { .table(separator: $0.1) } ?? .lines
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
                location, field: missing, found: DataError.excerpt(columns.joined(separator: ",")), keys: columns)
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
