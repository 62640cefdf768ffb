/// Byte strings with a number each, by their common beginnings: each node's children lie side by side, sorted by byte.
struct ByteTrie: Sendable {
    private struct Node {
        /// The first child, and how many there are.
        var firstChild: Int32 = 0
        var childCount: Int32 = 0
        /// −1 where no string ends here.
        var value: Int32 = -1
    }

    private var nodes = [Node()]
    /// The byte that leads to each node.
    private var labels: [UInt8] = [0]
    /// The root's child for each byte; 0 where there is none.
    private var firstNodes = [Int32](repeating: 0, count: 256)

    /// - Parameter entries: different strings; the empty one is never found.
    init(_ entries: [(key: [UInt8], value: Int32)]) {
        let sorted = entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        // Breadth first, so that children are neighbours: each entry is a node and the strings that go through it.
        var queue: [(node: Int, range: Range<Int>, depth: Int)] = [(0, 0..<sorted.count, 0)]
        var head = 0
        while head < queue.count {
            let (node, range, depth) = queue[head]
            head += 1
            var start = range.lowerBound
            if start < range.upperBound && sorted[start].key.count == depth {
                nodes[node].value = sorted[start].value
                start += 1
            }
            nodes[node].firstChild = Int32(nodes.count)
            while start < range.upperBound {
                let label = sorted[start].key[depth]
                var end = start + 1
                while end < range.upperBound && sorted[end].key[depth] == label { end += 1 }
                if node == 0 { firstNodes[Int(label)] = Int32(nodes.count) }
                queue.append((nodes.count, start..<end, depth + 1))
                nodes.append(Node())
                labels.append(label)
                nodes[node].childCount += 1
                start = end
            }
        }
    }

    @inline(__always)
    private func child(of node: Int, _ byte: UInt8) -> Int? {
        if node == 0 {
            let child = Int(firstNodes[Int(byte)])
            return child > 0 ? child : nil
        }
        var low = Int(nodes[node].firstChild)
        var high = low + Int(nodes[node].childCount)
        while high - low > 8 {
            let middle = (low + high) / 2
            if labels[middle] <= byte { low = middle } else { high = middle }
        }
        while low < high {
            if labels[low] == byte { return low }
            low += 1
        }
        return nil
    }

    /// Calls `body` with the end and the number of each string that `text` goes on with at `start`, shortest first.
    ///
    /// - Returns: how many bytes were looked at.
    @inline(__always)
    func forEachPrefix(of text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (Int, Int32) -> Void) -> Int {
        var node = 0
        var position = start
        while position < text.count, let next = child(of: node, text[position]) {
            node = next
            position += 1
            if nodes[node].value >= 0 { body(position, nodes[node].value) }
        }
        return position - start + 1
    }

    func value(of text: UnsafeBufferPointer<UInt8>) -> Int32? {
        var node = 0
        for byte in text {
            guard let next = child(of: node, byte) else { return nil }
            node = next
        }
        return nodes[node].value >= 0 ? nodes[node].value : nil
    }
}
