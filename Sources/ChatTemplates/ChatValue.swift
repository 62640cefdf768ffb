/// What a template is given: a value of JSON whose objects keep their order.
public enum ChatValue: Equatable, Sendable {
    /// JSON's null, Python's None.
    case null
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case integer(Int)
    /// A number with a fraction or an exponent.
    case double(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([ChatValue])
    /// Names and values in their order. Of two members of one name the later one's value counts, in the place of the first.
    case object([Member])

    /// A name and its value.
    public struct Member: Equatable, Sendable {
        /// The name.
        public var name: String
        /// Its value.
        public var value: ChatValue

        /// A name with its value.
        public init(_ name: String, _ value: ChatValue) {
            self.name = name
            self.value = value
        }
    }

    /// A message of a conversation: `{"role": …, "content": …}`.
    public static func message(role: String, content: String) -> ChatValue {
        ["role": .string(role), "content": .string(content)]
    }

    /// The value of the last member of that name; nil where there is none, or where this is no object.
    public subscript(name: String) -> ChatValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// The text; nil where this is none.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements; nil where this is no list.
    public var array: [ChatValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }
}

extension ChatValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A list.
    public init(arrayLiteral elements: ChatValue...) { self = .array(elements) }
    /// An object, in the order written.
    public init(dictionaryLiteral elements: (String, ChatValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .integer(value) }
}
