/// One concrete way to put a record into sentences: a frame, an order and a choice of phrases, drawn once per
/// document.
///
/// Because the style is fixed within a document but varies between documents, a model learns that the text in front
/// of it decides how to speak: that is what a prefix later uses.
struct SyntheticStyle: Sendable {
    /// The opening and the joining of sentences.
    enum Frame: CaseIterable, Sendable {
        case itSentences, thatChain, theTopicChain, apposition, thereIs, nameSentences, keyIs, withKeys, lookingFor,
            colonList
        case weVisited, accordingTo, whichChain, didYouKnow, oneOf, possessive, semicolons, firstPerson, alsoSentences,
            quoted
        case shortKeys, because, thisTopic, pairs, invented
    }

    let frame: Frame
    private let phrase: Int
    private let order: Int
    private let choice: Int
    private let ending: String
    /// The words of an invented frame: before the name, before the first phrase and between phrases.
    private let inventedWords: (opening: String, middle: String, between: String)

    /// Draws a style.
    init(random: inout SeededRandom) {
        frame = random.chance(0.06) ? .invented : random.pick(Self.frames)
        phrase = random.below(4)
        order = random.below(4)
        choice = random.below(4)
        ending = random.chance(0.9) ? "." : (random.chance(0.5) ? "!" : "")
        inventedWords = frame == .invented ? Self.inventWords(&random) : ("", "", "")
    }

    private static let frames = Array(Frame.allCases)

    /// Words nobody has used as a frame: only the first of several records shows them, the others must follow it.
    private static func inventWords(_ random: inout SeededRandom) -> (opening: String, middle: String, between: String)
    {
        func some(_ count: ClosedRange<Int>, _ random: inout SeededRandom) -> String {
            (0..<random.integer(in: count)).map { _ in
                switch random.below(5) {
                case 0: random.pick(SyntheticLexicon.nouns)
                case 1: random.pick(SyntheticLexicon.adjectives)
                case 2: random.pick(SyntheticLexicon.verbsPast)
                default: random.pick(SyntheticLexicon.functionWords)
                }
            }.joined(separator: " ")
        }
        let opening = SeededRandom.capitalized(some(1...5, &random)) + random.pick([" ", ", ", ": "])
        let middle = random.pick([" ", ", ", " - "]) + (random.chance(0.7) ? some(1...3, &random) + " " : "")
        let between = random.pick([" ", ", ", "; "]) + some(1...3, &random) + " "
        return (opening, middle, between)
    }

    /// Writes `record` as one or more sentences.
    func write(_ record: SyntheticRecord, to writer: inout SyntheticWriter, random: inout SeededRandom) {
        var fields = record.fields
        switch order {
        case 0: fields = fields.reversed()
        case 1: fields = random.shuffled(fields)
        default: break
        }
        let topic = record.topic.name
        let article = record.topic.article
        switch frame {
        case .itSentences:
            writer.write(name: record.name)
            writer.write(" is \(article) \(topic).")
            for field in fields { sentence(choice < 2 ? "It" : "The \(topic)", field, &writer, &random) }
        case .thatChain:
            writer.write(name: record.name)
            writer.write(" is \(article) \(topic) that ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write(ending)
        case .theTopicChain:
            writer.write("The \(topic) ")
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: ", ", last: choice < 2 ? " and " : ", and ", &writer, &random)
            writer.write(ending)
        case .apposition:
            writer.write(name: record.name)
            writer.write(", \(article) \(topic), ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write(ending)
        case .thereIs:
            writer.write("There is \(article) \(topic) \(choice < 2 ? "called" : "named") ")
            writer.write(name: record.name)
            writer.write(choice % 2 == 0 ? ". It " : " which ")
            chain(fields, separator: ". It ", last: " and ", &writer, &random)
            writer.write(ending)
        case .nameSentences:
            for (index, field) in fields.enumerated() {
                if index > 0 { writer.write(" ") }
                writer.write(name: record.name)
                writer.write(" ")
                verb(field, &writer, &random)
                writer.write(".")
            }
        case .keyIs:
            for (index, field) in fields.enumerated() {
                writer.write(index > 0 ? " The " : "The ")
                writer.write(field.attribute.key + " of ")
                writer.write(name: record.name)
                writer.write(" is ")
                writer.write(value: field.value)
                writer.write(".")
            }
        case .withKeys:
            writer.write("With ")
            for (index, field) in fields.enumerated() {
                if index > 0 { writer.write(index == fields.count - 1 ? " and " : ", ") }
                writer.write("the \(field.attribute.key) ")
                writer.write(value: field.value)
            }
            writer.write(", ")
            writer.write(name: record.name)
            writer.write(" is \(article) \(topic) worth knowing.")
        case .lookingFor:
            writer.write("Looking for \(article) \(topic)? ")
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write("!")
        case .colonList:
            writer.write(SeededRandom.capitalized(topic) + (choice < 2 ? ": " : " "))
            writer.write(name: record.name)
            writer.write(" (")
            for (index, field) in fields.enumerated() {
                if index > 0 { writer.write(", ") }
                writer.write("\(field.attribute.key) ")
                writer.write(value: field.value)
            }
            writer.write(")")
        case .weVisited:
            writer.write(
                ["Yesterday we heard about ", "We read about ", "Last week I saw ", "Our guide spoke of "][choice])
            writer.write(name: record.name)
            writer.write(". This \(topic) ")
            chain(fields, separator: ". It ", last: ". It also ", &writer, &random)
            writer.write(ending)
        case .accordingTo:
            writer.write(
                ["According to the list, ", "The guide says that ", "As we know, ", "It is said that "][choice])
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write(ending)
        case .whichChain:
            writer.write(name: record.name)
            writer.write(", which ")
            chain(Array(fields.prefix(1)), separator: "", last: "", &writer, &random)
            writer.write(", is \(article) \(topic).")
            for field in fields.dropFirst() { sentence("It", field, &writer, &random) }
        case .didYouKnow:
            writer.write("Did you know that ")
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write("?")
        case .oneOf:
            writer.write("One \(topic) that ")
            chain(fields, separator: ", ", last: " and ", &writer, &random)
            writer.write(" is ")
            writer.write(name: record.name)
            writer.write(ending)
        case .possessive:
            writer.write(name: record.name)
            writer.write(choice < 2 ? " is \(article) \(topic); its " : " (\(topic)): its ")
            for (index, field) in fields.enumerated() {
                if index > 0 { writer.write(index == fields.count - 1 ? " and its " : ", its ") }
                writer.write(field.attribute.key + " is ")
                writer.write(value: field.value)
            }
            writer.write(ending)
        case .semicolons:
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: "; it ", last: "; it ", &writer, &random)
            writer.write(ending)
        case .firstPerson:
            writer.write(
                ["I know \(article) \(topic): ", "My favourite \(topic) is ", "I like ", "They told me about "][choice])
            writer.write(name: record.name)
            for field in fields { sentence(choice < 2 ? "It" : "This \(topic)", field, &writer, &random, first: ".") }
        case .alsoSentences:
            writer.write(name: record.name)
            writer.write(" ")
            chain(fields, separator: ". It also ", last: ". Finally, it ", &writer, &random)
            writer.write(ending)
        case .quoted:
            writer.write("\"")
            writer.write(name: record.name)
            writer.write("\" is the name of \(article) \(topic) that ")
            chain(fields, separator: ", that ", last: " and that ", &writer, &random)
            writer.write(ending)
        case .shortKeys:
            writer.write(name: record.name)
            for field in fields {
                writer.write(". \(SeededRandom.capitalized(field.attribute.key)): ")
                writer.write(value: field.value)
            }
            writer.write(".")
        case .because:
            writer.write("People talk about ")
            writer.write(name: record.name)
            writer.write(" because \(choice < 2 ? "it" : "the \(topic)") ")
            chain(fields, separator: ", because it ", last: " and because it ", &writer, &random)
            writer.write(ending)
        case .thisTopic:
            for (index, field) in fields.enumerated() {
                if index > 0 { writer.write(" ") }
                writer.write(index == 0 ? "This \(topic) " : "It ")
                verb(field, &writer, &random)
                writer.write(".")
            }
            writer.write(choice < 2 ? " Its name is " : " It is called ")
            writer.write(name: record.name)
            writer.write(".")
        case .invented:
            writer.write(inventedWords.opening)
            if choice == 0 { writer.write("the \(topic) ") }
            writer.write(name: record.name)
            writer.write(inventedWords.middle)
            chain(fields, separator: inventedWords.between, last: inventedWords.between, &writer, &random)
            writer.write(ending)
        case .pairs:
            writer.write("The \(topic) called ")
            writer.write(name: record.name)
            for (index, field) in fields.enumerated() {
                writer.write(index == 0 ? " " : (index % 2 == 1 ? " and " : ". It "))
                verb(field, &writer, &random)
            }
            writer.write(ending)
        }
    }

    /// " Subject verb-phrase."
    private func sentence(
        _ subject: String, _ field: SyntheticRecord.Field, _ writer: inout SyntheticWriter,
        _ random: inout SeededRandom,
        first: String = ""
    ) {
        writer.write(first.isEmpty ? " \(subject) " : "\(first) \(subject) ")
        verb(field, &writer, &random)
        if first.isEmpty { writer.write(".") }
    }

    /// Verb phrases with separators between them.
    private func chain(
        _ fields: [SyntheticRecord.Field], separator: String, last: String, _ writer: inout SyntheticWriter,
        _ random: inout SeededRandom
    ) {
        for (index, field) in fields.enumerated() {
            if index > 0 { writer.write(index == fields.count - 1 ? last : separator) }
            verb(field, &writer, &random)
        }
    }

    /// The field's verb phrase: always the first, second or third one, or any.
    private func verb(_ field: SyntheticRecord.Field, _ writer: inout SyntheticWriter, _ random: inout SeededRandom) {
        let phrases = field.attribute.phrases
        let index = phrase < 3 ? phrase % phrases.count : random.below(phrases.count)
        writer.write(phrases[index], value: field.value)
    }
}
