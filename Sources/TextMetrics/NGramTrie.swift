/// Every n-gram that was ever seen, as a node of a trie: one integer stands for the whole n-gram.
///
/// Node 0 is the empty n-gram. The parent of an n-gram is the n-gram without its last token, which is what the
/// information weights of NIST ask for.
struct NGramTrie {
    private var tokens: [Token: Int32] = [:]
    private var children: [UInt64: Int32] = [:]
    /// `parents[node]` is the node of the n-gram without its last token; the root is its own parent.
    private(set) var parents: [Int32] = [0]

    /// How many n-grams are known, the empty one included.
    var count: Int { parents.count }

    /// The integer that stands for `token` from now on.
    mutating func identifier(of token: Token) -> Int32 {
        if let known = tokens[token] { return known }
        let fresh = Int32(tokens.count)
        tokens[token] = fresh
        return fresh
    }

    /// The nodes of all n-grams of a sentence: `result[n - 1][start]` for n from 1 to `order`; a sentence shorter than
    /// n has none of that length.
    mutating func nodes(of sentence: [Token], order: Int) -> [[Int32]] {
        let words = sentence.map { identifier(of: $0) }
        var result = (0..<order).map { n in
            var row: [Int32] = []
            row.reserveCapacity(max(0, words.count - n))
            return row
        }
        for start in words.indices {
            var node: Int32 = 0
            for n in 0..<min(order, words.count - start) {
                node = child(of: node, words[start + n])
                result[n].append(node)
            }
        }
        return result
    }

    private mutating func child(of parent: Int32, _ token: Int32) -> Int32 {
        let key = UInt64(UInt32(bitPattern: parent)) << 32 | UInt64(UInt32(bitPattern: token))
        if let known = children[key] { return known }
        let fresh = Int32(parents.count)
        children[key] = fresh
        parents.append(parent)
        return fresh
    }
}

/// How often each node occurs, sorted by node so that two counts can be merged in one pass.
struct NodeCounts {
    private(set) var nodes: [Int32] = []
    private(set) var counts: [Int] = []

    /// Counts the occurrences in `occurrences`.
    init(_ occurrences: [Int32]) {
        for node in occurrences.sorted() {
            if node == nodes.last {
                counts[counts.count - 1] += 1
            } else {
                nodes.append(node)
                counts.append(1)
            }
        }
    }

    /// For each node the largest of its counts, as multi-reference clipping asks for.
    mutating func formMaximum(with other: NodeCounts) {
        if nodes.isEmpty {
            self = other
            return
        }
        var merged = NodeCounts([])
        var (left, right) = (0, 0)
        while left < nodes.count || right < other.nodes.count {
            if right == other.nodes.count || (left < nodes.count && nodes[left] < other.nodes[right]) {
                merged.append(nodes[left], counts[left])
                left += 1
            } else if left == nodes.count || other.nodes[right] < nodes[left] {
                merged.append(other.nodes[right], other.counts[right])
                right += 1
            } else {
                merged.append(nodes[left], max(counts[left], other.counts[right]))
                left += 1
                right += 1
            }
        }
        self = merged
    }

    /// Calls `body` with each node that both have, and the two counts.
    func forEachShared(with other: NodeCounts, _ body: (_ node: Int32, _ own: Int, _ others: Int) -> Void) {
        var right = 0
        for left in nodes.indices {
            while right < other.nodes.count && other.nodes[right] < nodes[left] { right += 1 }
            if right == other.nodes.count { return }
            if other.nodes[right] == nodes[left] { body(nodes[left], counts[left], other.counts[right]) }
        }
    }

    private mutating func append(_ node: Int32, _ count: Int) {
        nodes.append(node)
        counts.append(count)
    }
}
