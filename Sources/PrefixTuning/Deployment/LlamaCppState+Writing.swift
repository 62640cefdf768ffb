import Foundation
import LanguageModels

extension LlamaCppState {
    /// The file's contents.
    ///
    /// - Parameter version: Of the program that is to read it.
    public func contents(for version: LlamaCppVersion = .newest) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(kind.magic)
        append(version.number(of: kind))
        append(UInt32(tokens.count))
        for token in tokens { append(token) }
        if kind == .session {
            let name = Array((architecture ?? "").utf8)
            append(UInt32(name.count))
            bytes += name
        }
        for part in parts {
            append(UInt32(streamCount))
            Self.append(part, self, to: &bytes)
            for _ in 1..<max(1, streamCount) { append(UInt32(0)) }
        }
        return bytes
    }

    private static func append(_ part: Part, _ state: LlamaCppState, to bytes: inout [UInt8]) {
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        let count = part.positions.count, type = state.type
        append(UInt32(count))
        // Nothing more is said of a part without cells.
        guard count > 0 else { return }
        for position in part.positions {
            append(position)
            append(UInt32(1))  // sequences that the cell belongs to
            append(Int32(0))  // the first of them
        }
        append(UInt32(state.transposesValues ? 1 : 0))
        append(UInt32(part.layers.count))
        for layer in part.layers {
            append(type.ggmlType)
            append(UInt64(layer.keys.count / count * type.size))
            type.append(layer.keys, to: &bytes)
        }
        for layer in part.layers {
            let width = layer.values.count / count
            append(type.ggmlType)
            if state.transposesValues {
                append(UInt32(type.size))
                append(UInt32(width))
                type.append(turned(layer.values, rows: count, columns: width), to: &bytes)
            } else {
                append(UInt64(width * type.size))
                type.append(layer.values, to: &bytes)
            }
        }
    }

    /// [rows × columns] as [columns × rows].
    static func turned(_ values: [Float], rows: Int, columns: Int) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for column in 0..<columns {
            for row in 0..<rows { result.append(values[row * columns + column]) }
        }
        return result
    }

    /// Writes the file.
    ///
    /// - Throws: `CheckpointError`; what stood there before is then unchanged.
    public func write(to file: URL, for version: LlamaCppVersion = .newest) throws {
        try AtomicFile.write(contents(for: version), to: file)
    }
}
