extension BytePairModel {
    /// Up to this many symbols, searching the whole word for the best pair beats a queue.
    static let longestScannedWord = 64

    /// Merges the symbols of a short word in place: find the earliest merge (leftmost among equals), apply, repeat.
    func mergeByScanning(_ workspace: inout EncodingWorkspace) {
        let none = Int32.max
        workspace.symbols.withUnsafeMutableBufferPointer { symbols in
            var count = symbols.count
            guard count > 1 else { return }
            withUnsafeTemporaryAllocation(of: PairTable.Entry.self, capacity: count) { found in
                func look(_ index: Int) -> PairTable.Entry {
                    pairs.entry(symbols[index], symbols[index + 1]) ?? .init(rank: none, identifier: 0)
                }
                for index in 0..<count - 1 { found[index] = look(index) }
                while count > 1 {
                    var best = 0
                    for index in 1..<max(1, count - 1) where found[index].rank < found[best].rank { best = index }
                    guard found[best].rank != none else { break }
                    symbols[best] = found[best].identifier
                    count -= 1
                    for index in best + 1..<max(best + 1, count) { symbols[index] = symbols[index + 1] }
                    for index in best + 1..<max(best + 1, count - 1) { found[index] = found[index + 1] }
                    if best + 1 < count { found[best] = look(best) }
                    if best > 0 { found[best - 1] = look(best - 1) }
                }
            }
            workspace.remaining = count
        }
        if workspace.symbols.count > 1 { workspace.symbols.removeLast(workspace.symbols.count - workspace.remaining) }
    }

    /// The same result in O(n log n): a queue of (rank, position), and links over the symbols still alive.
    func mergeByQueue(_ workspace: inout EncodingWorkspace) {
        let dead: Int32 = -1
        var symbols = workspace.symbols
        let count = symbols.count
        // Half the size of Int: a long text of a tokenizer that cuts no words is one word.
        var next = (1...Int32(count)).map { $0 }
        var previous = (-1..<Int32(count) - 1).map { $0 }
        var queue = PriorityQueue<UInt64>()
        // The positions are those of the left symbol; an entry is stale unless that pair still has that rank.
        func entry(at position: Int) -> PairTable.Entry? {
            guard symbols[position] != dead, next[position] < count else { return nil }
            return pairs.entry(symbols[position], symbols[Int(next[position])])
        }
        func packed(_ entry: PairTable.Entry, _ position: Int) -> UInt64 {
            UInt64(UInt32(bitPattern: entry.rank)) << 32 | UInt64(position)
        }
        for position in 0..<count {
            if let entry = entry(at: position) { queue.push(packed(entry, position)) }
        }
        while let top = queue.pop() {
            let position = Int(top & 0xFFFF_FFFF)
            guard let merge = entry(at: position), packed(merge, position) == top else { continue }
            let absorbed = Int(next[position])
            symbols[position] = merge.identifier
            symbols[absorbed] = dead
            next[position] = next[absorbed]
            if next[position] < count { previous[Int(next[position])] = Int32(position) }
            if let entry = entry(at: position) { queue.push(packed(entry, position)) }
            let before = Int(previous[position])
            if before >= 0, let entry = entry(at: before) { queue.push(packed(entry, before)) }
        }
        workspace.symbols = symbols.filter { $0 != dead }
    }
}
