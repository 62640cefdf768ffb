/// Runs a ``DecoderChain`` over tokens one at a time; decoding at once is the same thing, with all tokens in a row.
struct DecoderStream: DecodingStream {
    /// What a step holds back.
    private struct State {
        /// Whether the step's input is one long token, of which each call brings a part.
        let isFused: Bool
        var isFirst = true
        var buffer = UTF8Buffer()
        var held: [UInt8] = []
        /// How many characters may still be stripped from the beginning.
        var strippable = 0
    }

    private let core: TokenizerCore
    private let steps: [DecoderChain.Step]
    private var states: [State] = []
    /// Of the text so far.
    private var budget = EncodingBudget(length: 0)

    init(_ core: TokenizerCore) {
        self.core = core
        steps = core.decoder.steps
        reset()
    }

    private mutating func reset() {
        var isFused = false
        budget = EncodingBudget(length: 0)
        states.removeAll(keepingCapacity: true)
        for step in steps {
            var state = State(isFused: isFused)
            if case .strip(_, let start, _) = step { state.strippable = start }
            states.append(state)
            switch step {
            case .byteLevel, .fuse: isFused = true
            default: break
            }
        }
    }

    mutating func append(_ identifier: Int32, to text: inout [UInt8]) {
        guard let token = core.decodedSpelling(of: identifier) else { return }
        budget.extend(by: token.count)
        push(token, into: 0, &text)
    }

    mutating func finish(to text: inout [UInt8]) {
        for index in steps.indices { flush(index, &text) }
        reset()
    }

    /// Gives a token, or the next part of the one long token, to a step, and what comes out to the next.
    private mutating func push(_ token: [UInt8], into index: Int, _ text: inout [UInt8]) {
        guard index < steps.count else {
            text += token
            return
        }
        let isFirst = states[index].isFirst
        let isFused = states[index].isFused
        states[index].isFirst = false
        switch steps[index] {
        case .fuse: push(token, into: index + 1, &text)
        case .join:
            if !isFirst && !isFused { push([0x20], into: index + 1, &text) }
            push(token, into: index + 1, &text)
        case .metaspace(let mark, let stripsFirst):
            let blank: [UInt8] = stripsFirst && (isFirst || isFused) ? [] : [0x20]
            push(token.replacing(mark, with: blank), into: index + 1, &text)
        case .byteLevel where !isFused:
            states[index].buffer.append(ByteAlphabet.bytes(spelledBy: token) ?? token)
            var complete: [UInt8] = []
            states[index].buffer.takeComplete(to: &complete)
            if !complete.isEmpty { push(complete, into: index + 1, &text) }
        case .byteFallback where !isFused:
            if let byte = DecoderChain.fallbackByte(token) {
                states[index].held.append(byte)
            } else {
                releaseBytes(index, &text)
                push(token, into: index + 1, &text)
            }
        case .strip(let content, let start, let stop):
            if isFused {
                strip(token, content, stop: stop, at: index, &text)
            } else {
                push(DecoderChain.stripped(token, content, start: start, stop: stop), into: index + 1, &text)
            }
        case .replace(let pattern, let content) where !isFused:
            let replaced = DecoderChain.replaced(token, pattern, content, budget: &budget)
            push(replaced, into: index + 1, &text)
        case .wordPiece(let prefix, let cleansUp) where !isFused:
            push(DecoderChain.wordPiece(token, prefix, cleansUp, isFirst: isFirst), into: index + 1, &text)
        case .suffix(let suffix) where !isFused:
            if !isFirst { push(states[index].held.replacing(suffix, with: [0x20]), into: index + 1, &text) }
            states[index].held = token
        // Over one long token these depend on its end.
        case .byteLevel, .byteFallback, .replace, .wordPiece, .suffix: states[index].held += token
        }
    }

    /// Strips the ends of one long token.
    private mutating func strip(
        _ part: [UInt8], _ content: [UInt8], stop: Int, at index: Int, _ text: inout [UInt8]
    ) {
        var rest = part[...]
        while states[index].strippable > 0 && !rest.isEmpty {
            if rest.starts(with: content) {
                rest = rest.dropFirst(content.count)
                states[index].strippable -= 1
            } else {
                states[index].strippable = 0
            }
        }
        var whole = states[index].held + rest
        var kept = 0
        while kept < stop, whole.dropLast(kept * content.count).suffix(content.count).elementsEqual(content) {
            kept += 1
        }
        states[index].held = Array(whole.suffix(kept * content.count))
        whole.removeLast(kept * content.count)
        if !whole.isEmpty { push(whole, into: index + 1, &text) }
    }

    /// Bytes in a row are text where they are UTF-8; else each is U+FFFD.
    private mutating func releaseBytes(_ index: Int, _ text: inout [UInt8]) {
        let bytes = states[index].held
        guard !bytes.isEmpty else { return }
        states[index].held = []
        if String(validating: bytes, as: UTF8.self) != nil {
            push(bytes, into: index + 1, &text)
        } else {
            for _ in bytes { push([0xEF, 0xBF, 0xBD], into: index + 1, &text) }
        }
    }

    /// Gives on what a step holds back at the end.
    private mutating func flush(_ index: Int, _ text: inout [UInt8]) {
        let state = states[index]
        var rest: [UInt8] = []
        switch steps[index] {
        case .byteLevel:
            if state.isFused {
                rest = ByteAlphabet.bytes(spelledBy: state.held) ?? state.held
                rest = Array(String(decoding: rest, as: UTF8.self).utf8)
            } else {
                states[index].buffer.takeAll(to: &rest)
            }
        case .byteFallback:
            if !state.isFused { return releaseBytes(index, &text) }
            let byte = DecoderChain.fallbackByte(state.held)
            rest = byte.map { Array(String(decoding: [$0], as: UTF8.self).utf8) } ?? state.held
        case .replace(let pattern, let content):
            rest = DecoderChain.replaced(state.held, pattern, content, budget: &budget)
        case .wordPiece(let prefix, let cleansUp):
            rest = DecoderChain.wordPiece(state.held, prefix, cleansUp, isFirst: true)
        case .suffix(let suffix): rest = state.held.replacing(suffix, with: [])
        case .fuse, .join, .metaspace, .strip: break
        }
        if !rest.isEmpty { push(rest, into: index + 1, &text) }
    }
}
