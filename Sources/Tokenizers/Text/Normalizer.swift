/// What is done to a text before it is cut: the `normalizer` of `tokenizer.json`, a list of steps.
struct Normalizer: Sendable {
    enum Step: Sendable {
        case form(NormalForm)
        case lowercase
        /// Removes white space at the ends.
        case strip(left: Bool, right: Bool)
        case stripAccents
        case replace(TextPattern, content: [UInt8])
        /// In front of any text that is not empty.
        case prepend([UInt8])
        case nmt
        case precompiled(PrecompiledMap)
        case bert(BertCleaning)
        /// Spells each byte as ``ByteAlphabet`` does.
        case byteLevel
    }

    var steps: [Step]
    private static let name = "normalizer"

    /// The normalised text.
    ///
    /// - Parameter beginsText: whether the piece stands at the beginning of the text; made false where the normalised
    ///   piece no longer does, because what stood there was taken away.
    /// - Parameter budget: where it is used up, what is returned is worthless.
    func normalized(
        _ text: UnsafeBufferPointer<UInt8>, beginsText: inout Bool, budget: inout EncodingBudget
    ) -> [UInt8] {
        var current = Array(text)
        for step in steps {
            // A byte takes some nanoseconds in each step.
            guard !current.isEmpty, budget.spend(4 * current.count, on: Self.name) else { break }
            let (next, keepsBeginning) = current.withUnsafeBufferPointer { Self.apply(step, to: $0, budget: &budget) }
            if let next {
                guard !budget.isExhausted, budget.grow(by: next.count - current.count, in: Self.name) else { break }
                current = next
            }
            if !keepsBeginning { beginsText = false }
        }
        return current
    }

    /// Nil in place of the text where the step leaves it as it is.
    private static func apply(
        _ step: Step, to text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget
    ) -> (text: [UInt8]?, keepsBeginning: Bool) {
        switch step {
        case .form(let form): return (form.isInert(text) ? nil : form.normalized(text), true)
        case .lowercase: return (mapped(text) { LetterCase.appendLower($0, to: &$2) }, true)
        case .strip(let left, let right): return stripped(text, left: left, right: right)
        case .stripAccents: return filtered(text) { $1 & CharacterClasses.markBit == 0 }
        case .replace(let pattern, let content): return replaced(text, pattern, content, budget: &budget)
        case .prepend(let prefix): return (prefix + text, true)
        case .nmt: return Nmt.normalized(text)
        case .precompiled(let map): return (map.normalized(text, atMost: text.count + budget.growth), true)
        case .bert(let cleaning): return cleaning.normalized(text)
        case .byteLevel:
            let spellings = ByteAlphabet.spellings
            return (text.flatMap { spellings[Int($0)] }, true)
        }
    }

    /// Each code point, with its ``CharacterClasses``, as `body` writes it.
    @inline(__always)
    static func mapped(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (_ scalar: Int, _ classes: UInt8, _ output: inout [UInt8]) -> Void
    ) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 8)
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            var position = 0
            while position < text.count {
                let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
                body(scalar, classes[scalar], &output)
                position += length
            }
        }
        return output
    }

    /// The code points that `isKept` accepts.
    static func filtered(
        _ text: UnsafeBufferPointer<UInt8>, _ isKept: (_ scalar: Int, _ classes: UInt8) -> Bool
    ) -> (text: [UInt8]?, keepsBeginning: Bool) {
        var keepsBeginning: Bool?
        let output = mapped(text) { scalar, classes, output in
            let isKept = isKept(scalar, classes)
            if keepsBeginning == nil { keepsBeginning = isKept }
            if isKept { output.appendUTF8(scalar) }
        }
        return (output, keepsBeginning ?? true)
    }

    private static func stripped(
        _ text: UnsafeBufferPointer<UInt8>, left: Bool, right: Bool
    ) -> (text: [UInt8]?, keepsBeginning: Bool) {
        func isSpace(_ position: Int) -> (Bool, Int) {
            let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
            return (CharacterClasses.table[scalar] & CharacterClasses.classBits == CharacterClasses.space, length)
        }
        var start = 0
        var end = text.count
        while left, start < end, case let (isSpace, length) = isSpace(start), isSpace { start += length }
        while right, end > start {
            let last = CharacterClasses.start(before: end, of: text)
            guard isSpace(last).0 else { break }
            end = last
        }
        return (Array(text[start..<end]), start == 0)
    }

    private static func replaced(
        _ text: UnsafeBufferPointer<UInt8>, _ pattern: TextPattern, _ content: [UInt8], budget: inout EncodingBudget
    ) -> (text: [UInt8]?, keepsBeginning: Bool) {
        var output: [UInt8] = []
        var end = 0
        var keepsBeginning = true
        let most = text.count + budget.growth
        pattern.forEachMatch(in: text, budget: &budget) { match in
            // Beyond that the text is refused, whatever follows.
            if output.count > most { return }
            if end == 0 { output.reserveCapacity(text.count + text.count / 2) }
            // What replaces several characters counts as standing at the last of them.
            if match.lowerBound == 0 && !match.isEmpty {
                keepsBeginning =
                    !content.isEmpty && CharacterClasses.scalar(at: 0, of: text).length == match.upperBound
            }
            output += text[end..<match.lowerBound]
            output += content
            end = match.upperBound
        }
        if end == 0 && output.isEmpty && keepsBeginning { return (nil, true) }
        output += text[end...]
        return (output, keepsBeginning)
    }
}
