import Foundation

extension TokenizerDocument {
    /// Reads the `normalizer`, whose `Sequence`s may be nested.
    func normalizerSteps(_ reader: ComponentReader) throws -> [Normalizer.Step] {
        let steps = try reader.parts(listedAs: "normalizers").map { part -> Normalizer.Step in
            switch part.type {
            case "NFC": return .form(.nfc)
            case "NFD": return .form(.nfd)
            case "NFKC": return .form(.nfkc)
            case "NFKD": return .form(.nfkd)
            case "Lowercase": return .lowercase
            case "StripAccents": return .stripAccents
            case "Nmt": return .nmt
            case "ByteLevel": return .byteLevel
            case "Strip":
                try part.allowOnly(["type", "strip_left", "strip_right"])
                return .strip(left: try part.flag("strip_left"), right: try part.flag("strip_right"))
            case "Replace":
                try part.allowOnly(["type", "pattern", "content"])
                return .replace(try part.pattern(), content: try part.shortString("content"))
            case "Prepend":
                try part.allowOnly(["type", "prepend"])
                return .prepend(try part.shortString("prepend"))
            case "Precompiled":
                try part.allowOnly(["type", "precompiled_charsmap"])
                let text = String(decoding: try part.requiredString("precompiled_charsmap"), as: UTF8.self)
                guard let bytes = Data(base64Encoded: text) else {
                    throw part.inconsistent("the precompiled_charsmap is not base64")
                }
                return .precompiled(try PrecompiledMap([UInt8](bytes), file: file, component: part.component))
            case "BertNormalizer": return .bert(try bertCleaning(part))
            default: throw part.unsupportedType
            }
        }
        try Self.requireFew(steps, of: reader)
        try Self.requireBoundedGrowth(steps.map(\.growth), of: reader)
        return steps
    }

    private func bertCleaning(_ reader: ComponentReader) throws -> BertCleaning {
        try reader.allowOnly(["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"])
        let lowercases = try reader.flag("lowercase")
        return BertCleaning(
            cleansText: try reader.flag("clean_text"),
            separatesChinese: try reader.flag("handle_chinese_chars"),
            stripsAccents: try reader.flag("strip_accents", default: lowercases), lowercases: lowercases)
    }
}
