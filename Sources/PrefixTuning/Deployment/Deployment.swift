import Foundation
import LanguageModels
import Tensors
import Tokenizers

/// A prefix as another program is given it: the file of its cache, and what is needed to use it there.
///
/// The folder has the file; `chat_template.jinja`, the model's template with the placeholders in front; `HOWTO.md`, the commands;
/// and `canary.json`, what our engine answers to one prompt (``DeploymentFacts``).
///
/// ```swift
/// let deployment = try Deployment(prefix, on: model, as: .llamaSlot)
/// try deployment.write(to: folder)
/// ```
public struct Deployment: Sendable {
    /// What may be told of a deployment; everything is chosen where nothing is told.
    public struct Options: Sendable {
        /// How the program runs.
        public var settings = ServingSettings()
        /// The tokens that stand for the prefix.
        public var placeholders: [Int32]?
        /// Prompts of which one becomes the canary.
        public var prompts = Canary.prompts
        /// What all prompts begin with: for sessions.
        public var anchor: String?
        /// The chat template of the model.
        public var chatTemplate: String?
        /// What mlx-lm calls the model; its own name unless told.
        public var modelName: String?
        /// Whether the model's weights are stored as integers.
        public var holdsIntegers = false
        /// A LoRA adapter that the prefix was trained with, and which the model has.
        public var lora: String?

        /// Everything is chosen.
        public init() {}
    }

    /// What it was made for.
    public let target: PrefixTarget
    /// What is beside the file.
    public let facts: DeploymentFacts
    let prefix: Prefix
    let forms: ServedForms
    let options: Options
    /// What the session's reader evaluates again, as text.
    let anchorText: String?
    /// The token that a server puts before every text, which is the first placeholder; nil where there is none.
    let begins: Int32?

    /// The names of the files of keys and values.
    public static func fileName(of target: PrefixTarget) -> String {
        switch target {
        case .llamaSession: "session.bin"
        case .mlx: "prompt_cache.safetensors"
        default: "prefix.bin"
        }
    }

    /// Prepares a deployment: checks that the program can have the prefix, chooses placeholders and answers the canary.
    ///
    /// - Parameters:
    ///   - prefix: The prefix.
    ///   - model: The model, with the adapters that it will have there.
    ///   - target: One that ``PrefixTarget/isServed``.
    /// - Throws: ``PrefixError``, ``CacheFileError`` or `GenerationError`; nothing is written.
    @Compute public init(
        _ prefix: Prefix, on model: LanguageModel, as target: PrefixTarget, options: Options = Options()
    ) throws {
        let served = ServedModel(model.configuration), type = options.settings.cacheType
        try prefix.checkFinite(file: URL(fileURLWithPath: prefix.baseModel ?? "prefix"))
        try prefix.check(for: target, served, options.settings)
        let rounded = prefix.rounded(to: type)
        let placeholders =
            if let tokens = options.placeholders {
                try Placeholders(tokens, count: prefix.length, tokenizer: model.tokenizer)
            } else {
                try Placeholders(
                    count: prefix.length, of: model, template: options.chatTemplate, seed: Self.seed(of: rounded))
            }
        let canary = try Canary(
            rounded, placeholders: placeholders.tokens, on: model, prompts: options.prompts)
        var forms = ServedForms(served)
        forms.settings = options.settings
        forms.placeholders = placeholders.tokens
        forms.modelName = options.modelName ?? model.name
        let anchor = try Self.anchor(options.anchor, canary, on: model)
        forms.anchor = (anchor, placeholders.tokens.last { $0 != anchor } ?? model.endOfText)
        (self.prefix, self.forms, self.options, self.target) = (rounded, forms, options, target)
        begins = model.tokenizer.specialTokensAround.before.first
        anchorText = String(decoding: model.tokenizer.bytes(of: anchor), as: UTF8.self)
        facts = DeploymentFacts(
            target: target, file: Self.fileName(of: target), placeholders: placeholders, window: served.window,
            settings: options.settings, canary: canary, tolerance: options.holdsIntegers ? 1.5 : 0.1)
    }

    /// The same placeholders for the same prefix, also when it was read back from the file.
    private static func seed(of prefix: Prefix) -> UInt64 {
        var digester = Digester()
        digester.add(prefix.values)
        return digester.digest.value
    }

    /// The first token of every prompt: what the tokenizer puts there, what was told, or what the canary begins with.
    @Compute private static func anchor(_ text: String?, _ canary: Canary, on model: LanguageModel) throws -> Int32 {
        let told = try text.map { try model.encodedPrompt($0) }?.first
        return told ?? canary.promptTokens.first ?? model.endOfText
    }

    /// Writes the folder.
    ///
    /// - Throws: `CheckpointError` where it cannot be written; a file that stood there before is then unchanged.
    public func write(to folder: URL) throws {
        var details = PrefixConversion()
        details.served = forms
        try ModelFolder.makeFolder(folder)
        try prefix.write(to: folder.appendingPathComponent(facts.file), as: target, details: details)
        for (name, text) in try texts() {
            try AtomicFile.write(text.utf8, to: folder.appendingPathComponent(name))
        }
    }

    /// The files beside that of keys and values.
    func texts() throws -> [(name: String, text: String)] {
        var files = [("HOWTO.md", howTo), (DeploymentFacts.fileName, try JSONText.document(facts))]
        if target != .mlx, let template = options.chatTemplate {
            files.append(("chat_template.jinja", facts.placeholderText + template))
        }
        return files
    }
}
