/// How a text is cut into the words that the model sees: the `pre_tokenizer` of `tokenizer.json`.
struct PreTokenizer: Sendable {
    enum Step: Sendable {
        case prefixSpaces
        /// Spells bytes as ``ByteAlphabet`` does.
        case spelling
        case split(TextPattern, SplitBehavior, inverted: Bool)
        case metaspace(Metaspace)
    }

    /// The usual lists of steps need no buffers in between.
    private enum Plan {
        case whole
        case words(WordScanner.Pattern, addsPrefixSpace: Bool)
        case steps([Step])
    }

    private let plan: Plan
    private static let name = "pre_tokenizer"
    /// As stored, written back unchanged.
    let document: JSONValue

    init(_ steps: [Step], document: JSONValue) {
        self.document = document
        switch (steps.count, steps.first, steps.last) {
        case (0, _, _): plan = .whole
        case (1, .split(.words(let pattern), .isolated, false), _):
            plan = .words(pattern, addsPrefixSpace: false)
        case (2, .prefixSpaces, .split(.words(let pattern), .isolated, false)):
            plan = .words(pattern, addsPrefixSpace: true)
        default: plan = .steps(steps)
        }
    }

    /// GPT-2's, for a model whose units are bytes.
    static func byteLevel(addsPrefixSpace: Bool) -> PreTokenizer {
        let split = Step.split(.words(.gpt2), .isolated, inverted: false)
        return PreTokenizer(
            addsPrefixSpace ? [.prefixSpaces, split] : [split],
            document: ByteLevel.document(addsPrefixSpace: addsPrefixSpace, usesPattern: true))
    }

    /// Calls `body` with each word of a text that is not empty.
    ///
    /// - Parameter beginsText: whether it stands at the beginning of all the text that is encoded.
    @inline(__always)
    func forEachWord(
        in text: UnsafeBufferPointer<UInt8>, beginsText: Bool, budget: inout EncodingBudget,
        _ body: (UnsafeBufferPointer<UInt8>, inout EncodingBudget) -> Void
    ) {
        switch plan {
        case .whole: body(text, &budget)
        case .words(let pattern, let addsPrefixSpace):
            if addsPrefixSpace && text[0] != 0x20 {
                ([0x20] + text).withUnsafeBufferPointer {
                    Self.forEachWord(of: pattern, in: $0, budget: &budget, body)
                }
            } else {
                Self.forEachWord(of: pattern, in: text, budget: &budget, body)
            }
        case .steps(let steps):
            var buffer = PieceBuffer(text, beginsText: beginsText)
            for step in steps {
                let before = buffer.bytes.count
                // A byte takes some nanoseconds in each step, a piece some ten.
                guard budget.spend(4 * (before + 4 * buffer.pieces.count), on: Self.name) else { return }
                switch step {
                case .prefixSpaces: buffer.addPrefixSpaces()
                case .spelling: buffer.spellBytes()
                case .split(let pattern, let behavior, let inverted):
                    buffer.split(at: pattern, behavior, inverted: inverted, budget: &budget)
                case .metaspace(let metaspace): buffer.markSpaces(with: metaspace)
                }
                guard !budget.isExhausted, budget.grow(by: buffer.bytes.count - before, in: Self.name) else { return }
            }
            buffer.bytes.withUnsafeBufferPointer { bytes in
                for piece in buffer.pieces { body(UnsafeBufferPointer(rebasing: bytes[piece]), &budget) }
            }
        }
    }

    @inline(__always)
    private static func forEachWord(
        of pattern: WordScanner.Pattern, in text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget,
        _ body: (UnsafeBufferPointer<UInt8>, inout EncodingBudget) -> Void
    ) {
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            let scanner = WordScanner(text: text, classes: classes, pattern: pattern)
            var start = 0
            while start < text.count {
                let end = scanner.end(ofWordAt: start)
                body(UnsafeBufferPointer(rebasing: text[start..<end]), &budget)
                start = end
            }
        }
    }
}
