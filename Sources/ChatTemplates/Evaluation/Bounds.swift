/// What a template may use. Templates are files of strangers.
enum Bounds {
    /// Levels of the source, of calls of macros, and of values.
    static let depth = 64
    /// Levels of all of those together while a text is written: what the stack of a thread must hold.
    static let nesting = 256
    /// Bytes of the output, and of any text on the way to it.
    static let output = 1 << 20
    /// Steps: an expression or statement is one, and so are 64 bytes or one element that are copied or compared.
    static let steps = 1_000_000
    /// Elements of a range, as `jinja2`'s sandbox has it.
    static let range = 100_000
    /// Bytes of a template's source.
    static let source = 1 << 20
}
