import ChatTemplates

/// One item of a data set: a source text and what should be said about it.
public struct Example: Equatable, Sendable {
    /// The source as it stands in the data or as linearised from it, without the spaces and marks of a ``TaskFormat``.
    public var prompt: String

    /// The text to learn, where the data set has one per line.
    public var completion: String?

    /// All texts that count as right.
    public var references: [String]

    /// The file and line that this comes from.
    public var location: DataLocation

    /// What the source is about (WebNLG's category), where the data says.
    public var topic: String?

    /// Whether the topic occurs in the training data, where the data says.
    public var isSeen: Bool?

    /// All of the conversation that ``prompt`` and ``completion`` are the end of; nil for other data.
    public var conversation: ChatExample?

    /// An example; see the properties.
    public init(
        prompt: String, completion: String? = nil, references: [String] = [], location: DataLocation,
        topic: String? = nil, isSeen: Bool? = nil
    ) {
        self.prompt = prompt
        self.completion = completion
        self.references = references
        self.location = location
        self.topic = topic
        self.isSeen = isSeen
    }

    /// The line of ``location``, counted from 1.
    public var line: Int { location.line }

    /// ``completion`` where there is one, else ``references``.
    package var texts: [String] { completion.map { [$0] } ?? references }
}

extension [Example] {
    /// One example per text to learn, in order: an example with three references becomes three.
    ///
    /// - Throws: ``DataError/missingCompletion(_:)`` where an example has no text.
    public func forTraining() throws -> [Example] {
        try flatMap { example in
            guard !example.texts.isEmpty else { throw DataError.missingCompletion(example.location) }
            return example.texts.map { text in
                var single = example
                single.completion = text
                single.references = [text]
                if let asked = single.conversation?.messages, asked.last?["role"] != "assistant" {
                    single.conversation?.messages.append(.message(role: "assistant", content: text))
                }
                return single
            }
        }
    }

    /// One example per different source in first-seen order, with the references of all that share the source.
    ///
    /// This is how the paper tests: each source is decoded once and compared with all its references. Empty references
    /// are dropped.
    public func groupedBySource() -> ExampleGroups {
        var groups = ExampleGroups()
        var indices: [String: Int] = [:]
        for example in self {
            let texts = example.texts.filter { !$0.isEmpty }
            if let index = indices[example.prompt] {
                groups.examples[index].references += texts
                groups.groupOfExample.append(index)
            } else {
                indices[example.prompt] = groups.examples.count
                groups.groupOfExample.append(groups.examples.count)
                var first = example
                first.completion = nil
                first.references = texts
                groups.examples.append(first)
            }
        }
        return groups
    }
}

/// Examples merged by equal source.
public struct ExampleGroups: Equatable, Sendable {
    /// One example per source, in first-seen order, with all references.
    public var examples: [Example] = []

    /// For each example before the merge, the index of its group: maps outputs back to official entries (DART).
    public var groupOfExample: [Int] = []
}
