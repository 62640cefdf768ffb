/// What stands in front of the data of a GGUF file: metadata by key, and where each tensor lies.
///
/// The format is ggml's, versions 2 and 3, lowest byte first. Everything is checked before anything is used: files come from strangers, and
/// parsers of this format have overflowed in each of these places.
struct GGUFHeader: Sendable {
    /// The first four bytes.
    static let magic: [UInt8] = Array("GGUF".utf8)

    /// A tensor.
    struct Entry: Sendable {
        let type: StoredType
        /// As others write it: the dimension whose elements lie side by side is the last.
        let shape: [Int]
        /// The bytes of the file.
        let range: Range<Int>
    }

    let metadata: [String: GGUFValue]
    let tensors: [String: Entry]

    /// More than any writer aligns by; a power of two.
    private static let largestAlignment = 1 << 20
    private static let longestKey = 1 << 16, longestName = 1 << 10

    /// Reads and checks the header.
    ///
    /// - Throws: ``CheckpointError/malformedGGUF(file:problem:)``, ``CheckpointError/malformedTensor(file:key:problem:)`` or
    ///   ``CheckpointError/unsupportedBlocks(file:key:type:)``.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
        var scanner = GGUFScanner(bytes, file: file)
        guard bytes.starts(with: Self.magic) else { throw scanner.malformed("it does not begin with \"GGUF\"") }
        _ = try scanner.number(UInt32.self, "its first bytes")
        let version = try scanner.number(UInt32.self, "its version")
        guard version.byteSwapped > 3 || version == 0 else {
            throw scanner.malformed("its numbers have the highest byte first, and only the other order can be read")
        }
        guard (2...3).contains(version) else {
            throw scanner.malformed("it is of version \(version), and only 2 and 3 can be read")
        }
        // A tensor has a name, a dimension, a type and a place; an entry a key, a type and a byte.
        let tensorCount = try scanner.count(ofSize: 8 + 4 + 8 + 4 + 8, "tensors")
        let entryCount = try scanner.count(ofSize: 8 + 4 + 1, "entries of metadata")
        metadata = try Self.metadata(&scanner, count: entryCount)
        tensors = try Self.tensors(&scanner, count: tensorCount, alignment: Self.alignment(metadata, scanner))
    }

    private static func metadata(_ scanner: inout GGUFScanner, count: Int) throws -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        for index in 0..<count {
            let key = try scanner.name("key \(index)", longest: longestKey)
            let number = try scanner.number(UInt32.self, "the type of \"\(key)\"")
            guard let type = GGUFType(rawValue: number) else {
                throw scanner.malformed("\"\(key)\" is of the unknown type \(number)")
            }
            guard metadata.updateValue(try scanner.value(type, key: key), forKey: key) == nil else {
                throw scanner.malformed("the key \"\(key)\" occurs twice")
            }
        }
        return metadata
    }

    /// What the places of tensors are multiples of.
    private static func alignment(_ metadata: [String: GGUFValue], _ scanner: GGUFScanner) throws -> Int {
        let key = "general.alignment"
        guard let value = metadata[key] else { return 32 }
        guard case .integer(let alignment) = value, (1...largestAlignment).contains(alignment),
            alignment.nonzeroBitCount == 1
        else {
            throw scanner.malformed(
                "\"\(key)\" is \(value.description), where a power of two up to \(largestAlignment) belongs")
        }
        return alignment
    }

    /// A tensor as the file describes it.
    private struct Description {
        let name: String
        let type: StoredType
        let shape: [Int]
        let offset, size: Int
    }

    private static func tensors(
        _ scanner: inout GGUFScanner, count: Int, alignment: Int
    ) throws -> [String: Entry] {
        var descriptions: [Description] = []
        for index in 0..<count { descriptions.append(try description(&scanner, index: index, alignment: alignment)) }
        let (aligned, overflow) = scanner.offset.addingReportingOverflow(alignment - 1)
        let start = overflow ? scanner.bytes.count : min(aligned / alignment * alignment, scanner.bytes.count)
        let available = scanner.bytes.count - start
        var tensors: [String: Entry] = [:], end = 0
        for description in descriptions.sorted(by: { ($0.offset, $0.size) < ($1.offset, $1.size) }) {
            func damaged(_ problem: String) -> CheckpointError {
                .malformedTensor(file: scanner.file, key: description.name, problem: problem)
            }
            guard description.offset <= available, description.size <= available - description.offset else {
                throw damaged(
                    "its data would be \(description.size) bytes from byte \(description.offset) on, but the file has "
                        + "\(available) data bytes: it was cut off")
            }
            guard description.offset >= end else {
                throw damaged("its data starts at byte \(description.offset), inside the tensor before it")
            }
            end = description.offset + description.size
            let first = start + description.offset
            let entry = Entry(
                type: description.type, shape: description.shape, range: first..<first + description.size)
            guard tensors.updateValue(entry, forKey: description.name) == nil else {
                throw scanner.malformed("there are two tensors \"\(description.name)\"")
            }
        }
        return tensors
    }

    private static func description(
        _ scanner: inout GGUFScanner, index: Int, alignment: Int
    ) throws -> Description {
        let name = try scanner.name("the name of tensor \(index)", longest: longestName)
        func damaged(_ problem: String) -> CheckpointError {
            .malformedTensor(file: scanner.file, key: name, problem: problem)
        }
        let dimensions = try scanner.number(UInt32.self, "the dimensions of \"\(name)\"")
        guard (1...4).contains(dimensions) else {
            throw damaged("it has \(dimensions) dimensions, where 1 to 4 belong")
        }
        var shape: [Int] = [], count = 1
        for _ in 0..<dimensions {
            let size = try scanner.number(UInt64.self, "the shape of \"\(name)\"")
            guard let size = Int(exactly: size), size > 0 else { throw damaged("a dimension is \(size)") }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else { throw damaged("it has more elements than can be counted") }
            shape.append(size)
            count = product
        }
        let number = try scanner.number(UInt32.self, "the type of \"\(name)\"")
        let offset = try scanner.number(UInt64.self, "the place of \"\(name)\"")
        guard let type = GGUFTensorType.readable(number) else {
            throw CheckpointError.unsupportedBlocks(file: scanner.file, key: name, type: GGUFTensorType.name(number))
        }
        guard shape[0].isMultiple(of: type.elementsTogether) else {
            throw damaged("its rows of \(shape[0]) do not fill blocks of \(type.elementsTogether) (\(type.rawValue))")
        }
        let (size, overflow) = (count / type.elementsTogether).multipliedReportingOverflow(by: type.size)
        guard !overflow, let offset = Int(exactly: offset) else { throw damaged("its data has no end") }
        guard offset.isMultiple(of: alignment) else {
            throw damaged("its data starts at byte \(offset), which is no multiple of \(alignment)")
        }
        return Description(name: name, type: type, shape: shape.reversed(), offset: offset, size: size)
    }
}
