import Foundation
import LanguageModels

extension LlamaCppState {
    /// Which kind of state file a file begins as; nil for any other file.
    public static func kind(of file: URL) -> Kind? {
        guard let handle = try? FileHandle(forReadingFrom: file) else { return nil }
        defer { try? handle.close() }
        guard let start = try? handle.read(upToCount: 4), start.count == 4 else { return nil }
        let magic = start.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return [Kind.slot, .session].first { $0.magic == magic }
    }

    /// Reads a file that a prefix was written to, or that llama.cpp saved.
    ///
    /// - Throws: ``CacheFileError`` where it is damaged, of another version, or holds integers or numbers of several types;
    ///   `CheckpointError` where it cannot be read.
    public init(_ file: URL) throws {
        guard let kind = Self.kind(of: file) else {
            throw CacheFileError.damaged(file: file.path, problem: "it does not begin as a state file does")
        }
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw CheckpointError.unreadable(file: file.path, reason: error.localizedDescription)
        }
        self = try data.withUnsafeBytes { bytes in
            var scanner = StateScanner(bytes, file: file.path)
            return try Self(kind, &scanner)
        }
    }

    private init(_ kind: Kind, _ scanner: inout StateScanner) throws {
        self.kind = kind
        _ = try scanner.number(UInt32.self, "the magic number")
        let version = try scanner.number(UInt32.self, "the version")
        let known = LlamaCppVersion.allCases.map { $0.number(of: kind) }
        guard known.contains(version) else {
            throw CacheFileError.otherVersion(file: scanner.file, kind: kind.title, found: version, known: known)
        }
        tokens = try Self.unpacked(
            try scanner.numbers(Int32.self, try scanner.count("tokens", each: 4), "the tokens"), file: scanner.file)
        architecture = nil
        if kind == .session {
            let name = try scanner.bytes(try scanner.count("bytes of the architecture's name", each: 1), "its name")
            architecture = String(decoding: name, as: UTF8.self)
        }
        var common = Common(), parts: [Part] = []
        while !scanner.isAtEnd {
            guard parts.count < 2 else {
                throw scanner.damaged("\(scanner.left) bytes follow its second part")
            }
            parts.append(try Self.part(&scanner, &common))
        }
        guard !parts.isEmpty else { throw scanner.damaged("it ends before the cells") }
        // One of two parts may have none: where all layers have a window, or none has.
        guard parts.allSatisfy(\.positions.isEmpty) || parts.contains(where: { !$0.layers.isEmpty }) else {
            throw scanner.damaged("it has cells of 0 layers")
        }
        self.parts = parts
        (type, transposesValues) = (common.type ?? .float16, common.transposesValues ?? false)
        streamCount = common.streamCount ?? 1
    }

    /// What is the same in all of a file, from where it is first said.
    private struct Common {
        var type: ServedCacheType?
        var transposesValues: Bool?
        var streamCount: Int?
    }

    private static func part(_ scanner: inout StateScanner, _ common: inout Common) throws -> Part {
        let streams = Int(try scanner.number(UInt32.self, "the number of streams"))
        guard (1...1 << 12).contains(streams) else { throw scanner.damaged("it has \(streams) streams") }
        let known = common.streamCount ?? streams
        guard streams == known else {
            throw scanner.damaged("its second part has \(streams) streams, where \(known) belong as in its first")
        }
        common.streamCount = streams
        var found: Part?
        for _ in 0..<streams {
            let cells = try scanner.count("cells", each: 8)
            guard cells > 0 else { continue }
            guard found == nil else {
                throw CacheFileError.unusable(
                    file: scanner.file, reason: "it has cells of several sequences; save one slot by itself")
            }
            found = try cellsOfPart(cells, &scanner, &common)
        }
        return found ?? Part(positions: [], layers: [])
    }

    private static func cellsOfPart(
        _ cells: Int, _ scanner: inout StateScanner, _ common: inout Common
    ) throws -> Part {
        var positions: [Int32] = []
        for _ in 0..<cells {
            positions.append(try scanner.number(Int32.self, "the position of a cell"))
            let sequences = try scanner.number(UInt32.self, "the sequences of a cell")
            guard sequences == 1 else {
                throw CacheFileError.unusable(
                    file: scanner.file,
                    reason:
                        "a cell belongs to \(sequences) sequences, or has fields that only models with several kinds of "
                        + "positions have (M-RoPE), where 1 sequence is needed")
            }
            _ = try scanner.number(Int32.self, "the sequence of a cell")
        }
        let turned = try scanner.number(UInt32.self, "whether values are turned")
        guard turned <= 1 else { throw scanner.damaged("the mark of turned values is \(turned), where 0 or 1 belongs") }
        let isTurned = turned == 1
        guard isTurned == (common.transposesValues ?? isTurned) else {
            throw scanner.damaged("values are turned in one of its parts, and are not in the other")
        }
        common.transposesValues = isTurned
        let layers = Int(try scanner.number(UInt32.self, "the number of layers"))
        guard (0...1 << 12).contains(layers) else { throw scanner.damaged("it has \(layers) layers") }
        var part = Part(positions: positions, layers: []), width: Int?
        for layer in 0..<layers {
            let place = "the keys of layer \(layer)"
            let type = try readType(&scanner, &common, place)
            let row = try scanner.number(UInt64.self, place)
            try check(
                Int(clamping: row) / type.size, Int(clamping: row).isMultiple(of: type.size), &width, scanner, place)
            let bytes = try scanner.bytes(cells, each: Int(clamping: row), place)
            part.layers.append(.init(keys: type.values(bytes), values: []))
        }
        for layer in 0..<layers {
            let place = "the values of layer \(layer)", type = try readType(&scanner, &common, place)
            if isTurned {
                let size = try scanner.number(UInt32.self, place), columns = Int(try scanner.number(UInt32.self, place))
                try check(columns, Int(size) == type.size, &width, scanner, place)
                let bytes = try scanner.bytes(columns, each: cells * type.size, place)
                part.layers[layer].values = Self.turned(type.values(bytes), rows: columns, columns: cells)
            } else {
                let row = Int(clamping: try scanner.number(UInt64.self, place))
                try check(row / type.size, row.isMultiple(of: type.size), &width, scanner, place)
                part.layers[layer].values = type.values(try scanner.bytes(cells, each: row, place))
            }
            guard (part.layers[layer].keys + part.layers[layer].values).allSatisfy(\.isFinite) else {
                throw scanner.damaged("layer \(layer) holds NaN or infinity")
            }
        }
        return part
    }

    private static func readType(
        _ scanner: inout StateScanner, _ common: inout Common, _ place: String
    ) throws -> ServedCacheType {
        let number = try scanner.number(Int32.self, place)
        if let type = ServedCacheType(ggmlType: number) {
            let known = common.type ?? type
            guard type == known else {
                throw CacheFileError.unusable(
                    file: scanner.file,
                    reason:
                        "\(place) are \(type.rawValue), but what stands before them is \(known.rawValue); save it with keys and "
                        + "values of one type")
            }
            common.type = type
            return type
        }
        guard let name = ServedCacheType.quantized[number] else {
            throw scanner.damaged("\(place) are of type \(number), which no cache has")
        }
        throw CacheFileError.unusable(
            file: scanner.file,
            reason: "\(place) are blocks of integers (\(name)); save it with a cache of f32, f16 or bf16")
    }

    /// Throws where a row is no row, or another than those before.
    private static func check(
        _ found: Int, _ isWhole: Bool, _ width: inout Int?, _ scanner: StateScanner, _ place: String
    ) throws {
        let expected = width ?? found
        guard isWhole, (1...1 << 24).contains(found), found == expected else {
            throw scanner.damaged("\(place) have rows of \(found), where \(expected) belong")
        }
        width = found
    }

    /// The tokens of a list that the server packs: −1, 1, their number, they, the number of pictures.
    private static func unpacked(_ words: [Int32], file: String) throws -> [Int32] {
        guard words.first == -1 else { return words }
        guard words.count >= 4, words[1] == 1, words[2] >= 0, Int(words[2]) <= words.count - 4 else {
            throw CacheFileError.damaged(file: file, problem: "its tokens are packed in a way that is not known")
        }
        let end = 3 + Int(words[2])
        guard words[end] == 0 else {
            throw CacheFileError.unusable(file: file, reason: "it is of a conversation with pictures or sound")
        }
        return Array(words[3..<end])
    }
}

/// Takes a state file apart from its beginning on.
struct StateScanner {
    let file: String
    private let all: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        all = bytes
        self.file = file
    }

    /// Bytes that have not been read.
    var left: Int { all.count - offset }
    var isAtEnd: Bool { left == 0 }

    func damaged(_ problem: String) -> CacheFileError { .damaged(file: file, problem: problem) }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type, _ what: String) throws -> Number {
        let bytes = try bytes(MemoryLayout<Number>.size, what)
        return Number(littleEndian: bytes.loadUnaligned(as: Number.self))
    }

    mutating func numbers<Number: FixedWidthInteger>(
        _ type: Number.Type, _ count: Int, _ what: String
    ) throws -> [Number] {
        try (0..<count).map { _ in try number(type, what) }
    }

    /// A number of things of which each takes at least so many bytes.
    mutating func count(_ what: String, each size: Int) throws -> Int {
        let count = Int(try number(UInt32.self, "the number of \(what)"))
        guard count <= left / size else {
            throw damaged("it claims \(count) \(what), but has \(left) bytes more")
        }
        return count
    }

    mutating func bytes(_ count: Int, each size: Int = 1, _ what: String) throws -> UnsafeRawBufferPointer {
        let (total, overflows) = count.multipliedReportingOverflow(by: size)
        guard !overflows, total >= 0, total <= left else {
            throw damaged("it ends after \(all.count) bytes, within \(what)")
        }
        defer { offset += total }
        return UnsafeRawBufferPointer(rebasing: all[offset..<offset + total])
    }
}
