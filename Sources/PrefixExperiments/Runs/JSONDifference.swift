import Foundation

/// What two values differ in, by the names that their JSON has.
struct JSONDifference: Equatable {
    /// The path of the first key, in alphabetical order: `method.learning_rate`.
    var key: String
    /// What stands there in the one, and in the other.
    var found: String, asked: String

    /// The first difference; nil where there is none.
    ///
    /// - Parameter passedOver: Keys of the outermost object that may differ.
    init?(_ found: some Encodable, _ asked: some Encodable, besides passedOver: Set<String> = []) throws {
        func object(_ value: some Encodable) throws -> [String: Any] {
            let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)) as? [String: Any]
            return (object ?? [:]).filter { !passedOver.contains($0.key) }
        }
        guard let difference = Self.first(try object(found), try object(asked), path: "") else { return nil }
        self = difference
    }

    private init(key: String, found: String, asked: String) { (self.key, self.found, self.asked) = (key, found, asked) }

    private static func first(_ found: Any?, _ asked: Any?, path: String) -> JSONDifference? {
        if let found = found as? [String: Any], let asked = asked as? [String: Any] {
            return Set(found.keys).union(asked.keys).sorted().lazy.compactMap { key in
                first(found[key], asked[key], path: path.isEmpty ? key : "\(path).\(key)")
            }.first
        }
        let (one, other) = (text(found), text(asked))
        return one == other ? nil : JSONDifference(key: path, found: one, asked: other)
    }

    private static func text(_ value: Any?) -> String {
        guard let value,
            let data = try? JSONSerialization.data(
                withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        else { return "nothing" }
        return String(decoding: data, as: UTF8.self)
    }
}
