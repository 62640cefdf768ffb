import Foundation

extension TokenizerFolder {
    /// The classes whose vocabulary files are byte-level BPE, by their names without "Fast".
    private static let plainClasses: Set = ["GPT2Tokenizer", "PreTrainedTokenizer", "TokenizersBackend"]
    private static let robertaClasses: Set = ["RobertaTokenizer", "BartTokenizer"]

    /// Builds the tokenizer of `vocab.json` and `merges.txt` as transformers does for GPT-2, OPT, RoBERTa and BART.
    func tokenizer(vocabulary: JSONValue, merges: [UInt8]) throws -> Tokenizer {
        let file = path("vocab.json")
        let words = try Vocabulary(vocabulary, file: file, component: "vocabulary")
        let pairs = try Self.merges(merges, vocabulary: words, file: path("merges.txt"))
        let model = try BytePairModel(vocabulary: words, merges: pairs, file: path("merges.txt"))

        let configuration = try json("tokenizer_config.json")
        let isRoberta = try isRoberta(configuration)
        var roles = try roles()
        let usual: [TokenRoles.Role: String] =
            isRoberta
            ? [
                .beginningOfText: "<s>", .endOfText: "</s>", .separator: "</s>", .classifier: "<s>",
                .unknown: "<unk>", .padding: "<pad>", .mask: "<mask>",
            ]
            : [
                .beginningOfText: "<|endoftext|>", .endOfText: "<|endoftext|>", .unknown: "<|endoftext|>",
            ]
        for (role, token) in usual where roles.named[role] == nil {
            // Unlike what a file declares, the usual tokens are not added to a vocabulary that does without them.
            let content = Array(token.utf8)
            if words.identifier(of: content) != nil { roles.named[role] = AddedToken(content: content) }
        }

        var added = AddedVocabulary(over: words, file: file)
        try readAddedTokens(roles: roles, into: &added)
        try addConfiguredTokens(of: roles, to: &added)

        let addsPrefixSpace = try configuration.map {
            try ComponentReader($0, file: path("tokenizer_config.json"), component: "")
                .flag("add_prefix_space", default: false)
        }
        var postProcessor = PostProcessor.byteLevel
        if isRoberta {
            func entry(_ role: TokenRoles.Role) throws -> (token: [UInt8], identifier: Int32) {
                guard let token = roles.named[role]?.content, let id = added.vocabulary.identifier(of: token) else {
                    throw TokenizerError.inconsistent(
                        file: file, component: role.rawValue, reason: "RoBERTa needs this token")
                }
                return (token, id)
            }
            postProcessor = .roberta(
                separator: try entry(.separator), classifier: try entry(.classifier),
                addsPrefixSpace: addsPrefixSpace ?? false)
        } else if let configured = try configuredPostProcessor(roles: roles, vocabulary: added.vocabulary) {
            postProcessor = configured
        }
        return Tokenizer(
            try TokenizerCore(
                byteLevel: model, addedTokens: added, addsPrefixSpace: addsPrefixSpace ?? false,
                postProcessor: postProcessor, roles: roles))
    }

    /// Decided by the tokenizer's class, else by the model's type.
    private func isRoberta(_ configuration: JSONValue?) throws -> Bool {
        if let name = configuration?["tokenizer_class"]?.string {
            let base = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
            if Self.robertaClasses.contains(base) { return true }
            if Self.plainClasses.contains(base) { return false }
            throw TokenizerError.unsupported(
                file: path("tokenizer_config.json"), component: "tokenizer_class", value: name)
        }
        return ["roberta", "bart"].contains(try json("config.json")?["model_type"]?.string ?? "")
    }

    /// `added_tokens.json`: `{"token": id, …}`; special are those that have a role.
    private func readAddedTokens(roles: TokenRoles, into added: inout AddedVocabulary) throws {
        guard let document = try json("added_tokens.json") else { return }
        let list = try Vocabulary(document, file: path("added_tokens.json"), component: "added tokens")
        let declared = Dictionary(roles.all.map { ($0.content, $0) }, uniquingKeysWith: { first, _ in first })
        for (content, identifier) in list.identifiers.sorted(by: { $0.value < $1.value }) {
            try added.add(
                declared[content] ?? AddedToken(content: content, normalized: true, special: false), as: identifier)
        }
    }

    /// One merge per line, "left right", after an optional line "#version: …".
    static func merges(_ contents: [UInt8], vocabulary: Vocabulary, file: String) throws -> [BytePairModel.Merge] {
        var merges: [BytePairModel.Merge] = []
        var lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        merges.reserveCapacity(lines.count)
        for (number, line) in lines.enumerated() {
            if line.starts(with: "#version".utf8) { continue }
            let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            let halves = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard halves.count == 2 else {
                throw TokenizerError.malformed(
                    file: file, place: "line \(number + 1)", reason: "not two tokens with a blank between")
            }
            guard let left = vocabulary.identifier(of: Array(halves[0])),
                let right = vocabulary.identifier(of: Array(halves[1]))
            else {
                throw TokenizerError.inconsistent(
                    file: file, component: "line \(number + 1)", reason: "a half of the merge is not in the vocabulary")
            }
            merges.append(.init(left: left, right: right))
        }
        return merges
    }
}
