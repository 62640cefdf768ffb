import Foundation

/// A GGUF file put together by hand, right or wrong.
struct GGUFBytes {
    /// A value of metadata: the number of its type, and its bytes.
    struct Value {
        let type: UInt32
        let bytes: Data

        init(type: UInt32, _ bytes: Data) {
            self.type = type
            self.bytes = bytes
        }

        static func text(_ text: String) -> Value { Value(type: 8, GGUFBytes.text(Array(text.utf8))) }
        static func uint32(_ value: UInt32) -> Value { Value(type: 4, GGUFBytes.number(value)) }
        static func uint64(_ value: UInt64) -> Value { Value(type: 10, GGUFBytes.number(value)) }
        static func float(_ value: Float) -> Value { Value(type: 6, GGUFBytes.number(value.bitPattern)) }
        static func flag(_ value: UInt8) -> Value { Value(type: 7, Data([value])) }
        static func list(of type: UInt32, count: UInt64, _ bytes: Data) -> Value {
            Value(type: 9, GGUFBytes.number(type) + GGUFBytes.number(count) + bytes)
        }
        static func texts(_ texts: [String]) -> Value {
            list(of: 8, count: UInt64(texts.count), texts.reduce(Data()) { $0 + GGUFBytes.text(Array($1.utf8)) })
        }
        static func integers(_ values: [Int32]) -> Value {
            list(of: 5, count: UInt64(values.count), values.reduce(Data()) { $0 + GGUFBytes.number($1) })
        }
    }

    /// A tensor as the header describes it; dimensions as the file has them.
    struct Tensor {
        var name = "x"
        var dimensions: [UInt64] = [32]
        var type: UInt32 = 0
        var offset: UInt64 = 0
        /// Instead of as many as there are.
        var dimensionCount: UInt32?
    }

    var magic = Data("GGUF".utf8)
    var version: UInt32 = 3
    var metadata: [(key: String, value: Value)] = [("general.architecture", .text("llama"))]
    var tensors: [Tensor] = []
    var data = Data()
    /// Instead of as many as there are.
    var tensorCount: UInt64?
    var entryCount: UInt64?

    static func number<N: FixedWidthInteger>(_ value: N) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
    static func text(_ bytes: [UInt8], length: UInt64? = nil) -> Data {
        number(length ?? UInt64(bytes.count)) + Data(bytes)
    }

    var bytes: Data {
        var bytes = magic + Self.number(version) + Self.number(tensorCount ?? UInt64(tensors.count))
        bytes += Self.number(entryCount ?? UInt64(metadata.count))
        for (key, value) in metadata { bytes += Self.text(Array(key.utf8)) + Self.number(value.type) + value.bytes }
        for tensor in tensors {
            bytes += Self.text(Array(tensor.name.utf8))
            bytes += Self.number(tensor.dimensionCount ?? UInt32(tensor.dimensions.count))
            for size in tensor.dimensions { bytes += Self.number(size) }
            bytes += Self.number(tensor.type) + Self.number(tensor.offset)
        }
        guard !tensors.isEmpty else { return bytes }
        bytes += Data(repeating: 0, count: (32 - bytes.count % 32) % 32)
        return bytes + data
    }
}
