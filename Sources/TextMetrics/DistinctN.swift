/// distinct-n (Li et al. 2016): different n-grams among all n-grams of the predictions. It needs no references.
public struct DistinctN: Sendable {
    /// The length n of the n-grams that are counted.
    public var order: Int

    /// Creates the metric.
    public init(order: Int) {
        precondition(order > 0, "n-grams of \(order) words")
        self.order = order
    }

    /// Words are what white space separates; n-grams do not reach from one text to the next.
    /// - Returns: 0 to 1; 0 where no text has n words.
    public func score(predictions: [String]) -> Double {
        var trie = NGramTrie(), seen: Set<Int32> = [], count = 0
        for prediction in predictions {
            let nodes = trie.nodes(of: prediction.pythonWords.map { Token($0) }, order: order)[order - 1]
            seen.formUnion(nodes)
            count += nodes.count
        }
        return count == 0 ? 0 : Double(seen.count) / Double(count)
    }
}
