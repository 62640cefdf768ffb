/// The table of contents of a zip archive whose entries are stored, not compressed: the outer form of PyTorch's files
/// since 1.6.
///
/// Everything is checked here once: every entry lies in the file, under the same name in the table and before its data,
/// and no two overlap. Zip64 is understood, as archives beyond 4 GB need it.
struct StoredZip {
    /// The bytes of each entry's data within the file.
    private(set) var entries: [String: Range<Int>] = [:]

    struct Failure: Error {
        var problem: String
    }

    private static let endSize = 22

    /// Whether the bytes begin as a zip archive does.
    static func isRecognized(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 4 && bytes.loadUnaligned(as: UInt32.self).littleEndian == 0x0403_4B50
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        let reader = LittleEndianReader(bytes: bytes)
        let table = try Self.table(reader)
        var position = table.range.lowerBound
        var extents: [(range: Range<Int>, name: String)] = []
        for _ in 0..<table.count {
            let entry = try Entry(reader, at: &position, end: table.range.upperBound)
            let (extent, data) = try entry.locate(reader, tableStart: table.range.lowerBound)
            guard entries.updateValue(data, forKey: entry.name) == nil else {
                throw Failure(problem: "its entry \"\(entry.name)\" occurs twice")
            }
            extents.append((extent, entry.name))
        }
        guard position == table.range.upperBound else {
            throw Failure(problem: "its table of contents does not end where it should")
        }
        extents.sort { $0.range.lowerBound < $1.range.lowerBound }
        for (before, after) in zip(extents, extents.dropFirst()) where after.range.lowerBound < before.range.upperBound
        {
            throw Failure(problem: "its entries \"\(before.name)\" and \"\(after.name)\" overlap")
        }
    }

    /// The place of the table of contents and the number of its entries, from the record at the archive's end.
    private static func table(_ reader: LittleEndianReader) throws(Failure) -> (range: Range<Int>, count: Int) {
        let end = reader.bytes.count - endSize
        guard end >= 0, reader.u32(end) == 0x0605_4B50, reader.u16(end + 20) == 0 else {
            throw Failure(
                problem: "it does not end as a zip archive does: it was cut off, or something was added to it")
        }
        var count = reader.u16(end + 10), size = reader.u32(end + 12), start = reader.u32(end + 16)
        var limit = end
        var disks = [reader.u16(end + 4), reader.u16(end + 6)]
        let locator = end - 20
        if locator >= 0, reader.u32(locator) == 0x0706_4B50 {
            guard let wide = reader.u64(locator + 8), wide <= locator - 56, reader.u32(wide) == 0x0606_4B50,
                let wideCount = reader.u64(wide + 32), let wideSize = reader.u64(wide + 40),
                let wideStart = reader.u64(wide + 48),
                [wideCount, 0xFFFF].contains(count), [wideSize, 0xFFFF_FFFF].contains(size),
                [wideStart, 0xFFFF_FFFF].contains(start)
            else { throw Failure(problem: "its Zip64 record is damaged") }
            (count, size, start, limit) = (wideCount, wideSize, wideStart, wide)
            disks += [reader.u32(wide + 16), reader.u32(wide + 20)]
        }
        guard disks.allSatisfy({ $0 == 0 || $0 == 0xFFFF }) else {
            throw Failure(problem: "it is one part of an archive in several parts")
        }
        guard start <= limit, size == limit - start else {
            throw Failure(problem: "its table of contents does not lie where it should")
        }
        // An entry of the table has 46 bytes and a name.
        guard count <= size / 46 else {
            throw Failure(problem: "its table of contents claims \(count) entries in \(size) bytes")
        }
        return (start..<limit, count)
    }
}

extension StoredZip {
    /// One entry of the table of contents.
    private struct Entry {
        private struct Numbers {
            var size: Int
            var compressed: Int
            var header: Int
        }

        var name: String
        var size: Int
        var header: Int

        /// Reads the entry at `position` and goes to the next.
        init(_ reader: LittleEndianReader, at position: inout Int, end: Int) throws(Failure) {
            guard end - position >= 46, reader.u32(position) == 0x0201_4B50 else {
                throw Failure(problem: "its table of contents is damaged")
            }
            let nameSize = reader.u16(position + 28), extraSize = reader.u16(position + 30)
            let next = position + 46 + nameSize + extraSize + reader.u16(position + 32)
            guard next <= end else { throw Failure(problem: "its table of contents is damaged") }
            let nameBytes = reader.bytes[position + 46..<position + 46 + nameSize]
            guard let name = String(validating: nameBytes, as: UTF8.self), !name.isEmpty else {
                throw Failure(problem: "the name of an entry is not UTF-8")
            }
            self.name = name
            guard reader.u16(position + 8) & 1 == 0 else {
                throw Failure(problem: "its entry \"\(name)\" is encrypted")
            }
            let method = reader.u16(position + 10)
            guard method == 0 else {
                throw Failure(problem: "its entry \"\(name)\" is compressed (method \(method)), where PyTorch stores")
            }
            var numbers = Numbers(
                size: reader.u32(position + 24), compressed: reader.u32(position + 20),
                header: reader.u32(position + 42))
            let extra = position + 46 + nameSize..<position + 46 + nameSize + extraSize
            // Numbers of 32 bits that are all ones stand in the Zip64 field instead, in this order.
            var wide = try Self.wideField(reader, extra, name: name)
            for number in [\Numbers.size, \.compressed, \.header] where numbers[keyPath: number] == 0xFFFF_FFFF {
                guard wide.count >= 8, let value = reader.u64(wide.lowerBound) else {
                    throw Failure(problem: "its entry \"\(name)\" has a damaged Zip64 field")
                }
                numbers[keyPath: number] = value
                wide = wide.lowerBound + 8..<wide.upperBound
            }
            (size, header) = (numbers.size, numbers.header)
            guard size == numbers.compressed else {
                throw Failure(
                    problem: "its entry \"\(name)\" is stored, but in \(numbers.compressed) bytes for \(size)")
            }
            position = next
        }

        /// The Zip64 field (number 1) among the extra fields; empty where there is none.
        private static func wideField(
            _ reader: LittleEndianReader, _ extra: Range<Int>, name: String
        ) throws(Failure) -> Range<Int> {
            var position = extra.lowerBound
            while extra.upperBound - position >= 4 {
                let start = position + 4
                let size = reader.u16(position + 2)
                guard size <= extra.upperBound - start else {
                    throw Failure(problem: "its entry \"\(name)\" has a damaged extra field")
                }
                if reader.u16(position) == 1 { return start..<start + size }
                position = start + size
            }
            return extra.upperBound..<extra.upperBound
        }

        /// Where the entry lies, with its header and without. The header repeats the name; its sizes may be missing.
        func locate(_ reader: LittleEndianReader, tableStart: Int) throws(Failure) -> (
            extent: Range<Int>, data: Range<Int>
        ) {
            guard header <= tableStart - 30, reader.u32(header) == 0x0403_4B50 else {
                throw Failure(problem: "its entry \"\(name)\" does not lie where the table of contents says")
            }
            let nameEnd = header + 30 + reader.u16(header + 26)
            let start = nameEnd + reader.u16(header + 28)
            guard start <= tableStart, size <= tableStart - start else {
                throw Failure(problem: "its entry \"\(name)\" does not lie where the table of contents says")
            }
            guard reader.bytes[header + 30..<nameEnd].elementsEqual(name.utf8) else {
                throw Failure(problem: "its entry \"\(name)\" has another name before its data")
            }
            return (header..<start + size, start..<start + size)
        }
    }
}

/// Reads little-endian numbers. The caller has checked that those of 16 and 32 bits lie in the bytes.
private struct LittleEndianReader {
    let bytes: UnsafeRawBufferPointer

    func u16(_ position: Int) -> Int {
        Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self).littleEndian)
    }

    func u32(_ position: Int) -> Int {
        Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian)
    }

    /// A number of 64 bits, or nil where it is beyond what a size can be.
    func u64(_ position: Int) -> Int? {
        Int(exactly: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian)
    }
}
