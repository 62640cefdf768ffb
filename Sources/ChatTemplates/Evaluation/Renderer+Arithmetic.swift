#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension Renderer {
    func calculate(_ a: Value, _ operation: Operation, _ b: Value) throws -> Value {
        for case .undefined(let missing) in [a, b] { throw failure(missing.sentence) }
        switch (a, operation, b) {
        case (.text(let a), .add, .text(let b)):
            try checkLength(a.bytes.count + b.bytes.count)
            return try made(a + b)
        case (.list(let a), .add, .list(let b)) where a.isTuple == b.isTuple:
            return try list(a.elements + b.elements, isTuple: a.isTuple)
        case (.text(let text), .multiply, _):
            if let count = b.integer { return try repeated(text, count) }
        case (_, .multiply, .text(let text)):
            if let count = a.integer { return try repeated(text, count) }
        case (.list(let elements), .multiply, _):
            if let count = b.integer { return try repeated(elements, count) }
        case (_, .multiply, .list(let elements)):
            if let count = a.integer { return try repeated(elements, count) }
        case (.text(let text), .remainder, _): return try made(filledIn(text, with: b))
        default: break
        }
        if let a = a.integer, let b = b.integer { return try calculate(a, operation, b) }
        guard let x = a.number, let y = b.number else {
            throw failure("\"\(operation.rawValue)\" is not for values of types \(a.typeName) and \(b.typeName)")
        }
        return .double(try calculate(x, operation, y))
    }

    private func repeated(_ text: Text, _ count: Int) throws -> Value {
        let (bytes, isTooMuch) = text.bytes.count.multipliedReportingOverflow(by: max(count, 0))
        try checkLength(isTooMuch ? .max : bytes)
        return try made(Text(Array(repeating: text.bytes, count: bytes == 0 ? 0 : count).joined()))
    }

    private func repeated(_ list: ListValue, _ count: Int) throws -> Value {
        let (elements, isTooMuch) = list.elements.count.multipliedReportingOverflow(by: max(count, 0))
        try spend(isTooMuch ? Bounds.steps + 1 : min(elements, Bounds.steps + 1))
        return try self.list(
            Array(Array(repeating: list.elements, count: elements == 0 ? 0 : count).joined()), isTuple: list.isTuple)
    }

    private func calculate(_ a: Int, _ operation: Operation, _ b: Int) throws -> Value {
        let (result, isTooMuch): (Int, Bool)
        switch operation {
        case .add: (result, isTooMuch) = a.addingReportingOverflow(b)
        case .subtract: (result, isTooMuch) = a.subtractingReportingOverflow(b)
        case .multiply: (result, isTooMuch) = a.multipliedReportingOverflow(by: b)
        case .divide: return .double(try calculate(Double(a), .divide, Double(b)))
        case .floorDivide, .remainder:
            guard b != 0 else { throw failure("a number is divided by 0") }
            guard a != .min || b != -1 else {
                if operation == .remainder { return .integer(0) }
                throw failure("a number is beyond 64 bits")
            }
            let (quotient, rest) = a.quotientAndRemainder(dividingBy: b), isBelow = rest != 0 && (rest < 0) != (b < 0)
            if operation == .floorDivide { return .integer(isBelow ? quotient - 1 : quotient) }
            return .integer(isBelow ? rest + b : rest)
        case .power:
            guard b >= 0 else { return .double(try calculate(Double(a), .power, Double(b))) }
            var power = 1, isOver = false
            for _ in 0..<min(b, (-1...1).contains(a) ? 2 - b % 2 : 64) where !isOver {
                (power, isOver) = power.multipliedReportingOverflow(by: a)
            }
            (result, isTooMuch) = (power, isOver || (b > 64 && !(-1...1).contains(a)))
        }
        guard !isTooMuch else { throw failure("a number is beyond 64 bits") }
        return .integer(result)
    }

    private func calculate(_ a: Double, _ operation: Operation, _ b: Double) throws -> Double {
        switch operation {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .power: return pow(a, b)
        case .divide, .floorDivide, .remainder:
            guard b != 0 else { throw failure("a number is divided by 0") }
            if operation == .divide { return a / b }
            let rest = fmod(a, b), remainder = rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
            return operation == .remainder ? remainder : ((a - remainder) / b).rounded()
        }
    }

    /// `%` of a text: `%s`, `%d`, `%%`.
    func filledIn(_ text: Text, with value: Value) throws -> Text {
        var given: [Value] = [value]
        if case .list(let list) = value, list.isTuple { given = list.elements }
        var result: [UInt8] = [], used = 0, index = 0
        while index < text.bytes.count {
            let byte = text.bytes[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            let mark = index < text.bytes.count ? text.bytes[index] : 0
            index += 1
            if mark == UInt8(ascii: "%") {
                result.append(mark)
                continue
            }
            guard used < given.count else { throw failure("there are fewer values than places in the text") }
            switch mark {
            case UInt8(ascii: "s"): result += try self.text(given[used]).bytes
            case UInt8(ascii: "d"):
                let number = given[used]
                guard let value = number.integer ?? number.number.flatMap({ Int(exactly: $0.rounded(.towardZero)) })
                else {
                    throw failure("%d is given a value of type \(number.typeName)")
                }
                result += String(value).utf8
            default: throw failure("of formats with \"%\" only %s and %d are known")
            }
            used += 1
            try checkLength(result.count)
        }
        guard used == given.count else { throw failure("there are more values than places in the text") }
        return Text(result)
    }
}
