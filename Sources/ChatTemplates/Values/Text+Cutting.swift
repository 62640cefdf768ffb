extension Text {
    /// Cut at white space, which is dropped; Python's `split()`.
    ///
    /// - Parameter most: Cuts; what is left is the last piece, without the white space around it.
    func split(most: Int) -> [Text] {
        var pieces: [Text] = [], index = WhiteSpace.start(of: bytes, in: bytes.indices)
        while index < bytes.count {
            if pieces.count == most {
                pieces.append(Text(bytes[index..<WhiteSpace.end(of: bytes, in: index..<bytes.count)]))
                break
            }
            let start = index
            while index < bytes.count, WhiteSpace.length(bytes, at: index, before: bytes.count) == 0 { index += 1 }
            pieces.append(Text(bytes[start..<index]))
            index = WhiteSpace.start(of: bytes, in: index..<bytes.count)
        }
        return pieces
    }

    /// Cut at another text, which is not empty.
    func split(_ separator: Text, most: Int) -> [Text] { cut(at: positions(of: separator, limit: most), separator) }

    /// The same, counted from the right.
    func splitFromRight(_ separator: Text, most: Int) -> [Text] {
        let turned = Text(bytes.reversed()), length = separator.bytes.count
        let positions = turned.positions(of: Text(separator.bytes.reversed()), limit: most)
        return cut(at: positions.reversed().map { bytes.count - $0 - length }, separator)
    }

    private func cut(at positions: [Int], _ separator: Text) -> [Text] {
        var pieces: [Text] = [], start = 0
        for position in positions {
            pieces.append(Text(bytes[start..<position]))
            start = position + separator.bytes.count
        }
        return pieces + [Text(bytes[start...])]
    }

    /// Cut at the ends of lines as `str.splitlines` knows them.
    func lines(keepingEnds: Bool = false) -> [Text] {
        var lines: [Text] = [], start = 0, index = 0
        while index < bytes.count {
            let length = lineEnd(at: index)
            if length == 0 {
                index += 1
                continue
            }
            lines.append(Text(bytes[start..<(keepingEnds ? index + length : index)]))
            index += length
            start = index
        }
        if start < bytes.count { lines.append(Text(bytes[start...])) }
        return lines
    }

    private func lineEnd(at index: Int) -> Int {
        let next = index + 1 < bytes.count ? bytes[index + 1] : 0
        switch bytes[index] {
        case 13: return next == 10 ? 2 : 1
        case 10...12, 28...30: return 1
        case 0xC2: return next == 0x85 ? 2 : 0
        case 0xE2:
            guard next == 0x80, index + 2 < bytes.count else { return 0 }
            return bytes[index + 2] == 0xA8 || bytes[index + 2] == 0xA9 ? 3 : 0
        default: return 0
        }
    }

    /// How many bytes it would have with some texts in place of others.
    func replaced(_ old: Text, by new: Text, most: Int, longest: Int) -> Text? {
        var result: [UInt8] = []
        if old.isEmpty {
            // Python puts it before each character and at the end.
            let boundaries = boundaries, count = min(most, boundaries.count)
            guard bytes.count + count * new.bytes.count <= longest else { return nil }
            for (index, start) in boundaries.enumerated() {
                if index < count { result += new.bytes }
                if start < bytes.count { result += bytes[start..<boundaries[index + 1]] }
            }
            return Text(result)
        }
        let positions = positions(of: old, limit: most)
        guard bytes.count + positions.count * (new.bytes.count - old.bytes.count) <= longest else { return nil }
        var start = 0
        for position in positions {
            result += bytes[start..<position]
            result += new.bytes
            start = position + old.bytes.count
        }
        return Text(result + bytes[start...])
    }
}
