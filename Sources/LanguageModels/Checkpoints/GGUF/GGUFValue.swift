/// A value of a GGUF file's metadata.
enum GGUFValue: Sendable {
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case text([UInt8])
    case list(GGUFList)

    /// As messages show it.
    var description: String {
        switch self {
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): "\(value)"
        case .text(let bytes):
            "\"" + String(decoding: bytes.prefix(40), as: UTF8.self) + (bytes.count > 40 ? "…\"" : "\"")
        case .list(let list): "a list of \(list.count)"
        }
    }
}

/// A list in a GGUF file's metadata, whose extent was checked and whose elements are read when they are asked for: vocabularies have
/// hundreds of thousands.
struct GGUFList: Sendable {
    let element: GGUFType
    let count: Int
    /// Where the elements lie in the file.
    let range: Range<Int>
}

/// The types of metadata, by the numbers of the files.
enum GGUFType: UInt32, Sendable {
    case uint8 = 0
    case int8, uint16, int16, uint32, int32, float32, bool, string, list, uint64, int64, float64

    /// Bytes; the least where it depends on the value.
    var size: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .string, .uint64, .int64, .float64: 8
        case .list: 12
        }
    }
}
