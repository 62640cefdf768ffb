/// How keys and values are held that no gradient is collected of: those of prefixes, and those that a generation remembers.
public enum CacheType: String, CaseIterable, Codable, Sendable {
    /// As they are computed.
    case float32 = "f32"
    /// Rounded to the nearest bfloat16, once, when they are put there: half the memory, and half of what each token reads of
    /// it. Attention widens them on the way and computes in 32 bits.
    case bfloat16 = "bf16"
}

/// A matrix whose rows hold the keys and values of positions, in 32 bits or in 16.
@Compute public enum KeyValueRows {
    /// Floats, of which gradients may be collected.
    case float32(Tensor)
    /// The nearest bfloat16 of what was put there; nothing is differentiated through them.
    case bfloat16(BFloat16Rows)

    /// Rows that are to be put before they are read.
    ///
    /// - Parameters:
    ///   - rows: How many.
    ///   - width: Elements of a row.
    ///   - type: How they are held.
    public init(rows: Int, width: Int, as type: CacheType) {
        switch type {
        case .float32: self = .float32(Tensor(shape: [rows, width]))
        case .bfloat16: self = .bfloat16(BFloat16Rows(rows: rows, width: width))
        }
    }

    /// A copy of columns column..<column+width of a matrix.
    public init(copying matrix: Tensor, column: Int, width: Int, as type: CacheType) {
        self.init(rows: matrix.rows, width: width, as: type)
        for row in 0..<matrix.rows { put(matrix, row: row, column: column, into: row) }
    }

    /// How they are held.
    public var type: CacheType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }

    /// Elements of a row.
    public var width: Int {
        switch self {
        case .float32(let tensor): tensor.width
        case .bfloat16(let rows): rows.width
        }
    }

    /// The rows where they are floats.
    public var tensor: Tensor? { if case .float32(let tensor) = self { tensor } else { nil } }

    /// Where gradients of them are collected; nil for constants.
    public var gradient: Gradient? { tensor?.gradient }

    /// Tells the matrix from others.
    public var identity: ObjectIdentifier {
        switch self {
        case .float32(let tensor): ObjectIdentifier(tensor)
        case .bfloat16(let rows): ObjectIdentifier(rows)
        }
    }

    /// Memory that they take.
    package var byteCount: Int {
        switch self {
        case .float32(let tensor): tensor.byteCount
        case .bfloat16(let rows): rows.byteCount
        }
    }

    /// Overwrites a row by a row of a matrix, from a column on.
    package func put(_ matrix: Tensor, row: Int, column: Int, into target: Int) {
        let from = matrix.floats + row * matrix.width + column
        switch self {
        case .float32(let tensor): (tensor.floats + target * width).update(from: from, count: width)
        case .bfloat16(let rows): backend.roundToBFloat16(from, count: width, into: rows.start + 2 * target * width)
        }
    }

    /// Overwrites the first rows by those of other rows, held alike and as wide.
    package func put(first count: Int, of other: KeyValueRows) {
        switch (self, other) {
        case (.float32(let to), .float32(let from)): to.floats.update(from: from.floats, count: count * width)
        case (.bfloat16(let to), .bfloat16(let from)):
            to.start.copyMemory(from: from.start, byteCount: 2 * count * width)
        default: preconditionFailure("rows in \(other.type.rawValue) put among rows in \(type.rawValue)")
        }
    }

    /// Elements of a row as floats.
    ///
    /// - Parameter target: Room for `count` of them.
    package func read(row: Int, column: Int, count: Int, into target: UnsafeMutablePointer<Float>) {
        let first = row * width + column
        switch self {
        case .float32(let tensor): target.update(from: tensor.floats + first, count: count)
        case .bfloat16(let rows): FloatFormat.bfloat16.widen(rows.start + 2 * first, count: count, into: target)
        }
    }
}

/// The memory of rows of bfloat16, side by side.
@Compute public final class BFloat16Rows {
    /// How many rows there are.
    public let rows: Int
    /// Elements of a row.
    public let width: Int
    private let storage: Storage

    init(rows: Int, width: Int) {
        let (count, overflows) = rows.multipliedReportingOverflow(by: width)
        guard !overflows, count < Int.max else { LastWords.say(.tooLarge(shape: [rows, width])) }
        self.rows = rows
        self.width = width
        storage = Storage(count: count / 2 + count % 2)
    }

    /// The first element, valid while the rows live.
    var start: UnsafeMutableRawPointer { UnsafeMutableRawPointer(storage.floats) }
    var byteCount: Int { storage.byteCount }
}
