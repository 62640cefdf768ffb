import CZlib
import Foundation
import LanguageModels

/// Writes tensors as `torch.save` does, so that `torch.load(…, weights_only=True)` reads them.
///
/// The file is a zip archive of a pickle and of one stored entry per tensor, each aligned to 64 bytes. Equal tensors
/// give equal files.
struct PyTorchWriter {
    /// What is saved.
    indirect enum Value {
        case tensor(shape: [Int], values: [Float])
        case list([Value])
        case dictionary([(key: String, value: Value)])
    }

    private var pickle: [UInt8] = [0x80, 2]  // PROTO 2
    private var storages: [[Float]] = []

    /// Writes a file.
    ///
    /// - Parameter limit: What the archive must be smaller than, in bytes: its positions have 32 bits.
    /// - Throws: `CheckpointError` where it cannot be written; what stood there before is then unchanged.
    static func write(_ value: Value, to url: URL, limit: Int = 1 << 32) throws {
        var writer = PyTorchWriter()
        writer.add(value)
        writer.pickle.append(UInt8(ascii: "."))
        // 256 bytes hold all that an archive says of an entry. Before the values are copied, which takes as much memory.
        let size = writer.storages.reduce(writer.pickle.count + 3 * 256) {
            $0 + $1.count * MemoryLayout<Float>.size + 256
        }
        guard size < limit else {
            throw CheckpointError.cannotWrite(
                file: url.path,
                reason: "\(size) bytes are more than such an archive holds; choose another form")
        }
        var entries: [(name: String, bytes: [UInt8])] = [
            ("data.pkl", writer.pickle), ("byteorder", Array("little".utf8)),
        ]
        for (index, values) in writer.storages.enumerated() {
            entries.append(("data/\(index)", values.withUnsafeBytes { Array($0) }))
        }
        entries.append(("version", Array("3\n".utf8)))
        let archive = Archive(entries)
        try AtomicFile.write(to: url) { file in
            for piece in archive.pieces { try piece.withUnsafeBytes { try file.write($0) } }
        }
    }

    // MARK: The pickle

    private mutating func add(_ value: Value) {
        switch value {
        case .tensor(let shape, let values): add(shape: shape, values: values)
        case .list(let items):
            pickle += "](".utf8  // EMPTY_LIST MARK
            for item in items { add(item) }
            pickle += "e".utf8  // APPENDS
        case .dictionary(let items):
            pickle += "}(".utf8  // EMPTY_DICT MARK
            for (key, value) in items {
                add(text: key)
                add(value)
            }
            pickle += "u".utf8  // SETITEMS
        }
    }

    /// torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
    private mutating func add(shape: [Int], values: [Float]) {
        precondition(values.count == shape.reduce(1, *), "as many values as the shape has elements")
        pickle += "ctorch._utils\n_rebuild_tensor_v2\n((".utf8  // GLOBAL MARK MARK
        add(text: "storage")
        pickle += "ctorch\nFloatStorage\n".utf8
        add(text: String(storages.count))
        add(text: "cpu")
        add(integer: values.count)
        pickle += "tQ".utf8  // TUPLE BINPERSID
        add(integer: 0)
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in stride(from: shape.count - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * max(1, shape[axis + 1])
        }
        for numbers in [shape, strides] {
            pickle += "(".utf8
            for number in numbers { add(integer: number) }
            pickle += "t".utf8
        }
        pickle.append(0x89)  // NEWFALSE
        pickle += "ccollections\nOrderedDict\n)RtR".utf8  // EMPTY_TUPLE REDUCE TUPLE REDUCE
        storages.append(values)
    }

    private mutating func add(text: String) {
        pickle.append(UInt8(ascii: "X"))  // BINUNICODE
        pickle += Self.bytes(UInt32(text.utf8.count))
        pickle += text.utf8
    }

    private mutating func add(integer: Int) {
        if let small = Int32(exactly: integer) {
            pickle.append(UInt8(ascii: "J"))  // BININT
            pickle += Self.bytes(UInt32(bitPattern: small))
        } else {
            pickle += [0x8a, 8]  // LONG1
            pickle += withUnsafeBytes(of: Int64(integer).littleEndian) { Array($0) }
        }
    }

    fileprivate static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}

/// A zip archive of stored entries.
private struct Archive {
    /// The bytes, in order.
    private(set) var pieces: [[UInt8]] = []

    init(_ entries: [(name: String, bytes: [UInt8])]) {
        typealias Writer = PyTorchWriter
        var position = 0, directory: [UInt8] = []
        func append(_ piece: [UInt8]) {
            pieces.append(piece)
            position += piece.count
        }
        for (name, bytes) in entries {
            let path = Array("archive/\(name)".utf8)
            // An extra field fills up to the next multiple of 64.
            let padding = (64 - (position + 30 + path.count + 4) % 64) % 64
            let sum = UInt32(truncatingIfNeeded: bytes.withUnsafeBufferPointer { Self.checksum($0) })
            // Version, flags (names are UTF-8), method (stored), time and date (the first of January 1980), checksum, sizes.
            let common =
                Writer.bytes(UInt16(20)) + Writer.bytes(UInt16(0x0800)) + Writer.bytes(UInt16(0))
                + Writer.bytes(UInt16(0)) + Writer.bytes(UInt16(0x0021)) + Writer.bytes(sum)
                + Writer.bytes(UInt32(bytes.count)) + Writer.bytes(UInt32(bytes.count))
                + Writer.bytes(UInt16(path.count))
            directory +=
                [0x50, 0x4b, 1, 2] + Writer.bytes(UInt16(20)) + common + Writer.bytes(UInt16(0))
                + [UInt8](repeating: 0, count: 10) + Writer.bytes(UInt32(position)) + path
            append(
                [0x50, 0x4b, 3, 4] + common + Writer.bytes(UInt16(4 + padding)) + path + Array("FB".utf8)
                    + Writer.bytes(UInt16(padding)) + [UInt8](repeating: UInt8(ascii: "Z"), count: padding))
            append(bytes)
        }
        let start = position, count = Writer.bytes(UInt16(entries.count))
        append(directory)
        append(
            [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + count + count + Writer.bytes(UInt32(directory.count))
                + Writer.bytes(UInt32(start)) + [0, 0])
    }

    private static func checksum(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt {
        var sum = crc32(0, nil, 0), start = 0
        while start < bytes.count {
            let count = min(bytes.count - start, 1 << 30)
            sum = crc32(sum, bytes.baseAddress.map { $0 + start }, UInt32(count))
            start += count
        }
        return UInt(sum)
    }
}
