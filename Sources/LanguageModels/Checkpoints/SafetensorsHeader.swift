/// The parsed and checked header of a safetensors file.
///
/// The file is: 8 bytes little-endian header length N, N bytes of JSON, the data. The JSON maps each key to `dtype`,
/// `shape` and `data_offsets` (start and end, counted from the end of the header); `__metadata__` maps strings to
/// strings. Everything is checked here once, so that later reads need no checks: sizes agree with shapes, tensors
/// neither overlap nor leave holes, the last one ends at the end of the file.
struct SafetensorsHeader {
    struct Entry: Equatable {
        var type: StoredType
        var shape: [Int]
        /// Byte range in the whole file.
        var range: Range<Int>

        var count: Int { range.count / type.size }
    }

    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]

    /// More than any real header (the reference implementation sets the same bound).
    static let largestHeader = 100_000_000

    init(file: String, bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        func malformed(_ problem: String) -> CheckpointError { .malformed(file: file, problem: problem) }

        guard bytes.count >= 8 else {
            throw malformed("it has \(bytes.count) bytes, fewer than the 8 of its first field")
        }
        let declared = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard declared <= UInt64(Self.largestHeader) else {
            throw malformed("its header claims \(declared) bytes, more than the \(Self.largestHeader) allowed")
        }
        let dataStart = 8 + Int(declared)
        guard dataStart <= bytes.count else {
            throw malformed("its header claims \(declared) bytes, but only \(bytes.count - 8) follow: it was cut off")
        }

        var scanner = SafetensorsHeaderScanner(UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]))
        let raw: SafetensorsHeaderScanner.Contents
        do {
            raw = try scanner.scan()
        } catch {
            throw malformed("header byte \(error.position): \(error.problem)")
        }
        metadata = raw.metadata
        for tensor in raw.tensors {
            let entry = try Self.check(tensor, file: file, dataStart: dataStart, dataSize: bytes.count - dataStart)
            entries[tensor.key] = entry
        }
        try checkCoverage(file: file, data: dataStart..<bytes.count)
    }

    /// One tensor on its own: type known, offsets inside the file, size equal to the shape's.
    private static func check(
        _ tensor: SafetensorsHeaderScanner.Tensor, file: String, dataStart: Int, dataSize: Int
    ) throws(CheckpointError) -> Entry {
        func malformed(_ problem: String) -> CheckpointError {
            .malformedTensor(file: file, key: tensor.key, problem: problem)
        }
        /// A file may claim millions of dimensions.
        var shape: String { tensor.shape.count > 16 ? "of \(tensor.shape.count) dimensions" : "\(tensor.shape)" }
        guard let type = StoredType(rawValue: tensor.type), type.elementsTogether == 1 else {
            throw malformed("its number format \"\(tensor.type)\" is unknown")
        }
        let (start, end) = (tensor.start, tensor.end)
        guard start <= end else { throw malformed("its data ends at byte \(end), before it starts at \(start)") }
        guard end <= dataSize else {
            throw malformed("its data ends at byte \(end), but the file has \(dataSize) data bytes: it was cut off")
        }
        var size = type.size
        for dimension in tensor.shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw malformed("its shape \(shape) has more elements than can be counted") }
            size = product
        }
        guard size == end - start else {
            throw malformed(
                "shape \(shape) of \(type.rawValue) needs \(size) bytes, but its data has \(end - start)")
        }
        return Entry(type: type, shape: tensor.shape, range: dataStart + start..<dataStart + end)
    }

    /// All tensors together: every data byte belongs to exactly one of them.
    private func checkCoverage(file: String, data: Range<Int>) throws(CheckpointError) {
        let ordered = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
                < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
        }
        var end = data.lowerBound
        for (key, entry) in ordered {
            let start = entry.range.lowerBound
            guard start >= end else {
                throw .malformedTensor(
                    file: file, key: key,
                    problem: "its data starts at byte \(start - data.lowerBound), inside the tensor before it")
            }
            guard start == end else {
                throw .malformedTensor(
                    file: file, key: key, problem: "\(start - end) bytes before its data belong to no tensor")
            }
            end = entry.range.upperBound
        }
        guard end == data.upperBound else {
            throw .malformed(file: file, problem: "its last \(data.upperBound - end) bytes belong to no tensor")
        }
    }
}
