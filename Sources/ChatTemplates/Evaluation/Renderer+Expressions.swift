extension Renderer {
    func value(of expression: Expression) throws -> Value {
        try spend(1)
        return try nested { try unboundedValue(of: expression) }
    }

    private func unboundedValue(of expression: Expression) throws -> Value {
        switch expression.kind {
        case .literal(let literal): return Value(literal)
        case .name(let name): return scope[name] ?? .undefined(Undefined(sentence: "\"\(name)\" is undefined"))
        case .list(let elements): return try list(elements.map(value))
        case .tuple(let elements): return try list(elements.map(value), isTuple: true)
        case .dictionary(let members): return try dictionary(members, line: expression.line)
        case .chain(let base, let links): return try value(of: base, links)
        case .arithmetic(let first, let rest):
            var result = try value(of: first)
            for (operation, operand) in rest {
                let operand = try value(of: operand)
                line = expression.line
                result = try calculate(result, operation, operand)
            }
            return result
        case .concatenation(let parts):
            var text: [UInt8] = []
            for part in parts {
                text += try self.text(value(of: part)).bytes
                try checkLength(text.count)
            }
            return try made(Text(text))
        case .comparison(let first, let rest):
            var left = try value(of: first)
            for (relation, operand) in rest {
                let right = try value(of: operand)
                line = expression.line
                guard try holds(relation, left, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        case .and(let parts): return try firstValue(of: parts) { !$0.isTrue }
        case .or(let parts): return try firstValue(of: parts) { $0.isTrue }
        case .not(let operand): return .bool(!(try value(of: operand).isTrue))
        case .negative(let operand): return try negated(value(of: operand), line: expression.line)
        case .positive(let operand):
            let value = try value(of: operand)
            line = expression.line
            guard let number = value.integer else {
                guard case .double = value else { throw failure("a value of type \(value.typeName) has no sign") }
                return value
            }
            return .integer(number)
        case .conditional(let branches, let otherwise):
            for branch in branches where try value(of: branch.condition).isTrue { return try value(of: branch.value) }
            guard let otherwise else {
                return .undefined(Undefined(sentence: "the condition is false, and there is no \"else\""))
            }
            return try value(of: otherwise)
        }
    }

    /// The first that settles a chain of `and` or `or`, else the last.
    private func firstValue(of parts: [Expression], settles: (Value) -> Bool) throws -> Value {
        var last = Value.none
        for part in parts {
            last = try value(of: part)
            if settles(last) { break }
        }
        return last
    }

    private func dictionary(_ members: [(key: Expression, value: Expression)], line: Int) throws -> Value {
        let dictionary = try dictionary()
        for member in members {
            let name = try value(of: member.key)
            self.line = line
            guard let key = key(name) else { throw failure("a value of type \(name.typeName) cannot be a key") }
            dictionary[key] = try value(of: member.value)
        }
        return .dictionary(dictionary)
    }

    private func negated(_ value: Value, line: Int) throws -> Value {
        self.line = line
        if let number = value.integer {
            guard number != .min else { throw failure("a number is beyond 64 bits") }
            return .integer(-number)
        }
        if case .double(let number) = value { return .double(-number) }
        if case .undefined(let missing) = value { throw failure(missing.sentence) }
        throw failure("a value of type \(value.typeName) has no sign")
    }

    // MARK: Chains

    private func value(of base: Expression, _ links: [Link]) throws -> Value {
        var value = try value(of: base)
        for link in links {
            try spend(1)
            line = link.line
            switch link.kind {
            case .attribute(let name): value = try attribute(name, of: value)
            case .element(let index):
                let index = try self.value(of: index)
                line = link.line
                value = try element(index, of: value)
            case .slice(let from, let to, let step):
                let bounds = try [from, to, step].map { try $0.map(self.value) }
                line = link.line
                value = try slice(value, bounds)
            case .call(let arguments):
                let given = try self.given(arguments)
                line = link.line
                value = try call(value, given)
            case .filter(let filter): value = try apply(filter, to: value)
            case .test(let name, let arguments, let isNegated):
                let given = try self.given(arguments)
                line = link.line
                value = .bool(try test(name, value, given) != isNegated)
            }
        }
        return value
    }

    func given(_ arguments: Arguments) throws -> Given {
        var given = Given()
        given.positional = try arguments.positional.map(value)
        for argument in arguments.named {
            guard given.named[argument.name] == nil else { throw failure("\"\(argument.name)\" is given twice") }
            given.named[argument.name] = try value(of: argument.value)
            given.order.append(argument.name)
        }
        return given
    }

    func apply(_ filter: FilterCall, to value: Value) throws -> Value {
        let given = try given(filter.arguments)
        line = filter.line
        return try self.filter(filter.name, value, given)
    }

    func filter(_ name: String, _ value: Value, _ given: Given) throws -> Value {
        guard let apply = Filters.table[name] else { throw failure("the filter \"\(name)\" is not known") }
        try spend(1)
        return try apply(self, value, given)
    }

    func test(_ name: String, _ value: Value, _ given: Given) throws -> Bool {
        guard let test = Tests.table[name] else { throw failure("the test \"\(name)\" is not known") }
        try spend(1)
        return try test(self, value, given)
    }
}

extension Value {
    init(_ literal: Literal) {
        switch literal {
        case .none: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .text(let text): self = .text(text)
        }
    }
}
