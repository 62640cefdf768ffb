/// The kinds of documents besides pairs of record and text.
extension SyntheticCorpus {
    // MARK: Questions

    /// A record or its text, then questions about it with their answers.
    mutating func writeQuestions(to writer: inout SyntheticWriter) {
        let record = nextRecord()
        if random.chance(0.5) {
            SyntheticLayout(random: &random).write(record, to: &writer, random: &random)
        } else {
            SyntheticStyle(random: &random).write(record, to: &writer, random: &random)
        }
        let format = random.below(5)
        for field in random.shuffled(record.fields).prefix(random.integer(in: 1...4)) {
            let key = field.attribute.key
            switch format {
            case 0: writer.write("\nQ: What is the \(key) of \(record.name)?\nA: ")
            case 1: writer.write("\nQuestion: Which \(key) does the \(record.topic.name) have?\nAnswer: ")
            case 2: writer.write("\n\(key)? ")
            case 3: writer.write("\n- What is its \(key)?\n- It is ")
            default: writer.write("\nTell me the \(key) of \(record.name). ")
            }
            writer.write(value: field.value)
            if format == 3 { writer.write(".") }
        }
        if random.chance(0.3) {
            writer.write(format == 0 ? "\nQ: What is it called?\nA: " : "\nIts name? ")
            writer.write(name: record.name)
        }
    }

    // MARK: Lists

    /// A list of random items, repeated as it is, in another layout, reversed, or item by item.
    mutating func writeRepeatedList(to writer: inout SyntheticWriter) {
        let kind = random.below(6)
        let items = (0..<random.integer(in: 3...9)).map { _ -> String in
            switch kind {
            case 0: random.inventedWord()
            case 1: random.freePhrase()
            case 2: random.person()
            case 3: random.properName()
            case 4: String(random.below(1000))
            default: random.pick(SyntheticLexicon.nouns)
            }
        }
        let separators = [", ", "\n", "; ", " / ", " ", " - ", "\n* ", " and "]
        let separator = random.pick(separators)
        let header = random.pick(["", "", "List: ", "Items: ", "We need: ", "Words: ", "The names are "])
        let copies = random.integer(in: 2...3)
        switch random.below(10) {
        case 0..<6:
            for copy in 0..<copies {
                if copy > 0 { writer.write(separator.hasPrefix("\n") ? "\n\n" : "\n") }
                writer.write(header + items.joined(separator: separator))
            }
        case 6, 7:
            writer.write(header + items.joined(separator: separator) + "\n")
            writer.write(
                random.pick(["Again: ", "Copy: ", "Once more: "]) + items.joined(separator: random.pick(separators)))
        case 8:
            writer.write(header + items.joined(separator: separator) + "\nBackwards: ")
            writer.write(items.reversed().joined(separator: separator))
        default:
            writer.write(header + items.joined(separator: separator) + "\n")
            writer.write("First: \(items[0])\nLast: \(items[items.count - 1])")
        }
    }

    // MARK: Stories

    /// A short story whose people, things and places come back.
    mutating func writeStory(to writer: inout SyntheticWriter) {
        let hero = random.chance(0.5) ? random.person() : random.inventedWord()
        let friend = random.chance(0.5) ? random.pick(SyntheticLexicon.firstNames) : random.inventedWord()
        let place = random.town()
        let things = (0..<3).map { _ in
            random.pick(SyntheticLexicon.adjectives) + " " + random.pick(SyntheticLexicon.nouns)
        }
        let store = random.pick(SyntheticLexicon.stores)
        writer.write(
            random.pick([
                "\(hero) lived in \(place).",
                "Once upon a time there was a \(random.pick(SyntheticLexicon.nouns)) named \(hero) in \(place).",
                "In \(place) everybody knew \(hero).", "\(hero) came to \(place) with \(friend).",
            ]))
        for _ in 0..<random.integer(in: 2...6) {
            let thing = random.pick(things)
            let verb = random.pick(SyntheticLexicon.verbsPast)
            let other = random.pick(SyntheticLexicon.verbsPast)
            switch random.below(9) {
            case 0: writer.write(" One day \(hero) \(verb) the \(thing) in the \(store).")
            case 1: writer.write(" \(friend) \(verb) the \(thing), and \(hero) \(other) it.")
            case 2: writer.write(" \"Where is the \(thing)?\" asked \(friend). \"In the \(store),\" said \(hero).")
            case 3: writer.write(" Then \(hero) and \(friend) went back to \(place).")
            case 4: writer.write(" Nobody in \(place) had seen such a \(thing).")
            case 5:
                writer.write(" \(hero) put the \(things[0]), the \(things[1]) and the \(things[2]) into the \(store).")
            case 6: writer.write(" But \(friend) never \(verb) the \(thing) again.")
            case 7: writer.write(" The \(store) of \(place) was full of people who \(verb) the \(thing).")
            default: writer.write(" \"I have the \(thing),\" said \(random.chance(0.5) ? hero : friend).")
            }
        }
        writer.write(
            random.pick([
                "", " So \(hero) stayed in \(place).", " That was the end of the \(things[0]).",
                " And \(friend) laughed.",
                " In the end \(hero) gave the \(things[1]) to \(friend).",
            ]))
    }

    // MARK: Two entities

    /// A table of two entities of one topic, then text about both, about one, or a comparison.
    mutating func writeTwoEntities(to writer: inout SyntheticWriter) {
        let topic = random.pick(SyntheticSchema.topics)
        let count = random.integer(in: 1...3)
        let first = SyntheticRecord.make(topic: topic, fieldCount: count, random: &random)
        var second = SyntheticRecord.make(topic: topic, fieldCount: 0, random: &random)
        second.fields = first.fields.map {
            SyntheticRecord.Field(attribute: $0.attribute, value: $0.attribute.kind.make(&random))
        }
        let separator = random.pick([", ", "; ", "\t", " | ", " / "])
        let keys = ["name"] + first.fields.map(\.attribute.key)
        if random.chance(0.7) { writer.write(keys.joined(separator: separator) + "\n") }
        for (index, record) in [first, second].enumerated() {
            if index > 0 { writer.write("\n") }
            writer.write(name: record.name)
            for field in record.fields {
                writer.write(separator)
                writer.write(value: field.value)
            }
        }
        writer.write(recordToTextJoin())
        let style = SyntheticStyle(random: &random)
        switch random.below(3) {
        case 0:
            style.write(first, to: &writer, random: &random)
            writer.write(" ")
            style.write(second, to: &writer, random: &random)
        case 1:
            style.write(random.chance(0.5) ? first : second, to: &writer, random: &random)
        default:
            for (field, other) in zip(first.fields, second.fields) {
                let phrase = random.pick(field.attribute.phrases)
                writer.write(name: first.name)
                writer.write(" ")
                writer.write(phrase, value: field.value)
                writer.write(random.pick([" while ", ", but ", " and "]))
                writer.write(name: second.name)
                writer.write(" ")
                writer.write(phrase, value: other.value)
                writer.write(". ")
            }
            writer.text.removeLast()
        }
    }
}
