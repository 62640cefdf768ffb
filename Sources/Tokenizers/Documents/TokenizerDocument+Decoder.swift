extension TokenizerDocument {
    /// Reads the `decoder`, whose `Sequence`s may be nested.
    func decoder() throws -> DecoderChain {
        guard let reader = try component("decoder") else { return DecoderChain(steps: [.join], document: .null) }
        let steps = try reader.parts(listedAs: "decoders").map { part -> DecoderChain.Step in
            switch part.type {
            case "ByteLevel": return .byteLevel
            case "ByteFallback": return .byteFallback
            case "Fuse": return .fuse
            case "Metaspace":
                let metaspace = try metaspace(part)
                return .metaspace(replacement: metaspace.replacement, stripsFirst: metaspace.scheme != .never)
            case "Strip":
                try part.allowOnly(["type", "content", "start", "stop"])
                return .strip(
                    content: try part.character("content"), start: try part.smallCount("start"),
                    stop: try part.smallCount("stop"))
            case "Replace":
                try part.allowOnly(["type", "pattern", "content"])
                return .replace(try part.pattern(), content: try part.shortString("content"))
            case "WordPiece":
                try part.allowOnly(["type", "prefix", "cleanup"])
                return .wordPiece(prefix: try part.shortString("prefix"), cleansUp: try part.flag("cleanup"))
            case "BPEDecoder":
                try part.allowOnly(["type", "suffix"])
                return .suffix(try part.shortString("suffix"))
            default: throw part.unsupportedType
            }
        }
        try Self.requireFew(steps, of: reader)
        try Self.requireBoundedGrowth(steps.map(\.growth), of: reader, atMost: Self.greatestDecodedGrowth)
        return DecoderChain(steps: steps, document: reader.value)
    }
}
