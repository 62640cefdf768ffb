/// A seeded, endless source of generated pretraining documents for a small language model.
///
/// Text of this kind teaches one thing above all: to say what stands in the context, in the manner that the context
/// asks for. The mixture (by documents) is 64% records with text about them, 12% questions and answers, 10% repeated
/// lists, 7% stories and 7% tables of two entities. Names are compositional, so most never come twice and can only be
/// copied. Of the joins between a record and its text about 15% are the end-of-text token; a trainer tokenizes the
/// literal ``endOfText`` inside a document as that token and puts one after every document.
///
/// What is *not* in it: the layout of the embedded table-to-text task (`key : value | key : value`) and that task's
/// sentence frames; its held-out topics occur in other layouts and wording only. The same seed gives the same
/// documents on every platform.
///
/// Recipe for the embedded base model (d = 192, 4 layers, 6 heads, 256 positions, 4,096 tokens;
/// ``StructuredInitialization``): rows of 128 tokens cut from the stream of documents, batch 16 rows, AdamW (0.9,
/// 0.98), weight decay 0.05 on matrices, gradient norm 1, learning rate 2·10⁻³ after 100 steps of warm-up, linear
/// decay to zero over the last fifth; 5% of the rows from Wikipedia for the first 3 million tokens, then 25%. In a
/// trial of 0.5 million tokens at batch 8, loss on this text fell from 8.5 to 3.7 nats per token without instability;
/// 3·10⁻³ was worse.
public struct SyntheticCorpus: Sendable {
    /// The literal of the end-of-text token inside documents.
    public static let endOfText = "<|endoftext|>"

    var random: SeededRandom

    /// Starts the sequence of documents that belongs to `seed`.
    public init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// Makes the next document: 40 to 1,000 characters, without an end-of-text token at its end.
    public mutating func nextDocument() -> String {
        var writer = SyntheticWriter()
        switch random.unit() {
        case ..<0.64: writePair(to: &writer)
        case ..<0.76: writeQuestions(to: &writer)
        case ..<0.86: writeRepeatedList(to: &writer)
        case ..<0.93: writeStory(to: &writer)
        default: writeTwoEntities(to: &writer)
        }
        return writer.text
    }

    // MARK: Records and text

    /// Draws a record of any topic with 1 to 6 attributes, mostly 2 to 4.
    mutating func nextRecord(surprise: Double = 0.12) -> SyntheticRecord {
        let count = random.pick([1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 6])
        let topic = random.pick(SyntheticSchema.topics)
        return SyntheticRecord.make(topic: topic, fieldCount: count, surprise: surprise, random: &random)
    }

    /// Two presentations of one record; sometimes two or three records in a row in the same layout and style.
    private mutating func writePair(to writer: inout SyntheticWriter) {
        let layout = SyntheticLayout(random: &random)
        let style = SyntheticStyle(random: &random)
        let kind = random.unit()
        if kind < 0.72 {
            let join = recordToTextJoin()
            let repetitions = style.frame == .invented ? random.integer(in: 2...3) : (random.chance(0.2) ? 2 : 1)
            for repetition in 0..<repetitions {
                if repetition > 0 { writer.write(join == Self.endOfText ? join : "\n\n") }
                let record = nextRecord()
                layout.write(record, to: &writer, random: &random)
                writer.write(join)
                style.write(record, to: &writer, random: &random)
            }
            return
        }
        let record = nextRecord()
        let join = random.pick(["\n", "\n\n", " => ", "\n---\n", "\nThe same again: ", "\nIn other words: ", "\n>> "])
        if kind < 0.84 {
            style.write(record, to: &writer, random: &random)
            writer.write(join)
            layout.write(record, to: &writer, random: &random)
        } else if kind < 0.92 {
            style.write(record, to: &writer, random: &random)
            writer.write(join)
            SyntheticStyle(random: &random).write(record, to: &writer, random: &random)
        } else {
            layout.write(record, to: &writer, random: &random)
            writer.write(join)
            SyntheticLayout(random: &random).write(record, to: &writer, random: &random)
        }
    }

    /// What stands between a record and its text: in 15% of the cases the end-of-text token.
    mutating func recordToTextJoin() -> String {
        if random.chance(0.15) { return Self.endOfText }
        return random.pick([
            "\n", "\n", "\n", "\n\n", " => ", "\nText: ", "\nDescription: ", "\n---\n", "\nSummary: ", "\n> ", " ## ",
            "\nIn words: ",
            " >> ", "\n* ",
        ])
    }
}
