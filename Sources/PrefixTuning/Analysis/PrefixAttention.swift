import LanguageModels
import Tensors

extension CausalModel {
    /// How much of the attention goes to what a text comes after, while the model reads the text's tokens one after the other.
    ///
    /// The text is read in parts, between which other work may use the compute thread, and only the parts that count are looked at.
    ///
    /// - Parameters:
    ///   - tokens: The text, of a decoder-only model; within its positions.
    ///   - starts: What it comes after: prefixes in a row, no infix.
    ///   - first: The first token that counts, from 0.
    /// - Returns: For each token from `first` on the mean over layers and heads of what the attention's softmax gives to all positions of
    ///   `starts`; between 0 and 1.
    /// - Throws: `CancellationError` where the task is cancelled.
    package func prefixAttention(
        _ tokens: [Int32], after starts: [InitialKeyValues], from first: Int
    ) async throws -> [Double] {
        precondition(startToken == nil && tokens.indices.contains(first), "a text of a decoder-only model")
        let part = 128, before = starts.compactMap(\.decoder)
        let cache = KVCache(shape: shape, sequences: [.init(after: before)], keepsTokens: true)
        func read(_ range: Range<Int>, wanting rows: Int) {
            _ = hiddenStates(TokenBatch([Array(tokens[range])], wanting: [rows]), cache: cache, dropout: nil)
        }
        for start in stride(from: 0, to: first, by: part) {
            read(start..<min(start + part, first), wanting: 1)
            await Compute.yield()
            try Task.checkCancellation()
        }
        var shares: [Double] = []
        for start in stride(from: first, to: tokens.count, by: part) {
            let range = start..<min(start + part, tokens.count)
            var sums = [Double](repeating: 0, count: range.count), all = 0
            Compute.observingAttention { observation in
                all += observation.geometry.heads
                for (index, segment) in observation.sequences[0].segments.enumerated()
                where before.contains(where: { $0.layer(attendingTo: segment) != nil }) {
                    let given = observation.probabilities(sequence: 0, segment: index)
                    let size = given.count / range.count
                    for (place, share) in given.enumerated() { sums[place / size] += share }
                }
            } during: {
                read(range, wanting: range.count)
            }
            shares += sums.map { $0 / Double(max(1, all)) }
            await Compute.yield()
            try Task.checkCancellation()
        }
        return shares
    }
}
