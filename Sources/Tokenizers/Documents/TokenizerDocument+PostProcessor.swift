extension TokenizerDocument {
    /// Every text gets them all; published tokenizers add five at most.
    private static let mostSpecialTokens = 1_024

    /// Reads the `post_processor`: `ByteLevel`, `TemplateProcessing`, `RobertaProcessing`, `BertProcessing`, or a
    /// `Sequence` of them, of which each later one goes around what the earlier ones made.
    func postProcessor(vocabulary: Vocabulary) throws -> PostProcessor {
        guard let value = root.value["post_processor"], !value.isNull else { return PostProcessor(document: .null) }
        var result = PostProcessor(document: value)
        let reader = try ComponentReader(value, file: file, component: "post_processor")
        let parts =
            reader.type == "Sequence"
            ? try reader.list("processors").enumerated().map {
                try ComponentReader($1, file: file, component: "post_processor.processors[\($0)]")
            } : [reader]
        for part in parts {
            try Self.requireFew(result.before.count + result.after.count, of: reader)
            switch part.type {
            case "ByteLevel": continue
            case "TemplateProcessing":
                let (before, after) = try template(part)
                result.before = before + result.before
                result.after += after
            case "RobertaProcessing", "BertProcessing":
                result.before.insert(try pairedIdentifier(part, "cls"), at: 0)
                result.after.append(try pairedIdentifier(part, "sep"))
            default: throw part.unsupportedType
            }
        }
        try Self.requireFew(result.before.count + result.after.count, of: reader)
        for identifier in result.before + result.after where vocabulary.spelling(of: identifier) == nil {
            throw reader.inconsistent("it adds the id \(identifier), which is not in the vocabulary")
        }
        return result
    }

    private static func requireFew(_ count: Int, of reader: ComponentReader) throws {
        guard count <= mostSpecialTokens else {
            throw reader.inconsistent("it adds more than \(mostSpecialTokens) tokens to a text")
        }
    }

    /// `["<s>", 0]`.
    private func pairedIdentifier(_ reader: ComponentReader, _ name: String) throws -> Int32 {
        guard let pair = reader.value[name]?.array, pair.count == 2, let identifier = pair[1].identifier else {
            throw reader.inconsistent("\(name) is not a token and its id")
        }
        return identifier
    }

    /// The ids before and after the one text of the template `single`.
    private func template(_ reader: ComponentReader) throws -> (before: [Int32], after: [Int32]) {
        try reader.allowOnly(["type", "single", "pair", "special_tokens"])
        var before: [Int32] = []
        var after: [Int32] = []
        var seen = false
        for piece in try reader.list("single") {
            if let special = piece["SpecialToken"] {
                guard let name = special["id"]?.string,
                    let ids = reader.value["special_tokens"]?[name]?["ids"]?.array
                else { throw reader.inconsistent("a special token of the template is not declared") }
                try Self.requireFew(before.count + after.count + ids.count, of: reader)
                for id in ids {
                    guard let identifier = id.identifier else {
                        throw reader.inconsistent("an id of \"\(name)\" is not a whole number")
                    }
                    if seen { after.append(identifier) } else { before.append(identifier) }
                }
            } else if piece["Sequence"]?["id"]?.string == "A", !seen {
                seen = true
            } else {
                throw reader.unsupported("single", piece)
            }
        }
        guard seen else { throw reader.inconsistent("the template does not contain the text") }
        return (before, after)
    }
}
