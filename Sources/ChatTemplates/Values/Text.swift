/// A text as Python has it: equal where its code points are, measured and cut by code points. UTF-8, which sorts and searches as
/// code points do.
struct Text: Hashable, Comparable, Sendable, ExpressibleByStringLiteral {
    var bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    init(_ text: String) { bytes = Array(text.utf8) }
    init(stringLiteral value: StaticString) { bytes = value.withUTF8Buffer(Array.init) }

    static let empty = Text([])

    static func < (a: Text, b: Text) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
    static func + (a: Text, b: Text) -> Text { Text(a.bytes + b.bytes) }

    var string: String { String(decoding: bytes, as: UTF8.self) }
    var isEmpty: Bool { bytes.isEmpty }

    private static func begins(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }

    /// Code points.
    var count: Int { bytes.reduce(0) { $0 + (Self.begins($1) ? 1 : 0) } }

    /// Where each code point begins, and the end.
    var boundaries: [Int] { bytes.indices.filter { Self.begins(bytes[$0]) } + [bytes.count] }

    /// The code points as texts.
    var characters: [Text] {
        let boundaries = boundaries
        return zip(boundaries, boundaries.dropFirst()).map { Text(bytes[$0..<$1]) }
    }

    func hasPrefix(_ other: Text) -> Bool { bytes.starts(with: other.bytes) }

    func hasSuffix(_ other: Text) -> Bool {
        bytes.count >= other.bytes.count && bytes[(bytes.count - other.bytes.count)...].elementsEqual(other.bytes)
    }

    /// Where another text, which is not empty, begins in this one: from the left, without overlaps. In linear time (Knuth, Morris &
    /// Pratt 1977): both texts may be a stranger's.
    func positions(of other: Text, limit: Int = .max) -> [Int] {
        let pattern = other.bytes
        guard !pattern.isEmpty, pattern.count <= bytes.count, limit > 0 else { return [] }
        var borders = [0], border = 0
        for index in 1..<max(pattern.count, 1) {
            while border > 0, pattern[index] != pattern[border] { border = borders[border - 1] }
            if pattern[index] == pattern[border] { border += 1 }
            borders.append(border)
        }
        var found: [Int] = [], matched = 0
        for (index, byte) in bytes.enumerated() {
            while matched > 0, byte != pattern[matched] { matched = borders[matched - 1] }
            if byte == pattern[matched] { matched += 1 }
            if matched == pattern.count {
                found.append(index + 1 - matched)
                if found.count == limit { break }
                matched = 0
            }
        }
        return found
    }

    func contains(_ other: Text) -> Bool { other.isEmpty || !positions(of: other, limit: 1).isEmpty }

    /// Without the given code points at its ends; without white space where none are given.
    func stripped(_ characters: Text?, left: Bool = true, right: Bool = true) -> Text {
        guard let characters else {
            let end = right ? WhiteSpace.end(of: bytes, in: bytes.indices) : bytes.count
            return Text(bytes[(left ? WhiteSpace.start(of: bytes, in: 0..<end) : 0)..<end])
        }
        let set = Set(characters.string.unicodeScalars)
        var scalars = string.unicodeScalars[...]
        if left { scalars = scalars.drop(while: set.contains) }
        while right, let last = scalars.last, set.contains(last) { scalars.removeLast() }
        return Text(String(String.UnicodeScalarView(scalars)))
    }
}
