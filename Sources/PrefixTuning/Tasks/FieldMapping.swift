import Foundation

/// Which fields of a user's own data are the prompt and the text to learn.
///
/// ```swift
/// var fields = FieldMapping()
/// fields.prompt = .template(try PromptTemplate("Question: {question}\nAnswer:"))
/// fields.completion = "answer"
/// let examples = try TuningTask.jsonl(fields: fields).read(file)
/// ```
public struct FieldMapping: Equatable, Sendable {
    /// What a prompt is made of.
    public enum Prompt: Equatable, Sendable {
        /// A field, as it is.
        case field(String)
        /// Several fields, or one with text around it.
        case template(PromptTemplate)
    }

    /// What the prompt is made of.
    public var prompt = Prompt.field("prompt")
    /// The field of the text to learn, or of a list of texts that all count as right; nil for `completion` or `references`.
    public var completion: String?

    /// The fields `prompt` and `completion` or `references`.
    public init() {}

    /// The template, where there is one.
    public var template: PromptTemplate? {
        if case .template(let template) = prompt { template } else { nil }
    }

    /// The fields that every line must have.
    var promptFields: [String] {
        switch prompt {
        case .field(let name): [name]
        case .template(let template): template.fields
        }
    }

    /// What a line must look like, for messages.
    var expected: String {
        let prompt = "{" + promptFields.map { "\"\($0)\": \"…\"" }.joined(separator: ", ") + "}"
        return prompt + " with "
            + (completion.map { "\"\($0)\": \"…\"" } ?? "\"completion\": \"…\" or \"references\": [\"…\"]")
            + " where texts are learnt or compared"
    }
}

/// A field that a line does not have.
struct MissingField: Error {
    let name: String
    /// Those that it has.
    let keys: [String]
}

/// What a ``FieldMapping`` takes of one line of JSON.
struct FieldRow: Decodable {
    /// In the decoder's `userInfo`: the mapping.
    static let mapping = CodingUserInfoKey(rawValue: "prefixtune.fields")

    let prompt: String
    var completion: String?
    let references: [String]

    func example(_ location: DataLocation) -> Example {
        Example(prompt: prompt, completion: completion, references: references, location: location)
    }

    /// A decoder that maps fields.
    static func decoder(_ fields: FieldMapping) -> JSONDecoder {
        let decoder = JSONDecoder()
        if let mapping { decoder.userInfo[mapping] = fields }
        return decoder
    }

    init(from decoder: any Decoder) throws {
        let fields = Self.mapping.flatMap { decoder.userInfo[$0] as? FieldMapping } ?? FieldMapping()
        let row = try decoder.container(keyedBy: FieldKey.self)
        if let missing = fields.promptFields.first(where: { !row.contains(FieldKey($0)) }) {
            throw MissingField(name: missing, keys: row.allKeys.map(\.stringValue).sorted())
        }
        switch fields.prompt {
        case .field(let name): prompt = try row.decode(String.self, forKey: FieldKey(name))
        case .template(let template): prompt = try template.filled { try Self.text(row, FieldKey($0)) }
        }
        guard let name = fields.completion.map({ FieldKey($0) }) else {
            completion = try row.decodeIfPresent(String.self, forKey: "completion")
            references =
                try row.decodeIfPresent([String].self, forKey: "references") ?? completion.map { [$0] } ?? []
            return
        }
        guard row.contains(name), try !row.decodeNil(forKey: name) else {
            references = []
            return
        }
        if let texts = try? row.decode([String].self, forKey: name) {
            references = texts
        } else {
            let text = try Self.text(row, name)
            (completion, references) = (text, [text])
        }
    }

    /// A text, or a number as it is commonly written: labels and marks are numbers in many data sets.
    private static func text(_ row: KeyedDecodingContainer<FieldKey>, _ name: FieldKey) throws -> String {
        do {
            return try row.decode(String.self, forKey: name)
        } catch {
            if let number = try? row.decode(Int.self, forKey: name) { return "\(number)" }
            if let number = try? row.decode(Double.self, forKey: name) { return "\(number)" }
            throw error
        }
    }
}

/// The name of any field.
struct FieldKey: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.init(stringValue) }
    init(stringLiteral: String) { self.init(stringLiteral) }
    init?(intValue: Int) { nil }
}
