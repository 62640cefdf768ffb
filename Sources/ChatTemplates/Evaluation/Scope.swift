/// The names that a part of a template knows: its own, and those around it.
final class Scope: Clearable {
    private var values: [String: Value] = [:]
    private let parent: Scope?

    init(in parent: Scope?) { self.parent = parent }

    subscript(name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }

    /// Sets a name here, whatever it means outside.
    func set(_ name: String, _ value: Value) { values[name] = value }

    func clear() { values = [:] }
}
