/// The names of modules, whatever checkpoints and versions of `transformers` call them.
public enum ModuleName {
    /// The components that checkpoints and adapters have in front of a name or not.
    private static let roots = Set(
        ["base_model", "module"] + ModelParts.all.map(\.root).filter { !$0.isEmpty }.map { Substring($0) })
    private static let olderHeads = Set(ModelParts.all.compactMap { $0.olderHead.map { Substring($0) } })

    /// A name without what varies in it: what stands in front of it, and what a head was called before `transformers` 5.
    public static func canonical(_ name: String) -> String {
        let parts = name.split(separator: ".").drop { roots.contains($0) }
        return parts.map { olderHeads.contains($0) ? head : String($0) }.joined(separator: ".")
    }

    /// The canonical name of every head.
    static let head = "lm_head"

    /// Whether a module has one of these names, or ends in one behind a dot, as PEFT looks for `target_modules`.
    static func matches(_ module: String, _ targets: [String]) -> Bool {
        let module = canonical(module)
        return targets.contains { target in
            let target = canonical(target)
            return !target.isEmpty && (module == target || module.hasSuffix(".\(target)"))
        }
    }

    /// The first of these names that a module ends in, or one that the module lies in, as PEFT looks for
    /// `modules_to_save`: letter by letter, with no dot in front of the name.
    public static func enclosing(_ module: String, of targets: [String]) -> String? {
        let parts = canonical(module).split(separator: ".")
        return targets.first { target in
            let target = canonical(target)
            guard !target.isEmpty else { return false }
            return (1...max(1, parts.count)).contains {
                parts.prefix($0).joined(separator: ".").hasSuffix(target)
            }
        }
    }
}
