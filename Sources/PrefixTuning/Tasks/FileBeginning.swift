import Foundation
import TextMetrics

/// How a data file begins: what tells the layout of one task from that of another.
package struct FileBeginning {
    /// The file's path.
    let path: String
    /// The first line, as far as it matters.
    let line: String
    /// The first characters without white space.
    let compact: String
    /// The keys of the first line, where it is a JSON object.
    let keys: Set<String>

    /// Looks at a file without reading on.
    ///
    /// - Throws: ``DataError/input(_:)``.
    package init(_ file: DataFile) throws {
        let first = try DataFile.reading { () throws(InputError) in try file.reader.upcomingLine() }
        path = file.path
        line = String(decoding: first.prefix(4096), as: UTF8.self)
        compact = String(decoding: file.beginning.prefix(200).filter { $0 > 0x20 }, as: UTF8.self)
        keys = Set(((try? JSONSerialization.jsonObject(with: Data(first))) as? [String: Any] ?? [:]).keys)
    }
}
