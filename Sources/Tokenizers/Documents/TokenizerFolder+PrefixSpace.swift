/// Whether a blank is put before a text, where `tokenizer_config.json` decides that and not `tokenizer.json`.
///
/// Some classes of transformers make their pre-tokenizer anew, after `add_prefix_space`, which is false where the file does
/// not say; the others take `tokenizer.json` as it stands. Found by trying each with version 5.23.0.
enum PrefixSpaceRule: Equatable {
    /// Every `ByteLevel` component puts one there, or none does.
    case byteLevel(Bool)
    /// No `Metaspace` component puts one there, and no `Prepend`.
    case none

    /// By their names without "Fast", and by the types of models whose folders name no class.
    private static let byteLevelClasses: Set = [
        "GPT2Tokenizer", "RobertaTokenizer", "BartTokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer",
    ]
    private static let byteLevelModels: Set = ["gpt2", "opt", "roberta", "bart", "gpt_neox", "qwen2"]

    /// Nil where `tokenizer.json` has the last word.
    init?(tokenizerClass: String?, modelType: String?, addsPrefixSpace: Bool?) {
        let base = tokenizerClass.map { $0.hasSuffix("Fast") ? String($0.dropLast(4)) : $0 }
        if base.map(Self.byteLevelClasses.contains) ?? Self.byteLevelModels.contains(modelType ?? "") {
            self = .byteLevel(addsPrefixSpace ?? false)
        } else if base == "LlamaTokenizer", modelType ?? "llama" == "llama", addsPrefixSpace == false {
            self = .none
        } else {
            return nil
        }
    }

    /// A `tokenizer.json` as it is to be read.
    func applied(to document: JSONValue) -> JSONValue {
        guard case .object(var members) = document else { return document }
        for index in members.indices {
            switch (self, String(decoding: members[index].key, as: UTF8.self)) {
            case (.byteLevel(let adds), "pre_tokenizer"):
                members[index].value = members[index].value.settingAll(
                    "add_prefix_space", to: .bool(adds), in: "ByteLevel")
            case (.none, "pre_tokenizer"):
                members[index].value = members[index].value
                    .settingAll("prepend_scheme", to: .text("never"), in: "Metaspace")
                    .settingAll("add_prefix_space", to: .bool(false), in: "Metaspace")
            case (.none, "normalizer"):
                members[index].value = members[index].value.settingAll("prepend", to: .text(""), in: "Prepend")
            default: break
            }
        }
        return .object(members)
    }
}

extension TokenizerFolder {
    /// `tokenizer.json` with what the files beside it change.
    func tokenizerDocument() throws -> JSONValue? {
        guard let document = try json("tokenizer.json") else { return nil }
        let configuration = try json("tokenizer_config.json")
        var adds: Bool?
        if let configuration, configuration["add_prefix_space"] != nil {
            let reader = try ComponentReader(configuration, file: path("tokenizer_config.json"), component: "")
            adds = try reader.flag("add_prefix_space", default: false)
        }
        let rule = PrefixSpaceRule(
            tokenizerClass: configuration?["tokenizer_class"]?.string,
            modelType: try json("config.json")?["model_type"]?.string, addsPrefixSpace: adds)
        return rule?.applied(to: document) ?? document
    }
}

extension JSONValue {
    /// The value with a member of every object of a type set, however deep it lies. The parser bounds the depth.
    fileprivate func settingAll(_ name: String, to value: JSONValue, in type: String) -> JSONValue {
        switch self {
        case .array(let elements): return .array(elements.map { $0.settingAll(name, to: value, in: type) })
        case .object(var members):
            let isMeant = self["type"]?.string == type
            if isMeant { members.removeAll { $0.key.elementsEqual(name.utf8) } }
            members = members.map { .init(key: $0.key, value: $0.value.settingAll(name, to: value, in: type)) }
            if isMeant { members.append(.init(key: Array(name.utf8), value: value)) }
            return .object(members)
        default: return self
        }
    }
}
