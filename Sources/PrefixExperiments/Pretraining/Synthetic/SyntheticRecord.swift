/// What is known about one entity: the content that layouts and sentences present.
struct SyntheticRecord: Sendable {
    /// One attribute with its value.
    struct Field: Sendable {
        let attribute: SyntheticAttribute
        let value: String
    }

    let topic: SyntheticTopic
    let name: String
    var fields: [Field]

    /// Makes up a record of `topic` with the given number of attributes.
    ///
    /// - Parameter surprise: the probability that a value is an arbitrary phrase or name instead of one of its kind,
    ///   so that the key alone does not give the value away.
    static func make(
        topic: SyntheticTopic, fieldCount: Int, surprise: Double = 0.12, random: inout SeededRandom
    ) -> SyntheticRecord {
        let name = topic.nameKind.make(&random)
        let chosen = random.shuffled(topic.attributes).prefix(fieldCount)
        var fields: [Field] = []
        for attribute in chosen {
            let value: String
            if random.chance(surprise) {
                value = random.chance(0.5) ? random.freePhrase() : random.properName()
            } else {
                value = attribute.kind.make(&random)
            }
            fields.append(Field(attribute: attribute, value: value))
        }
        return SyntheticRecord(topic: topic, name: name, fields: fields)
    }
}

/// Text under construction, with the places of the names and values in it.
struct SyntheticWriter {
    /// The text so far.
    var text = ""
    /// UTF-8 ranges of every name and value written so far.
    private(set) var copied: [Range<Int>] = []
    /// UTF-8 ranges of the values whose place the preceding words announce.
    private(set) var values: [Range<Int>] = []

    mutating func write(_ plain: String) {
        text += plain
    }

    /// Writes the entity's name.
    mutating func write(name: String) {
        let start = text.utf8.count
        text += name
        copied.append(start..<text.utf8.count)
    }

    /// Writes an attribute's value.
    mutating func write(value: String) {
        let start = text.utf8.count
        text += value
        copied.append(start..<text.utf8.count)
        values.append(start..<text.utf8.count)
    }

    /// Writes a verb phrase with its value; "a " becomes "an " before a vowel.
    mutating func write(_ phrase: (before: String, after: String), value: String) {
        text += phrase.before
        if phrase.before.hasSuffix(" a "), let first = value.utf8.first, SyntheticWriter.isVowel(first) {
            text.removeLast()
            text += "n "
        }
        write(value: value)
        text += phrase.after
    }

    /// Ends a sentence or document with the end-of-text token's literal.
    mutating func writeEndOfText() {
        text += SyntheticCorpus.endOfText
    }

    private static func isVowel(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"): true
        default: false
        }
    }
}
