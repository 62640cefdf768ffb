extension Renderer {
    /// `value.name`: a method or what a loop or namespace says; of an object also a member of that name.
    func attribute(_ name: Text, of value: Value) throws -> Value {
        switch value {
        case .undefined(let missing): throw failure(missing.sentence)
        case .dictionary(let dictionary):
            if Methods.dictionary.contains(name) { return .method(MethodValue(value, name)) }
            if let member = dictionary[.text(name)] { return member }
        case .text where Methods.text.contains(name): return .method(MethodValue(value, name))
        case .list where Methods.list.contains(name): return .method(MethodValue(value, name))
        case .namespace(let namespace):
            if let member = namespace.values[name] { return member }
        case .loop(let loop):
            if let fact = try fact(name, of: loop) { return fact }
            if name == "cycle" { return .method(MethodValue(value, name)) }
        case .macro(let macro) where name == "name": return .text(Text(macro.definition.name))
        default: break
        }
        return missing(name.string, of: value)
    }

    private func missing(_ name: String, of value: Value) -> Value {
        .undefined(Undefined(sentence: "a value of type \(value.typeName) has no \"\(name)\""))
    }

    private func fact(_ name: Text, of loop: LoopValue) throws -> Value? {
        let index = loop.index, count = loop.elements.count
        switch name.string {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "previtem":
            return index > 0 ? loop.elements[index - 1] : .undefined(Undefined(sentence: "there is no previous item"))
        case "nextitem":
            return index + 1 < count
                ? loop.elements[index + 1] : .undefined(Undefined(sentence: "there is no next item"))
        default: return nil
        }
    }

    /// `value[index]`: undefined where nothing is there.
    func element(_ index: Value, of value: Value) throws -> Value {
        switch value {
        case .undefined(let missing): throw failure(missing.sentence)
        case .dictionary(let dictionary):
            if let key = key(index), let member = dictionary[key] { return member }
        case .list(let list):
            if let number = index.integer {
                let place = number < 0 ? number + list.elements.count : number
                if list.elements.indices.contains(place) { return list.elements[place] }
            }
        case .text(let text):
            if let number = index.integer {
                try spendBytes(text.bytes.count)
                let boundaries = text.boundaries, count = boundaries.count - 1
                let place = number < 0 ? number + count : number
                if (0..<count).contains(place) {
                    return .text(Text(text.bytes[boundaries[place]..<boundaries[place + 1]]))
                }
            }
        default: break
        }
        if case .text(let name) = index { return try attribute(name, of: value) }
        return missing(try text(index).string, of: value)
    }

    /// `value[from:to:step]`, as Python counts.
    func slice(_ value: Value, _ bounds: [Value?]) throws -> Value {
        func bound(_ index: Int) throws -> Int? {
            guard let value = bounds[index] else { return nil }
            if case .none = value { return nil }
            return try integer(value, "the bound of a slice")
        }
        let step = try bound(2) ?? 1
        guard step != 0 else { throw failure("the step of a slice is 0") }
        switch value {
        case .undefined(let missing): throw failure(missing.sentence)
        case .list(let list):
            let picked = indices(list.elements.count, try bound(0), try bound(1), step)
            return try self.list(picked.map { list.elements[$0] }, isTuple: list.isTuple)
        case .text(let text):
            try spendBytes(text.bytes.count)
            let boundaries = text.boundaries
            let picked = indices(boundaries.count - 1, try bound(0), try bound(1), step)
            if step == 1, let first = picked.first, let last = picked.last {
                return try made(Text(text.bytes[boundaries[first]..<boundaries[last + 1]]))
            }
            return try made(Text(picked.flatMap { text.bytes[boundaries[$0]..<boundaries[$0 + 1]] }))
        default: throw failure("a value of type \(value.typeName) cannot be sliced")
        }
    }

    private func indices(_ count: Int, _ from: Int?, _ to: Int?, _ step: Int) -> [Int] {
        func place(_ index: Int?, standard: Int) -> Int {
            guard let index else { return standard }
            let low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1
            return min(max(index < 0 ? index.addingReportingOverflow(count).partialValue : index, low), high)
        }
        let start = place(from, standard: step > 0 ? 0 : count - 1), end = place(to, standard: step > 0 ? count : -1)
        // A step beyond the elements takes one; the bound keeps the sum within integers.
        return Array(stride(from: start, to: end, by: min(max(step, -count - 1), count + 1)))
    }
}
