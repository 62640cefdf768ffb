/// How the values of an attribute are made up.
indirect enum ValueKind: Sendable {
    case choice([String])
    case number(ClosedRange<Int>, unit: String)
    case decimal(ClosedRange<Int>, unit: String)
    case money(ClosedRange<Int>)
    case year, person, town, country, street, date, code, title, phrase

    /// A new value.
    func make(_ random: inout SeededRandom) -> String {
        switch self {
        case .choice(let values): return random.pick(values)
        case .number(let range, let unit): return "\(random.integer(in: range))" + unit
        case .decimal(let range, let unit): return "\(random.integer(in: range)).\(random.below(10))" + unit
        case .money(let range):
            return random.chance(0.6) ? "$\(random.integer(in: range))" : "\(random.integer(in: range)) euros"
        case .year: return "\(random.integer(in: 1790...2024))"
        case .person: return random.person()
        case .town: return random.town()
        case .country: return random.chance(0.5) ? random.pick(SyntheticSchema.countries) : random.inventedWord()
        case .street:
            let kind = random.pick(["Street", "Road", "Lane", "Avenue"])
            return "\(random.integer(in: 1...240)) \(random.inventedWord()) \(kind)"
        case .date: return "\(random.integer(in: 1...28)) \(random.pick(SyntheticSchema.months))"
        case .code: return "\(random.syllable().uppercased())-\(random.integer(in: 10...999))"
        case .title: return random.properName()
        case .phrase: return random.freePhrase()
        }
    }
}

/// One thing that can be said about an entity, and the ways to say it.
struct SyntheticAttribute: Sendable {
    /// The key in records, lower case, words separated by spaces.
    let key: String
    let kind: ValueKind
    /// Verb phrases of the third person with the value's place cut out: ("is located in the ", "").
    let phrases: [(before: String, after: String)]
}

/// A kind of entity with the attributes that it may have.
struct SyntheticTopic: Sendable {
    let name: String
    let nameKind: ValueKind
    let attributes: [SyntheticAttribute]

    /// "a" or "an".
    var article: String { "aeiou".contains(name.prefix(1)) ? "an" : "a" }
}

/// Topics and attributes of the generated text.
package enum SyntheticSchema {
    static let months = SyntheticLexicon.words(
        "January February March April May June July August September October November December")

    static let countries = SyntheticLexicon.words(
        """
        Argentina Australia Austria Belgium Brazil Canada Chile China Cuba Denmark Egypt Finland France Germany Ghana Greece
        Hungary Iceland India Indonesia Ireland Italy Japan Kenya Malta Mexico Morocco Nepal Norway Peru Poland Portugal
        Romania Senegal Spain Sweden Switzerland Thailand Tunisia Turkey Uganda Uruguay Vietnam
        """)

    /// Topics by name.
    static let topics: [SyntheticTopic] = parseTopics()

    /// The topic called `name`; a programmer error if there is none.
    static func topic(_ name: String) -> SyntheticTopic {
        guard let topic = topics.first(where: { $0.name == name }) else { preconditionFailure("no topic \(name)") }
        return topic
    }

    private static func parseTopics() -> [SyntheticTopic] {
        var attributes: [String: SyntheticAttribute] = [:]
        for line in attributeLines.split(separator: "\n") {
            let parts = line.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
            precondition(parts.count == 4, "attribute line \(line)")
            let phrases = parts[3].split(separator: "/").map { phrase -> (before: String, after: String) in
                let halves = phrase.split(separator: "%", omittingEmptySubsequences: false).map(String.init)
                precondition(halves.count == 2, "phrase \(phrase) needs one %")
                return (halves[0], halves[1])
            }
            attributes[parts[0]] = SyntheticAttribute(key: parts[1], kind: kind(parts[2]), phrases: phrases)
        }
        return topicLines.split(separator: "\n").map { line in
            let parts = line.split(separator: "@").map(String.init)
            let own = SyntheticLexicon.words(parts[2]).map { key -> SyntheticAttribute in
                guard let attribute = attributes[key] else { preconditionFailure("no attribute \(key)") }
                return attribute
            }
            return SyntheticTopic(name: parts[0], nameKind: kind(parts[1]), attributes: own)
        }
    }

    private static func kind(_ text: String) -> ValueKind {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func range(_ text: String) -> ClosedRange<Int> {
            let ends = text.split(separator: "-").compactMap { Int($0) }
            precondition(ends.count == 2, "range \(text)")
            return ends[0]...ends[1]
        }
        switch parts[0] {
        case "year": return .year
        case "person": return .person
        case "town": return .town
        case "country": return .country
        case "street": return .street
        case "date": return .date
        case "code": return .code
        case "title": return .title
        case "phrase": return .phrase
        case "money": return .money(range(parts[1]))
        case "number": return .number(range(parts[1]), unit: parts.count > 2 ? parts[2] : "")
        case "decimal": return .decimal(range(parts[1]), unit: parts.count > 2 ? parts[2] : "")
        default: return .choice(text.split(separator: ",").map(String.init))
        }
    }
}
