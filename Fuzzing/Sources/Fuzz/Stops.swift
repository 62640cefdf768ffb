import LanguageModels

/// Looks for stop texts in a text, all behind each other with zero bytes between them, the text last: whatever pieces it comes in, the
/// same comes out of it, and it ends before the first stop text.
func scanForStops(_ bytes: UnsafeRawBufferPointer) {
    var parts = bytes.split(separator: 0, maxSplits: 8, omittingEmptySubsequences: false).map(Array.init)
    let text = parts.popLast() ?? [], stops = parts.map { String(decoding: $0, as: UTF8.self) }
    var whole = StopScanner(stops)
    let expected = whole.append(text) + whole.finish()
    for size in [1, 2, 3, 7] {
        var scanner = StopScanner(stops), including = StopScanner(stops, includesStop: true)
        var said: [UInt8] = [], more: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: size) {
            let piece = text[start..<min(start + size, text.count)]
            said += scanner.append(piece)
            more += including.append(piece)
            precondition(expected.starts(with: said), "more came out than may")
        }
        said += scanner.finish()
        more += including.finish()
        precondition(said == expected && scanner.stop == whole.stop, "pieces make a difference")
        precondition(more == expected + Array((whole.stop ?? "").utf8), "the stop text is not included")
    }
    precondition(text.starts(with: expected) && (whole.stop != nil || expected == text), "another text came out")
    for stop in stops where !stop.isEmpty {
        precondition(!expected.contains(Array(stop.utf8)), "a stop text came out")
    }
}

extension [UInt8] {
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: part) }
    }
}
