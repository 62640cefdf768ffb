import Foundation

/// JSON in the one form that this package writes: sorted keys, slashes as they are. Keys are in snake case, by the types
/// themselves: a strategy of the encoder would also change names that are data, such as those of methods.
package enum JSONText {
    /// A value on one line, with the line's end.
    package static func line(_ value: some Encodable) throws -> String { try text(value, []) }

    /// A value for people to read, with the last line's end.
    package static func document(_ value: some Encodable) throws -> String { try text(value, .prettyPrinted) }

    private static func text(_ value: some Encodable, _ form: JSONEncoder.OutputFormatting) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [form, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
