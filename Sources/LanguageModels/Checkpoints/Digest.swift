import Tensors

/// Sixty-four bits that stand for contents: weights, token sequences, a file.
///
/// Equal contents have equal digests, and others have the same one with a probability of 2⁻⁶⁴ where they differ by accident.
/// It is no protection against intent: whoever wants two contents of one digest can make them.
public struct Digest: Hashable, Sendable {
    /// The digest's 64 bits as a number.
    public let value: UInt64

    /// A digest of known bits.
    public init(_ value: UInt64) { self.value = value }
}

extension Digest: LosslessStringConvertible, Codable {
    /// Sixteen hexadecimal digits, lower case.
    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads what ``description`` writes; nil for any other text.
    public init?(_ description: String) {
        guard let value = UInt64(description, radix: 16) else { return nil }
        self.value = value
        guard self.description == description else { return nil }
    }

    /// Reads a string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer(), text = try container.decode(String.self)
        guard let digest = Digest(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no digest")
        }
        self = digest
    }

    /// Writes a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Takes the ``Digest`` of contents that come in parts.
///
/// ```swift
/// var digester = Digester()
/// digester.add("weights")
/// digester.add(values)
/// let digest = digester.digest
/// ```
public struct Digester: Sendable {
    private var bytes = ByteDigest()

    /// A digester that has seen nothing.
    public init() {}

    /// The digest of all that was added.
    public var digest: Digest { Digest(bytes.value) }

    /// Adds bytes; where one part ends and the next begins makes no difference.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) { self.bytes.add(bytes) }

    /// Adds a number.
    public mutating func add(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { add($0) } }

    /// Adds a text after its length, so that two texts are not taken for their concatenation.
    public mutating func add(_ text: String) {
        add(text.utf8.count)
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Adds numbers after their count.
    public mutating func add(_ values: [Float]) {
        add(values.count)
        values.withUnsafeBytes { add($0) }
    }

    /// Adds token ids after their count.
    public mutating func add(_ tokens: [Int32]) {
        add(tokens.count)
        tokens.withUnsafeBytes { add($0) }
    }

    /// Adds another digest.
    public mutating func add(_ digest: Digest) { withUnsafeBytes(of: digest.value.littleEndian) { add($0) } }
}
