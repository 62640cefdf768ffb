/// A value while a template is rendered. Lists, objects and namespaces are references, as in Python.
enum Value {
    case undefined(Undefined)
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case text(Text)
    case list(ListValue)
    case dictionary(DictionaryValue)
    case namespace(NamespaceValue)
    case loop(LoopValue)
    case macro(MacroValue)
    case function(GlobalFunction)
    case method(MethodValue)
}

/// What is not there: written, it is nothing; used, it is an error.
struct Undefined {
    /// What is missing.
    let sentence: String
}

/// What a renderer empties when it is done, so that values that refer to themselves, or lie a million deep, are let go of one by one.
protocol Clearable: AnyObject { func clear() }

final class ListValue: Clearable {
    var elements: [Value]
    let isTuple: Bool

    init(_ elements: [Value], isTuple: Bool) {
        self.elements = elements
        self.isTuple = isTuple
    }

    func clear() { elements = [] }
}

final class DictionaryValue: Clearable {
    private(set) var keys: [Key] = []
    private var values: [Key: Value] = [:]

    /// What Python can look up and JSON can write.
    enum Key: Hashable {
        case text(Text)
        case integer(Int)

        var value: Value {
            switch self {
            case .text(let text): .text(text)
            case .integer(let number): .integer(number)
            }
        }
    }

    subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
            } else if values.removeValue(forKey: key) != nil {
                keys.removeAll { $0 == key }
            }
        }
    }

    var count: Int { keys.count }
    var members: [(key: Key, value: Value)] { keys.compactMap { key in values[key].map { (key, $0) } } }

    func clear() {
        keys = []
        values = [:]
    }
}

/// What `namespace()` makes: values that an inner scope can change.
final class NamespaceValue: Clearable {
    var values: [Text: Value] = [:]
    func clear() { values = [:] }
}

/// What a loop says of itself.
final class LoopValue: Clearable {
    private(set) var elements: [Value]
    var index = 0

    init(_ elements: [Value]) { self.elements = elements }

    func clear() { elements = [] }
}

/// A macro with the scope that it was written in.
final class MacroValue {
    let definition: MacroDefinition
    let scope: Scope

    init(_ definition: MacroDefinition, _ scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}

/// A method that was named and not yet called.
final class MethodValue {
    let receiver: Value
    let name: Text

    init(_ receiver: Value, _ name: Text) {
        self.receiver = receiver
        self.name = name
    }
}

extension Value {
    /// Whether Python takes it for true.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .double(let value): value != 0
        case .text(let text): !text.isEmpty
        case .list(let list): !list.elements.isEmpty
        case .dictionary(let dictionary): dictionary.count > 0
        case .namespace, .loop, .macro, .function, .method: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// What Python calls its type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .double: "float"
        case .text: "str"
        case .list(let list): list.isTuple ? "tuple" : "list"
        case .dictionary: "dict"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .function: "function"
        case .method: "builtin_function_or_method"
        }
    }

    /// The whole number that it is, or that stands for true and false; nil for other values.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    /// The number that it is.
    var number: Double? {
        if case .double(let value) = self { value } else { integer.map(Double.init) }
    }
}
