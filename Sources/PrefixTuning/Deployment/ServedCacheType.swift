import Tensors

/// How a server's cache holds keys and values: a state file must have the type that the server runs with.
public enum ServedCacheType: String, CaseIterable, Sendable, Codable {
    /// 32-bit floats.
    case float32 = "f32"
    /// 16-bit floats: what llama.cpp and mlx-lm take unless told otherwise.
    case float16 = "f16"
    /// The upper halves of 32-bit floats.
    case bfloat16 = "bf16"

    /// The type of a name, as llama.cpp's `--cache-type-k` takes it.
    ///
    /// - Throws: ``CacheFileError/quantizedType(_:)`` for one of its integer types, ``CacheFileError/unknownType(_:)``.
    public init(named name: String) throws {
        guard let type = ServedCacheType(rawValue: name.lowercased()) else {
            throw Self.quantized.values.contains(name.lowercased())
                ? CacheFileError.quantizedType(name) : CacheFileError.unknownType(name)
        }
        self = type
    }

    /// Bytes of a value.
    public var size: Int { self == .float32 ? 4 : 2 }

    /// The number by which llama.cpp's files name it (`enum ggml_type`).
    var ggmlType: Int32 {
        switch self {
        case .float32: 0
        case .float16: 1
        case .bfloat16: 30
        }
    }

    /// The type of a number of llama.cpp; nil for others.
    init?(ggmlType number: Int32) {
        guard let type = Self.allCases.first(where: { $0.ggmlType == number }) else { return nil }
        self = type
    }

    /// Types of llama.cpp's caches whose rows are integers, by their numbers.
    static let quantized: [Int32: String] = [
        2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 20: "iq4_nl",
    ]

    private var format: FloatFormat {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        }
    }

    /// Appends values, rounded to the nearest; none may be beyond the type (``firstBeyond(_:)``).
    func append(_ values: [Float], to bytes: inout [UInt8]) {
        switch self {
        case .float32: values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        case .float16: FloatFormat.halves(values).withUnsafeBytes { bytes.append(contentsOf: $0) }
        case .bfloat16: FloatFormat.upperHalves(values).withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    /// Values from as many bytes as they take.
    func values(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        let count = bytes.count / size
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let source = bytes.baseAddress, let target = buffer.baseAddress {
                format.widen(source, count: count, into: target)
            }
            initialized = count
        }
    }

    /// Values as a server reads them back.
    func rounded(_ values: [Float]) -> [Float] {
        var bytes: [UInt8] = []
        append(values, to: &bytes)
        return bytes.withUnsafeBytes { self.values($0) }
    }

    /// The index of the first finite value that becomes infinite.
    func firstBeyond(_ values: [Float]) -> Int? {
        switch self {
        case .float32: nil
        case .float16: FloatFormat.firstBeyondHalf(values)
        case .bfloat16: FloatFormat.firstBeyondUpperHalf(values)
        }
    }
}
