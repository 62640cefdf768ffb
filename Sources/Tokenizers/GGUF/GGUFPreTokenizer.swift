/// How text is cut into words under the names that GGUF files use (`tokenizer.ggml.pre`), for models of byte-level BPE.
///
/// The names say nothing of the patterns: they are llama.cpp's names for the tokenizers of single models. The patterns are
/// those of the models' `tokenizer.json`, as far as llama.cpp follows them: it applies no normal forms (NFC of Qwen 2 and
/// OLMo), and neither does this.
struct GGUFPreTokenizer {
    /// The `pre_tokenizer` of a `tokenizer.json`.
    let document: JSONValue
    /// Whether a word that is a token is taken as it is.
    var ignoresMerges = false
    /// Whether the token that begins a text goes before it where the file does not say.
    var addsBeginToken = false

    /// - Parameter name: nil where the file has none.
    /// - Returns: nil for a name that is not known.
    init?(named name: String?) {
        let name = name ?? Self.legacyName
        guard let family = Self.families.first(where: { $0.names.contains(name) }) else { return nil }
        document = Self.sequence(family.steps)
        ignoresMerges = family.names == Self.llama3Names || Self.ignoringMerges.contains(name)
        addsBeginToken = family.names == Self.llama3Names || name == "tekken"
    }

    /// All names that are known, in alphabetical order.
    static var names: [String] { families.flatMap(\.names).sorted() }

    private enum Step {
        case digits
        case split(String)
        /// GPT-2's pattern, and the spelling of bytes.
        case gpt2
        /// The spelling of bytes alone.
        case bytes
    }

    private static let legacyName = "default"
    private static let llama3Names = [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    ]
    private static let ignoringMerges: Set = ["glm4", "glm5", "tekken"]

    private static let families: [(names: [String], steps: [Step])] = [
        ([legacyName], [.split(legacySigns), .split(gpt2), .split(#"\p{N}+"#), .split("[0-9][0-9][0-9]"), .bytes]),
        (
            [
                "gpt-2", "phi-2", "olmo", "mpt", "jais", "mellum", "exaone4", "gigachat", "a.x-4.0", "trillion",
                "granite-docling",
            ], [.gpt2]
        ),
        (
            ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
            [.digits, .gpt2]
        ),
        (llama3Names, [.split(WordScanner.Pattern.llama3.expression), .bytes]),
        (
            ["dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "glm5"],
            [.split(WordScanner.Pattern.llama3.expression), .bytes]
        ),
        (
            ["qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"],
            [.split(WordScanner.Pattern.qwen2.expression), .bytes]
        ),
        (["qwen35"], [.split(qwen35), .bytes]),
        (["tekken"], [.split(cased(contractions: "", digits: #"\p{N}"#)), .bytes]),
        (
            ["gpt-4o", "llama4", "kanana2", "minimax-m2"],
            [.split(cased(contractions: "(?i:'s|'t|'re|'ve|'m|'ll|'d)?", digits: #"\p{N}{1,3}"#)), .bytes]
        ),
        (
            ["deepseek-v3", "hunyuan-dense", "joyai-llm"],
            [.split(#"\p{N}{1,3}"#), .split("[一-龥぀-ゟ゠-ヿ]+"), .split(deepSeek), .bytes]
        ),
        (
            ["deepseek-coder"],
            [
                .split("[\r\n]"), .split(#"\s?\p{L}+"#), .split(#"\s?\p{P}+"#), .split("[一-龥ࠀ-一가-퟿]+"), .digits,
                .bytes,
            ]
        ),
        (["falcon"], [.split(falconSigns), .split(gpt2), .split("[0-9][0-9][0-9]"), .bytes]),
        (["bloom", "poro-chat", "gpt3-finnish"], [.split(bloom), .bytes]),
        (["viking"], [.split(bloom), .digits, .bytes]),
    ]

    private static let gpt2 = WordScanner.Pattern.gpt2.expression
    private static let legacySigns = #"[\p{P}\$\+<=>\^~\|]+"#
    private static let falconSigns = #"[\p{P}\$\+<=>\^~\|`]+"#
    private static let bloom = #" ?[^(\s|.,!?…。，、।۔،)]+"#
    private static let qwen35 =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|"#
        + #" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let deepSeek =
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
        + #" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Words that end where small letters are followed by capitals.
    private static func cased(contractions: String, digits: String) -> String {
        let start = #"[^\r\n\p{L}\p{N}]?"#
        let large = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let small = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        return "\(start)\(large)*\(small)+\(contractions)|\(start)\(large)+\(small)*\(contractions)|\(digits)|"
            + #" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static func sequence(_ steps: [Step]) -> JSONValue {
        let parts = steps.map { step -> JSONValue in
            switch step {
            case .digits: .object(["type": .text("Digits"), "individual_digits": .bool(true)])
            case .split(let expression):
                .object([
                    "type": .text("Split"), "pattern": .object(["Regex": .text(expression)]),
                    "behavior": .text("Isolated"), "invert": .bool(false),
                ])
            case .gpt2: ByteLevel.document(addsPrefixSpace: false, usesPattern: true)
            case .bytes: ByteLevel.document(addsPrefixSpace: false, usesPattern: false)
            }
        }
        if let only = parts.first, parts.count == 1 { return only }
        return .object(["type": .text("Sequence"), "pretokenizers": .array(parts)])
    }
}
