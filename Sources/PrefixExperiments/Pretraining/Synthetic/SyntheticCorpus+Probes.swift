/// A record with its text that pretraining has not seen, to measure copying.
public struct SyntheticProbe: Sendable {
    /// The record and what joins it with the text.
    public let prompt: String
    /// The text. Tokenize ``prompt`` + ``continuation`` as one document, or separately: joins are never inside a word.
    public let continuation: String
    /// UTF-8 ranges in ``continuation`` of all names and values.
    ///
    /// *Copy accuracy* is the share of right predictions, given the true text before each (teacher forcing), over the
    /// tokens that lie in such a range and do not hold its first byte: what has been begun can only be continued by
    /// copying.
    public let copied: [Range<Int>]
    /// UTF-8 ranges in ``continuation`` of the attribute values that the words before them announce: after "has "
    /// alone several values of a record may be right, so such places do not count.
    ///
    /// *Value accuracy* is the share of ranges of which every token that overlaps the range, the first one too, is
    /// predicted right under teacher forcing.
    public let values: [Range<Int>]
}

extension SyntheticCorpus {
    /// Makes records and texts for gating a model: one layout and one style each, new random names and values.
    ///
    /// Their random sequence is disjoint from the one of `init(seed:)` for any seed in practical use (it starts from
    /// a mixed seed), and names are invented, so that a probe is new to a model trained on this corpus.
    ///
    /// - Parameters:
    ///   - seed: gives the same probes again.
    ///   - count: how many.
    /// - Returns: probes whose continuation holds at least one value each.
    public static func heldOutProbes(seed: UInt64, count: Int = 200) -> [SyntheticProbe] {
        var corpus = SyntheticCorpus(seed: seed ^ 0xC0FF_EE00_5EED_0001)
        var probes: [SyntheticProbe] = []
        while probes.count < count {
            let record = corpus.nextRecord(surprise: 0)
            var prompt = SyntheticWriter()
            SyntheticLayout(random: &corpus.random).write(record, to: &prompt, random: &corpus.random)
            prompt.write(corpus.recordToTextJoin())
            var text = SyntheticWriter()
            SyntheticStyle(random: &corpus.random).write(record, to: &text, random: &corpus.random)
            let values = text.values.filter { isAnnounced($0, in: text.text, record: record) }
            guard !values.isEmpty, prompt.text.utf8.count + text.text.utf8.count <= 400 else { continue }
            probes.append(
                SyntheticProbe(prompt: prompt.text, continuation: text.text, copied: text.copied, values: values))
        }
        return probes
    }

    /// Whether no other field of the record could be meant by the phrase that stands before the value.
    private static func isAnnounced(_ range: Range<Int>, in text: String, record: SyntheticRecord) -> Bool {
        let bytes = Array(text.utf8)
        let value = String(decoding: bytes[range], as: UTF8.self)
        let before = String(decoding: bytes[..<range.lowerBound], as: UTF8.self)
        for (index, field) in record.fields.enumerated() where field.value == value {
            let others = record.fields.enumerated().filter { $0.offset != index }.flatMap(\.element.attribute.phrases)
            for phrase in field.attribute.phrases where before.hasSuffix(" " + phrase.before) {
                if others.contains(where: { $0.before.hasPrefix(phrase.before) }) { return false }
            }
        }
        return true
    }
}
