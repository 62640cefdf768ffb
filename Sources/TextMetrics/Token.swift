/// A word as a metric sees it: equal only if the bytes are equal.
///
/// `String` compares by canonical equivalence ("é" written as one or as two code points is the same string); the reference
/// implementations compare code points, and so does this type.
struct Token: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    init(utf8 bytes: some Collection<UInt8>) {
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    static func == (left: Token, right: Token) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        let hashed: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if hashed == nil { for byte in text.utf8 { hasher.combine(byte) } }
    }
}
