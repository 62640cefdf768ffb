/// Tokens and their ids, as a file spells them: tokens are UTF-8, kept as bytes so that only equal bytes are equal.
struct Vocabulary: Sendable {
    private(set) var identifiers: [[UInt8]: Int32] = [:]
    /// By id; nil where an id is not in use.
    private(set) var spellings: [[UInt8]?] = []

    init(capacity: Int = 0) {
        identifiers.reserveCapacity(capacity)
        spellings.reserveCapacity(capacity)
    }

    /// One more than the largest id.
    var size: Int { spellings.count }

    func identifier(of spelling: [UInt8]) -> Int32? { identifiers[spelling] }

    func spelling(of identifier: Int32) -> [UInt8]? {
        spellings.indices.contains(Int(identifier)) ? spellings[Int(identifier)] : nil
    }

    /// Gives `spelling` the id `identifier`.
    /// - Returns: whether that was possible: not where either is already taken by another.
    mutating func insert(_ spelling: [UInt8], as identifier: Int32) -> Bool {
        if let existing = identifiers[spelling] { return existing == identifier }
        let index = Int(identifier)
        guard index >= 0 else { return false }
        if index >= spellings.count {
            spellings.append(contentsOf: repeatElement(nil, count: index + 1 - spellings.count))
        }
        guard spellings[index] == nil else { return false }
        spellings[index] = spelling
        identifiers[spelling] = identifier
        return true
    }

    /// Gives `spelling` the next id; where it has one already, both ids have this spelling, and it has the later id.
    mutating func append(_ spelling: [UInt8]) {
        identifiers[spelling] = Int32(spellings.count)
        spellings.append(spelling)
    }

    /// Gives `spelling` the next id, unless it has one already, which is returned.
    mutating func appendNew(_ spelling: [UInt8]) -> Int32? {
        if let existing = identifiers.updateValue(Int32(truncatingIfNeeded: spellings.count), forKey: spelling) {
            identifiers[spelling] = existing
            return existing
        }
        spellings.append(spelling)
        return nil
    }

    /// Reads `{"token": id, …}`.
    init(_ value: JSONValue?, file: String, component: String) throws {
        guard let members = value?.members else {
            throw TokenizerError.inconsistent(file: file, component: component, reason: "not an object of token ids")
        }
        // Holes are legal, but a stray huge id must not make us reserve gigabytes.
        let largest = members.count * 8 + 65_536
        self.init(capacity: members.count)
        for member in members {
            let name = String(decoding: member.key, as: UTF8.self)
            guard let identifier = member.value.identifier, identifier >= 0, identifier <= largest else {
                throw TokenizerError.inconsistent(
                    file: file, component: component,
                    reason: "the id of \"\(name)\" is not a whole number in 0...\(largest)")
            }
            guard insert(member.key, as: identifier) else {
                throw TokenizerError.inconsistent(
                    file: file, component: component, reason: "\"\(name)\" or its id \(identifier) occurs twice")
            }
        }
    }
}
