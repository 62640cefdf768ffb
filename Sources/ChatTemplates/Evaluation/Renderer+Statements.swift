extension Renderer {
    func run(_ statements: [Statement]) throws -> Flow {
        for statement in statements {
            let flow = try nested { try run(statement) }
            if flow != .end { return flow }
        }
        return .end
    }

    private func run(_ statement: Statement) throws -> Flow {
        try spend(1)
        switch statement {
        case .text(let text): try write(text)
        case .print(let expression):
            let value = try value(of: expression)
            line = expression.line
            try write(text(value))
        case .condition(let branches, let otherwise):
            for branch in branches where try value(of: branch.test).isTrue { return try run(branch.body) }
            return try run(otherwise)
        case .loop(let loop): return try run(loop)
        case .set(let target, let expression, let line):
            let value = try value(of: expression)
            self.line = line
            try assign(value, to: target)
        case .setBlock(let target, let filters, let body, let line):
            let (text, flow) = try text(of: body)
            guard flow == .end else { return flow }
            let value = try filtered(.text(text), by: filters)
            self.line = line
            try assign(value, to: target)
        case .macro(let definition): scope.set(definition.name, try macro(definition))
        case .filter(let filters, let body, let line):
            let (text, flow) = try text(of: body)
            let value = try filtered(.text(text), by: filters)
            self.line = line
            try write(self.text(value))
            return flow
        case .generation(let body, let line): try generate(body, line: line)
        case .leave: return .leave
        case .next: return .next
        }
        return .end
    }

    /// What statements write, in a scope of their own.
    private func text(of body: [Statement]) throws -> (Text, Flow) {
        var flow = Flow.end
        let text = try captured { flow = try scoped(Scope(in: scope)) { try run(body) } }
        return (text, flow)
    }

    /// Writes a body and records where it stands. `transformers` takes for the beginning what has been written of the whole text,
    /// also where the block stands in a macro: the same here.
    private func generate(_ body: [Statement], line: Int) throws {
        let (text, _) = try text(of: body)
        let start = self.text.count
        generationRanges.append(start..<(start + text.bytes.count))
        self.line = line
        try write(text)
    }

    private func filtered(_ value: Value, by filters: [FilterCall]) throws -> Value {
        var value = value
        for filter in filters { value = try apply(filter, to: value) }
        return value
    }

    // MARK: Loops

    private func run(_ loop: Statement.Loop) throws -> Flow {
        let sequence = try value(of: loop.sequence)
        line = loop.line
        var elements = try self.elements(of: sequence)
        if let condition = loop.condition {
            elements = try elements.filter { element in
                try scoped(Scope(in: scope)) {
                    try assign(element, to: loop.target)
                    return try value(of: condition).isTrue
                }
            }
        }
        guard !elements.isEmpty else {
            return try scoped(Scope(in: scope)) { try run(loop.otherwise) }
        }
        let state = self.loop(over: elements), outer = scope
        for (index, element) in elements.enumerated() {
            state.index = index
            // What is set in a loop is forgotten by its next turn.
            let flow = try scoped(Scope(in: outer)) {
                try spend(1)
                scope.set("loop", .loop(state))
                line = loop.line
                try assign(element, to: loop.target)
                return try run(loop.body)
            }
            if flow == .leave { break }
        }
        return .end
    }

    func assign(_ value: Value, to target: Target) throws {
        switch target {
        case .name(let name): scope.set(name, value)
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw failure("\"\(name).\(attribute.string)\" is set, but \"\(name)\" is no namespace")
            }
            namespace.values[attribute] = value
        case .tuple(let targets):
            let parts = try elements(of: value)
            guard parts.count == targets.count else {
                throw failure("\(parts.count) values are given to \(targets.count) names")
            }
            for (part, target) in zip(parts, targets) { try assign(part, to: target) }
        }
    }
}
