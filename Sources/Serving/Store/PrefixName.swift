/// The names that prefixes and their owners may have: they are also names of folders.
package enum PrefixName {
    /// What is said of a name that is none.
    package static let requirement = "1 to 64 letters, digits, '.', '_' and '-', not beginning with '.'"

    /// Whether a text is a name.
    package static func isValid(_ text: some StringProtocol) -> Bool {
        guard (1...64).contains(text.utf8.count), text.utf8.first != UInt8(ascii: ".") else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
