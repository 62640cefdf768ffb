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
        /// Prompts of which one becomes the canary; of sessions, one that begins with the anchor, or else the anchor itself.
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
            rounded, placeholders: placeholders.tokens, on: model,
            prompts: Self.prompts(options, for: target, on: model))
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

    /// The prompts that the program can be given: those of a session begin with its anchor.
    @Compute private static func prompts(
        _ options: Options, for target: PrefixTarget, on model: LanguageModel
    ) throws -> [String] {
        guard target == .llamaSession, let anchor = options.anchor,
            let first = try model.encodedPrompt(anchor).first
        else { return options.prompts }
        let fitting = try options.prompts.filter { try model.encodedPrompt($0).first == first }
        return fitting.isEmpty ? [anchor] : fitting
    }

    /// Writes the folder; `canary.json`, which makes it one, comes last.
    ///
    /// - Throws: ``CacheFileError/occupied(file:reason:)`` where the folder has files that are not of a deployment and stand in its way;
    ///   `CheckpointError` where it cannot be written; a file that stood there before is then unchanged.
    public func write(to folder: URL) throws {
        var details = PrefixConversion()
        details.served = forms
        let texts = try texts()
        try checkPlace(folder)
        try ModelFolder.makeFolder(folder)
        try prefix.write(to: folder.appendingPathComponent(facts.file), as: target, details: details)
        // A template of another prefix would write the placeholders of that one.
        if !texts.contains(where: { $0.name == Self.templateName }) {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(Self.templateName))
        }
        for (name, text) in texts {
            try AtomicFile.write(text.utf8, to: folder.appendingPathComponent(name))
        }
    }

    /// The model's template with the placeholders in front.
    static let templateName = "chat_template.jinja"
    private static let howToName = "HOWTO.md"

    /// Refuses a folder whose files would be lost, or would be read in place of what is written.
    private func checkPlace(_ folder: URL) throws {
        let adapter = folder.appendingPathComponent("adapter_config.json")
        if FileManager.default.fileExists(atPath: adapter.path) {
            throw CacheFileError.occupied(
                file: adapter.path, reason: "is of another adapter, which would be read in place of the prefix")
        }
        // Ours begins with the placeholders of what is there, or of what is to be there.
        let begins = [facts.placeholderText, (try? DeploymentFacts(folder: folder))?.placeholderText]
        for (name, begins, kind) in [
            (Self.templateName, begins.compactMap(\.self), "a chat template"),
            (Self.howToName, [Self.howToTitle], "a text"),
        ] {
            let file = folder.appendingPathComponent(name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            guard begins.contains(where: { !$0.isEmpty && text.hasPrefix($0) }) else {
                throw CacheFileError.occupied(file: file.path, reason: "is \(kind) that was not written with a prefix")
            }
        }
    }

    /// The files beside that of keys and values, in the order in which they are written.
    func texts() throws -> [(name: String, text: String)] {
        var files: [(name: String, text: String)] = [(Self.howToName, howTo)]
        if target != .mlx, let template = options.chatTemplate {
            files.append((Self.templateName, facts.placeholderText + template))
        }
        return files + [(DeploymentFacts.fileName, try JSONText.document(facts))]
    }
}
