extension Renderer {
    func call(_ value: Value, _ given: Given) throws -> Value {
        switch value {
        case .macro(let macro): return try call(macro, given)
        case .function(let function): return try call(function, given)
        case .method(let method): return try call(method, given)
        case .undefined(let missing): throw failure(missing.sentence)
        default: throw failure("a value of type \(value.typeName) cannot be called")
        }
    }

    private func call(_ macro: MacroValue, _ given: Given) throws -> Value {
        let definition = macro.definition, title = "the macro \"\(definition.name)\""
        try check(given, title, names: definition.parameters.map(\.name))
        guard macroDepth < Bounds.depth else {
            throw ChatTemplateError.limit(template: template, line: line, .depth(Bounds.depth))
        }
        macroDepth += 1
        defer { macroDepth -= 1 }
        let text = try captured {
            try scoped(Scope(in: macro.scope)) {
                for (index, parameter) in definition.parameters.enumerated() {
                    let value = try given[index, parameter.name] ?? parameter.standard.map { try self.value(of: $0) }
                    let missing = Undefined(sentence: "\(title) was called without \"\(parameter.name)\"")
                    scope.set(parameter.name, value ?? .undefined(missing))
                }
                _ = try run(definition.body)
            }
        }
        return try made(text)
    }

    private func call(_ function: GlobalFunction, _ given: Given) throws -> Value {
        switch function {
        case .namespace:
            let namespace = try self.namespace()
            for case .dictionary(let dictionary) in given.positional {
                try spend(dictionary.count)
                for case (.text(let name), let value) in dictionary.members { namespace.values[name] = value }
            }
            for (name, value) in given.named { namespace.values[Text(name)] = value }
            return .namespace(namespace)
        case .dict:
            let dictionary = try self.dictionary()
            for value in given.positional {
                guard case .dictionary(let other) = value else { throw failure("\"dict\" takes an object") }
                try spend(other.count)
                for (key, value) in other.members { dictionary[key] = value }
            }
            for name in given.order { dictionary[.text(Text(name))] = given.named[name] }
            return .dictionary(dictionary)
        case .range: return try range(given)
        case .raiseException:
            try check(given, "\"raise_exception\"", names: ["message"], needed: 1)
            let message = try text(given[0, "message"] ?? .none)
            throw ChatTemplateError.raised(template: template, line: line, message: message.string)
        case .strftimeNow:
            try check(given, "\"strftime_now\"", names: ["format"], needed: 1)
            let format = try textValue(given[0, "format"] ?? .none, "the format of \"strftime_now\"")
            guard let text = clock.now().text(format.string) else {
                throw failure("\"strftime_now\" does not know a mark of the format \"\(format.string)\"")
            }
            return try made(Text(text))
        }
    }

    private func range(_ given: Given) throws -> Value {
        try check(given, "\"range\"", names: ["", "", ""])
        let numbers = try given.positional.map { try integer($0, "a bound of \"range\"") }
        guard let first = numbers.first else { throw failure("\"range\" needs an argument") }
        let start = numbers.count > 1 ? first : 0, end = numbers.count > 1 ? numbers[1] : first
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw failure("the step of \"range\" is 0") }
        // In doubles, which do not overflow.
        let count = ((Double(end) - Double(start)) / Double(step)).rounded(.up)
        guard count <= Double(Bounds.range) else { throw failure("a range has more than \(Bounds.range) elements") }
        return try list(stride(from: start, to: end, by: step).map(Value.integer))
    }
}

/// What every template can call.
enum GlobalFunction: String, CaseIterable, Sendable {
    case namespace
    case dict
    case range
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}
