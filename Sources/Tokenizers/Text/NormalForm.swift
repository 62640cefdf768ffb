/// Unicode's normal forms (UAX #15), over the version of Unicode that Hugging Face's tokenizers have built in.
///
/// Foundation's follow the platform's Unicode: they take apart characters that the library, and so every model trained
/// with it, leaves whole.
struct NormalForm: Sendable, Equatable {
    /// Whether characters are put together again (NFC, NFKC).
    let composes: Bool
    /// Whether compatibility characters are replaced (NFKC, NFKD).
    let isCompatible: Bool

    static let nfc = NormalForm(composes: true, isCompatible: false)
    static let nfd = NormalForm(composes: false, isCompatible: false)
    static let nfkc = NormalForm(composes: true, isCompatible: true)
    static let nfkd = NormalForm(composes: false, isCompatible: true)

    /// Whether the text is left as it is for sure: characters that no form changes or moves. May be false for others.
    func isInert(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        Self.properties(of: self).withUnsafeBufferPointer { properties in
            var position = 0
            while position < text.count {
                if text[position] < 0x80 {
                    position += 1
                    continue
                }
                let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
                if properties[scalar] != 0 { return false }
                position += length
            }
            return true
        }
    }

    /// The normal form of valid UTF-8.
    func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 8)
        var segment = Segment()
        Self.properties(of: self).withUnsafeBufferPointer { properties in
            var position = 0
            while position < text.count {
                let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
                position += length
                // What stands before a character without properties can no longer change.
                if properties[scalar] == 0 { flush(&segment, to: &output) }
                decompose(scalar, into: &segment)
            }
        }
        flush(&segment, to: &output)
        return output
    }

    /// Characters whose order and composition are still open.
    private struct Segment {
        var scalars: [Int32] = []
        var classes: [UInt8] = []

        var isSorted = true

        mutating func append(_ scalar: Int) {
            let combiningClass = NormalForm.combiningClass(of: scalar)
            if combiningClass > 0, let last = classes.last, last > combiningClass { isSorted = false }
            scalars.append(Int32(truncatingIfNeeded: scalar))
            classes.append(combiningClass)
        }

        /// Sorts each run of marks by class; those of one class keep their order.
        mutating func sortMarks() {
            guard !isSorted else { return }
            isSorted = true
            var start = 0
            while start < classes.count {
                var end = start
                while end < classes.count && classes[end] > 0 { end += 1 }
                if end - start > 1 {
                    let order = (start..<end).map { UInt64(classes[$0]) << 32 | UInt64($0) }.sorted()
                    let marks = order.map { scalars[Int($0 & 0xFFFF_FFFF)] }
                    scalars.replaceSubrange(start..<end, with: marks)
                    classes.replaceSubrange(start..<end, with: order.map { UInt8(truncatingIfNeeded: $0 >> 32) })
                }
                start = end + 1
            }
        }
    }

    private func decompose(_ scalar: Int, into segment: inout Segment) {
        if let syllable = Hangul(scalar) {
            for part in syllable.parts { segment.append(part) }
            return
        }
        let tables = Self.tables
        var start = isCompatible ? Int(tables.compatibility[scalar]) : 0
        if start == 0 { start = Int(tables.canonical[scalar]) }
        if start == 0 { return segment.append(scalar) }
        for part in tables.parts[start + 1...start + Int(tables.parts[start])] { segment.append(Int(part)) }
    }

    private func flush(_ segment: inout Segment, to output: inout [UInt8]) {
        segment.sortMarks()
        if composes && segment.scalars.count > 1 { compose(&segment) }
        for scalar in segment.scalars { output.appendUTF8(Int(scalar)) }
        segment.scalars.removeAll(keepingCapacity: true)
        segment.classes.removeAll(keepingCapacity: true)
    }

    /// The canonical composition algorithm: each mark not blocked from the last starter joins it where a pair is listed.
    private func compose(_ segment: inout Segment) {
        var kept = 0
        var starter = -1
        for index in segment.scalars.indices {
            let scalar = segment.scalars[index]
            let combiningClass = segment.classes[index]
            if starter >= 0 {
                let isAdjacent = starter == kept - 1
                let isBlocked = !isAdjacent && (segment.classes[kept - 1] >= combiningClass)
                if !isBlocked, let joined = Self.composition(Int(segment.scalars[starter]), Int(scalar)) {
                    segment.scalars[starter] = Int32(truncatingIfNeeded: joined)
                    continue
                }
            }
            segment.scalars[kept] = scalar
            segment.classes[kept] = combiningClass
            if combiningClass == 0 { starter = kept }
            kept += 1
        }
        segment.scalars.removeLast(segment.scalars.count - kept)
        segment.classes.removeLast(segment.classes.count - kept)
    }
}
