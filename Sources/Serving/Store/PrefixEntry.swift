import Foundation

/// A prefix in the store: what is known of it without reading its values.
package struct PrefixEntry: Codable, Equatable, Sendable {
    /// Whose it is; nil for one of the server's own.
    package var owner: String?
    /// Its name.
    package var name: String
    /// Number of positions; nil where only the model tells.
    package var length: Int?
    /// Where the text starts.
    package var textPosition: String?
    /// Bytes of its files.
    package var bytes: Int
    /// SHA-256 of its file of values; nil where it has not been computed.
    package var sha256: String?
    /// When it was stored, in seconds since 1970.
    package var created: Int
    /// What tells whether the files have changed.
    package var stamp: String

    enum CodingKeys: String, CodingKey {
        case owner, name, length, bytes, sha256, created, stamp
        case textPosition = "text_position"
    }

    /// What clients call it.
    package var id: String { owner.map { "\($0)/\(name)" } ?? name }
}

/// A model or prefix as `/v1/models` tells it.
package struct ModelObject: Codable, Equatable, Sendable {
    /// What is told of a prefix.
    package struct Facts: Codable, Equatable, Sendable {
        package var length: Int?
        package var bytes: Int
        package var resident: Bool
        package var pinned: Bool
        package var sha256: String?
        package var textPosition: String?

        enum CodingKeys: String, CodingKey {
            case length, bytes, resident, pinned, sha256
            case textPosition = "text_position"
        }
    }

    package var id: String
    package var object = "model"
    package var created: Int
    package var ownedBy: String
    package var root: String
    package var parent: String?
    package var maxModelLength: Int?
    package var prefix: Facts?

    enum CodingKeys: String, CodingKey {
        case id, object, created, root, parent, prefix
        case ownedBy = "owned_by"
        case maxModelLength = "max_model_len"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(object, forKey: .object)
        try container.encode(created, forKey: .created)
        try container.encode(ownedBy, forKey: .ownedBy)
        try container.encode(root, forKey: .root)
        try container.encode(parent, forKey: .parent)
        try container.encodeIfPresent(maxModelLength, forKey: .maxModelLength)
        try container.encodeIfPresent(prefix, forKey: .prefix)
    }
}

/// A page of a list.
package struct ListObject: Codable, Equatable, Sendable {
    package var object = "list"
    package var data: [ModelObject]
    package var firstID: String?
    package var lastID: String?
    package var hasMore = false

    enum CodingKeys: String, CodingKey {
        case object, data
        case firstID = "first_id"
        case lastID = "last_id"
        case hasMore = "has_more"
    }
}

/// What `DELETE` answers.
package struct DeletedObject: Codable, Equatable, Sendable {
    package var id: String
    package var object = "model"
    package var deleted = true
}
