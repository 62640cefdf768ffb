import Foundation
import LanguageModels

/// One row of the embedded table-to-text task.
public struct EmbeddedTable: Codable, Sendable, Equatable {
    /// The table, linearised, with the separator that ends it: "name : Brakel | type : hotel | stars : three\n".
    public let prompt: String
    /// Sentences that say what the table says, the best one first.
    public let references: [String]
    /// The kind of thing described.
    public let topic: String

    /// A table with its descriptions.
    public init(prompt: String, references: [String], topic: String) {
        self.prompt = prompt
        self.references = references
        self.topic = topic
    }
}

/// The embedded table-to-text data set: what the demonstration trains and evaluates on without a network.
///
/// A table `name : X | type : T | key : value | …` of 2 to 4 attributes is to be put into one sentence of one frame:
///
/// > Let me introduce X to you, dear reader: this T VP, moreover it VP and, to round it off, it VP.
///
/// Neither the layout nor the frame occurs in the pretraining text (``SyntheticCorpus``), so a prefix has to bring
/// both; the verb phrases (VP) do occur there, in three wordings per attribute, of which training tables use the
/// first. The three references of a test table share the frame and take the first, second and third wordings.
///
/// Six topics are seen in training. Three others (book, river, ship) come in ``Split/testUnseen`` only; two thirds
/// of their attributes are unseen too.
///
/// Prompts end with a newline rather than with the end-of-text token: both worked alike in trials, and a newline
/// needs no special token inside text. A completion follows without a space.
public enum EmbeddedTables {
    /// The parts of the data set.
    public enum Split: String, CaseIterable, Sendable {
        /// 3,000 tables of the seen topics, one reference each.
        case train
        /// 150 tables of the seen topics with three references, to choose rates and checkpoints on.
        case validation
        /// 120 tables of the seen topics with three references.
        case testSeen = "test-seen"
        /// 120 tables of the held-out topics with three references.
        case testUnseen = "test-unseen"

        /// Number of tables.
        public var count: Int {
            switch self {
            case .train: 3000
            case .validation: 150
            case .testSeen, .testUnseen: 120
            }
        }

        /// Name of the committed file.
        public var fileName: String { rawValue + ".jsonl" }

        /// Topics of the tables.
        public var topics: [String] { self == .testUnseen ? heldOutTopics : seenTopics }

        var seed: UInt64 {
            switch self {
            case .train: 0x7AB1_E001
            case .validation: 0x7AB1_E002
            case .testSeen: 0x7AB1_E003
            case .testUnseen: 0x7AB1_E004
            }
        }
    }

    /// Topics of training, validation and the first test set.
    public static let seenTopics = ["restaurant", "hotel", "museum", "film", "mountain", "company"]
    /// Topics that come in ``Split/testUnseen`` only.
    public static let heldOutTopics = ["book", "river", "ship"]
    /// What ends a prompt.
    public static let separator = "\n"
    /// Pieces of the task's frame, in lower case, that may not occur in pretraining text. (The Wikipedia text that
    /// the base model also reads has none of them either: searched once, whole.)
    static let frameFragments = [
        "let me introduce", " to you, dear reader", "dear reader: this", " and, to round it off, it ",
    ]

    /// Makes the tables of one part; the same ones at every call, without repetitions between or within parts.
    public static func tables(_ split: Split) -> [EmbeddedTable] {
        var random = SeededRandom(seed: split.seed)
        let topics = split.topics.map(SyntheticSchema.topic)
        var result: [EmbeddedTable] = []
        while result.count < split.count {
            let topic = topics[result.count % topics.count]
            let record = SyntheticRecord.make(
                topic: topic, fieldCount: random.integer(in: 2...4), surprise: 0, random: &random)
            // The wordings are plural: "has one stars" would be poor English.
            guard !record.fields.contains(where: { $0.value == "one" || $0.value == "1" }) else { continue }
            let wordings = split == .train ? 1 : 3
            result.append(
                EmbeddedTable(
                    prompt: prompt(for: record), references: (0..<wordings).map { sentence(for: record, wording: $0) },
                    topic: topic.name))
        }
        return result
    }

    /// The tables of one part as JSON lines with sorted keys: the content of the committed file.
    ///
    /// - Throws: an encoding error, which valid text cannot cause.
    public static func jsonLines(_ split: Split) throws -> Data {
        Data(try tables(split).map(JSONText.line).joined().utf8)
    }

    private static func prompt(for record: SyntheticRecord) -> String {
        var pairs = ["name : \(record.name)", "type : \(record.topic.name)"]
        for field in record.fields { pairs.append("\(field.attribute.key) : \(field.value)") }
        return pairs.joined(separator: " | ") + separator
    }

    private static func sentence(for record: SyntheticRecord, wording: Int) -> String {
        var writer = SyntheticWriter()
        writer.write("Let me introduce \(record.name) to you, dear reader: this \(record.topic.name) ")
        for (index, field) in record.fields.enumerated() {
            switch index {
            case 0: break
            case record.fields.count - 1: writer.write(" and, to round it off, it ")
            default: writer.write(", moreover it ")
            }
            let phrases = field.attribute.phrases
            writer.write(phrases[wording % phrases.count], value: field.value)
        }
        writer.write(".")
        return writer.text
    }
}
