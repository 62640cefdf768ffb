import Foundation

/// Which tokens have a meaning of their own, from `tokenizer_config.json` and `special_tokens_map.json`.
struct TokenRoles: Sendable {
    /// Under the names that those files use.
    enum Role: String, CaseIterable {
        case beginningOfText = "bos_token"
        case endOfText = "eos_token"
        case unknown = "unk_token"
        case separator = "sep_token"
        case padding = "pad_token"
        case classifier = "cls_token"
        case mask = "mask_token"
    }

    var named: [Role: AddedToken] = [:]
    var others: [AddedToken] = []

    /// All tokens in the order in which Hugging Face adds those that are not in the vocabulary.
    var all: [AddedToken] { Role.allCases.compactMap { named[$0] } + others }

    /// Takes over the roles that `document` declares and that have no token yet.
    mutating func read(_ document: JSONValue, file: String) throws {
        for role in Role.allCases where named[role] == nil {
            guard let value = document[role.rawValue], !value.isNull else { continue }
            named[role] = try AddedToken(declaredBy: value, file: file, component: role.rawValue)
        }
        var known = Set(others.map(\.content))
        for name in ["additional_special_tokens", "extra_special_tokens"] {
            guard let value = document[name], !value.isNull else { continue }
            // A list, or an object of names and tokens.
            guard let list = value.array ?? value.members?.map(\.value) else {
                throw TokenizerError.inconsistent(file: file, component: name, reason: "not a list of tokens")
            }
            for element in list {
                let token = try AddedToken(declaredBy: element, file: file, component: name)
                if known.insert(token.content).inserted { others.append(token) }
            }
        }
    }
}

extension AddedToken {
    /// A token given as plain text, or as an object with `content` and the attributes that differ from the usual.
    init(declaredBy value: JSONValue, file: String, component: String) throws {
        if case .string(let content) = value {
            self.init(content: content)
            return
        }
        guard case .string(let content)? = value["content"] else {
            throw TokenizerError.inconsistent(file: file, component: component, reason: "neither text nor a token")
        }
        self.init(content: content)
        try readAttributes(of: value, file: file, component: component)
    }

    mutating func readAttributes(of value: JSONValue, file: String, component: String) throws {
        let reader = try ComponentReader(value, file: file, component: component)
        singleWord = try reader.flag("single_word", default: singleWord)
        stripsLeft = try reader.flag("lstrip", default: stripsLeft)
        stripsRight = try reader.flag("rstrip", default: stripsRight)
        normalized = try reader.flag("normalized", default: normalized)
        special = try reader.flag("special", default: special)
    }
}
