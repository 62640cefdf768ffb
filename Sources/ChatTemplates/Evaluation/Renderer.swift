/// Writes one text by a template: the state of a rendering, within bounds.
final class Renderer {
    let template: String
    let clock: ChatClock
    /// The line of what is being done, for messages.
    var line = 1
    private var steps = 0
    private var depth = 0
    var macroDepth = 0
    /// The text, and within it those that macros and blocks write, which become values.
    private var outputs: [[UInt8]] = [[]]
    /// What assistants say, in bytes of the text.
    var generationRanges: [Range<Int>] = []
    private var owned: [any Clearable] = []
    var scope: Scope

    /// How a list of statements ended.
    enum Flow {
        case end
        case leave
        case next
    }

    init(template: String, clock: ChatClock) {
        self.template = template
        self.clock = clock
        scope = Scope(in: nil)
        for function in GlobalFunction.allCases { scope.set(function.rawValue, .function(function)) }
    }

    /// What has been written of the text itself.
    var text: [UInt8] { outputs[0] }

    /// Lets go of all values one by one: what a template builds may lie deeper than a stack, or refer to itself.
    func clear() {
        for value in owned { value.clear() }
        scope.clear()
        owned = []
    }

    // MARK: Bounds

    func failure(_ reason: String) -> ChatTemplateError {
        .evaluation(template: template, line: line, reason: reason)
    }

    private func limit(_ limit: ChatTemplateError.Limit) -> ChatTemplateError {
        .limit(template: template, line: line, limit)
    }

    func spend(_ count: Int) throws {
        steps += count
        if steps > Bounds.steps { throw limit(.steps(Bounds.steps)) }
    }

    /// Counts the copying, or reading, of a text.
    func spendBytes(_ count: Int) throws { try spend(1 + count / 64) }

    /// Counts looking at each character of a text in Unicode's tables.
    func spendLetters(of text: Text) throws { try spend(1 + text.bytes.count / 4) }

    func checkDepth(_ depth: Int) throws {
        if depth > Bounds.depth { throw limit(.depth(Bounds.depth)) }
    }

    func checkLength(_ count: Int) throws {
        if count > Bounds.output { throw limit(.output(Bounds.output)) }
    }

    /// One more level, of whatever kind.
    func nested<Result>(_ body: () throws -> Result) throws -> Result {
        guard depth < Bounds.nesting else { throw limit(.depth(Bounds.nesting)) }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    // MARK: Values

    func list(_ elements: [Value], isTuple: Bool = false) throws -> Value {
        try spend(1 + elements.count)
        let list = ListValue(elements, isTuple: isTuple)
        owned.append(list)
        return .list(list)
    }

    func dictionary() throws -> DictionaryValue {
        try spend(1)
        let dictionary = DictionaryValue()
        owned.append(dictionary)
        return dictionary
    }

    func namespace() throws -> NamespaceValue {
        try spend(1)
        let namespace = NamespaceValue()
        owned.append(namespace)
        return namespace
    }

    func loop(over elements: [Value]) -> LoopValue {
        let loop = LoopValue(elements)
        owned.append(loop)
        return loop
    }

    func macro(_ definition: MacroDefinition) throws -> Value {
        try spend(1)
        // The scope knows the macro, and the macro the scope.
        owned.append(scope)
        return .macro(MacroValue(definition, scope))
    }

    /// A text that was made; a long one is more work.
    func made(_ text: Text) throws -> Value {
        try checkLength(text.bytes.count)
        try spendBytes(text.bytes.count)
        return .text(text)
    }

    func value(_ value: ChatValue, depth: Int = 1) throws -> Value {
        try checkDepth(depth)
        switch value {
        case .null: return .none
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .double(let value): return .double(value)
        case .string(let text): return .text(Text(text))
        case .array(let elements): return try list(elements.map { try self.value($0, depth: depth + 1) })
        case .object(let members):
            let dictionary = try dictionary()
            for member in members {
                try spend(1)
                dictionary[.text(Text(member.name))] = try self.value(member.value, depth: depth + 1)
            }
            return .dictionary(dictionary)
        }
    }

    // MARK: Output

    func write(_ text: Text) throws {
        try spendBytes(text.bytes.count)
        outputs[outputs.count - 1] += text.bytes
        try checkLength(outputs[outputs.count - 1].count)
    }

    /// What is written meanwhile, as a value of its own.
    func captured(_ body: () throws -> Void) throws -> Text {
        outputs.append([])
        do { try body() } catch {
            outputs.removeLast()
            throw error
        }
        return Text(outputs.removeLast())
    }

    /// Runs with a scope of its own.
    func scoped<Result>(_ inner: Scope, _ body: () throws -> Result) rethrows -> Result {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try body()
    }
}
