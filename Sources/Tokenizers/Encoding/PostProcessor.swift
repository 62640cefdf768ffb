/// The special tokens put around a text, and the component of `tokenizer.json` that says so.
struct PostProcessor: Sendable {
    var before: [Int32] = []
    var after: [Int32] = []
    /// The `post_processor` as stored, written back unchanged.
    var document: JSONValue

    /// Adds nothing.
    static let byteLevel = PostProcessor(document: ByteLevel.document(addsPrefixSpace: true, usesPattern: true))

    /// `before… $A after…`, as transformers builds it from `add_bos_token` and `add_eos_token`.
    static func template(
        before: [(token: [UInt8], identifier: Int32)], after: [(token: [UInt8], identifier: Int32)]
    ) -> PostProcessor {
        func special(_ token: [UInt8], _ type: Double) -> JSONValue {
            .object(["SpecialToken": .object(["id": .string(token), "type_id": .number(type)])])
        }
        func sequence(_ name: String, _ type: Double) -> JSONValue {
            .object(["Sequence": .object(["id": .text(name), "type_id": .number(type)])])
        }
        func side(_ name: String, _ type: Double) -> [JSONValue] {
            before.map { special($0.token, type) } + [sequence(name, type)] + after.map { special($0.token, type) }
        }
        var listed: [JSONValue.Member] = []
        for (token, identifier) in before + after where !listed.contains(where: { $0.key == token }) {
            listed.append(
                .init(
                    key: token,
                    value: .object([
                        "id": .string(token), "ids": .array([.number(Double(identifier))]),
                        "tokens": .array([.string(token)]),
                    ])))
        }
        return PostProcessor(
            before: before.map(\.identifier), after: after.map(\.identifier),
            document: .object([
                "type": .text("TemplateProcessing"), "single": .array(side("A", 0)),
                "pair": .array(side("A", 0) + side("B", 1)), "special_tokens": .object(listed),
            ]))
    }

    /// `cls $A sep`, and `cls $A sep sep $B sep` for pairs, as RoBERTa and BART have it.
    static func roberta(
        separator: (token: [UInt8], identifier: Int32), classifier: (token: [UInt8], identifier: Int32),
        addsPrefixSpace: Bool
    ) -> PostProcessor {
        func pair(_ entry: (token: [UInt8], identifier: Int32)) -> JSONValue {
            .array([.string(entry.token), .number(Double(entry.identifier))])
        }
        return PostProcessor(
            before: [classifier.identifier], after: [separator.identifier],
            document: .object([
                "type": .text("RobertaProcessing"), "sep": pair(separator), "cls": pair(classifier),
                "trim_offsets": .bool(true), "add_prefix_space": .bool(addsPrefixSpace),
            ]))
    }
}

/// The `ByteLevel` component, which is a pre-tokenizer, a post-processor and a decoder.
enum ByteLevel {
    static func document(addsPrefixSpace: Bool, usesPattern: Bool) -> JSONValue {
        .object([
            "type": .text("ByteLevel"), "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": .bool(true),
            "use_regex": .bool(usesPattern),
        ])
    }
}
