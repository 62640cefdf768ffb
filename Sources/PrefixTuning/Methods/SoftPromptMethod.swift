import Foundation
import LanguageModels
import Tensors
import Tokenizers

/// Trained embeddings before the text of a frozen model: prompt tuning (Lester et al. 2021), P-tuning (Liu et
/// al. 2021) and the paper's embedding-only ablation (section 7.2), which differ in what the embeddings come from.
///
/// The model attends to nothing but the keys and values that it computes from the embeddings. They are computed once per
/// step, whatever the size of the batch, and the text then starts from them as it starts from a prefix; a program that
/// puts the embeddings in front of every example gets the same numbers with more work. An encoder has to be given them in front
/// of every text, since there the text is attended to by them, too.
@Compute public final class SoftPromptMethod: TuningMethod {
    /// What the embeddings come from.
    public enum Form: String, CaseIterable, Codable, Sendable {
        /// They are parameters.
        case prompt = "prompt-tuning"
        /// An MLP with two hidden layers and ReLU, as PEFT has it.
        case encoder = "p-tuning"
        /// The MLP of the prefix, with one hidden layer and tanh, as the authors have it; or parameters.
        case embeddingOnly = "embedding-only"
    }

    /// What is trained, and how training starts.
    public struct Settings: Codable, Equatable, Sendable {
        /// What the embeddings come from.
        public var form: Form
        /// Number n of embeddings; nil for as many as the words have, else 10.
        public var length: Int?
        /// Hidden width of the MLP; nil for the model's width in ``Form/encoder`` (PEFT's default), 512 in
        /// ``Form/embeddingOnly``. 0 makes the embeddings of the latter parameters.
        public var hiddenWidth: Int?
        /// Words whose embeddings are what ``Form/prompt`` starts from, repeated to the length; nil for N(0, 1).
        public var words: String?

        /// An adapter whose embeddings ``Form/prompt`` and ``Form/embeddingOnly`` start from, in place of ``words``.
        public var adapter: URL?

        /// Defaults of PEFT, or of the authors for ``Form/embeddingOnly``.
        public init(_ form: Form) { self.form = form }
    }

    /// ``Form``'s name.
    public var name: String { settings.form.rawValue }
    /// The frozen model.
    public let model: LanguageModel
    /// Records the passes of the text through the model.
    public let passTape: Tape
    /// What is trained to give the embeddings [n × width].
    public let embeddings: any PrefixParametrization
    /// Records how keys and values come from the parameters, through the frozen model.
    private let tape = Tape()
    private let settings: Settings
    private let length: Int
    private let width: Int  // of the token table
    private var evaluated: (p: Tensor, leaf: Tensor)?

    /// Prepares embeddings for training.
    ///
    /// - Parameters:
    ///   - model: Loaded for `LanguageModel.Purpose.tuning`.
    ///   - seed: Fixes random initial values.
    ///   - passTape: Soft prompts and prefixes that are to be trained together share one; see ``JointTrainer``.
    /// - Throws: ``PrefixError`` where the settings do not fit the model.
    public init(model: LanguageModel, settings: Settings, seed: UInt64, passTape: Tape = Tape()) throws {
        self.model = model
        self.passTape = passTape
        self.settings = settings
        let shape = model.network.shape
        let width = model.network.embeddings(of: [0]).width
        let words = try settings.words.map { try Self.tokens(of: $0, model) }
        let start = try settings.adapter.map { try Self.embeddings(of: $0, model, width) }
        if let asked = settings.length, let start, start.rows != asked {
            throw PrefixError.otherLength(adapter: start.rows, asked: asked)
        }
        let length = settings.length ?? start?.rows ?? words?.count ?? 10
        guard length > 0 else {
            throw PrefixError.badSetting(name: "length", value: "\(length)", needed: "at least 1")
        }
        if let width = settings.hiddenWidth, width != 0 { try PrefixError.check(hiddenWidth: width) }
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        (self.width, self.length) = (width, length)
        var generator = SeededGenerator(seed: seed)
        switch settings.form {
        case .prompt:
            let initial =
                start
                ?? words.map { words in
                    model.network.embeddings(of: (0..<length).map { words[$0 % words.count] })
                }
            if let initial {
                embeddings = FlatPrefix(initial, tape: tape)
            } else {
                embeddings = FlatPrefix(random: &generator, length: length, width: width, tape: tape)
            }
        case .encoder:
            guard start == nil else {
                throw TrainingError.cannotStart(method: settings.form.rawValue, from: "random values")
            }
            embeddings = PromptEncoder(
                random: &generator, length: length, hiddenWidth: settings.hiddenWidth ?? width, width: width, tape: tape
            )
        case .embeddingOnly:
            let hiddenWidth = settings.hiddenWidth ?? 512
            if hiddenWidth == 0, let start {
                embeddings = FlatPrefix(start, tape: tape)
            } else if hiddenWidth == 0 {
                embeddings = FlatPrefix(random: &generator, length: length, width: width, tape: tape)
            } else {
                let mlp = MLPPrefix(
                    random: &generator, length: length, hiddenWidth: hiddenWidth, outputWidth: width, width: width,
                    tape: tape)
                if let start { mlp.fit(start) }
                embeddings = mlp
            }
        }
    }

    /// [n × width], of an adapter.
    private static func embeddings(of adapter: URL, _ model: LanguageModel, _ width: Int) throws -> Tensor {
        let file = try PrefixFile(adapter)
        guard case .softPrompt(let prompt) = try file.contents(for: model.configuration) else {
            throw TrainingError.badStart(
                file: adapter.path, reason: "it is a prefix, but trained embeddings are needed")
        }
        guard prompt.width == width else {
            throw TrainingError.badStart(
                file: adapter.path, reason: "its embeddings have the width \(prompt.width), but the model's \(width)")
        }
        guard (prompt.place == .encoder) == (model.network.shape.encoder != nil) else {
            throw TrainingError.badStart(
                file: adapter.path,
                reason:
                    "its embeddings stand before the text of \(prompt.place == .encoder ? "an encoder" : "a decoder"), and "
                    + "the model is of the other kind")
        }
        return Tensor(prompt.values, shape: [prompt.length, width])
    }

    private static func tokens(of words: String, _ model: LanguageModel) throws -> [Int32] {
        guard words.contains(where: { !$0.isWhitespace }) else {
            throw PrefixError.badInitialText(tokens: 0, length: nil)
        }
        let tokens = try model.tokenizer.encode(" " + words)
        try PrefixError.requireRows(of: model, for: tokens)
        return tokens
    }

    /// Length and hidden width.
    public var fingerprint: String {
        "length \(length), hidden width \(settings.hiddenWidth.map(String.init) ?? "default")"
            + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
    }
    /// What the embeddings come from.
    public var parameters: [(name: String, value: Tensor)] { embeddings.parameters }
    /// n · width: only the embeddings are kept.
    public var storedParameterCount: Int { length * width }
    /// The soft prompt takes as many positions as it has.
    public var reservedPositions: Int { length }
    /// False: the model stays as it is.
    public var changesModel: Bool { false }

    /// What the model computes from the embeddings.
    public func start() -> InitialKeyValues? {
        tape.withoutRecording { start(evaluate().detached) }
    }

    /// What the model computes from the embeddings, as a leaf of the passes.
    public func beginStep(dropoutSeed: UInt64) -> InitialKeyValues? {
        let p = evaluate(), leaf = p.leaf(on: passTape)
        evaluated = (p, leaf)
        return start(leaf)
    }

    /// What the passes start from: keys and values that the frozen model computes, or the embeddings where an encoder reads them.
    private func evaluate() -> Tensor {
        let embeddings = embeddings.evaluate()
        return hasEncoder ? embeddings : model.differentiableKeyValues(ofEmbeddings: embeddings)
    }

    /// What the passes start from.
    public var passLeaves: [Tensor] { evaluated.map { [$0.leaf] } ?? [] }

    /// Passes the gradients of what the passes started from on to the embeddings: of keys and values through the frozen model.
    public func endStep() {
        if let (p, leaf) = evaluated, let gradient = leaf.gradient?.take() {
            tape.backward(from: p, gradient: gradient)
        } else {
            tape.reset()
        }
        evaluated = nil
    }

    private func start(_ matrix: Tensor) -> InitialKeyValues {
        hasEncoder
            ? InitialKeyValues(sourceEmbeddings: matrix)
            : InitialKeyValues(decoder: KeyValues(rowsOf: matrix, shape: model.network.shape))
    }

    private var hasEncoder: Bool { model.network.shape.encoder != nil }

    /// None: the frozen model runs as in evaluation.
    public func dropout(seed: UInt64) -> Dropout? { nil }

    /// The embeddings as they stand.
    public func softPrompt() -> SoftPrompt {
        SoftPrompt(
            width: width, values: tape.withoutRecording { embeddings.evaluate().values },
            place: hasEncoder ? .encoder : .decoder, baseModel: model.name, baseDigest: model.digest)
    }

    /// Writes the embeddings in PEFT's layout.
    public func write(to folder: URL) throws {
        let shape = model.network.shape
        var configuration = PEFTConfiguration(
            type: settings.form == .encoder ? "P_TUNING" : "PROMPT_TUNING", length: length, stack: shape.decoder,
            baseModel: model.name)
        configuration.token_dim = width
        configuration.num_attention_heads = model.configuration.headCount
        configuration.task_type = hasEncoder ? "SEQ_2_SEQ_LM" : "CAUSAL_LM"
        configuration.num_transformer_submodules = hasEncoder ? 2 : 1
        configuration.encoder_hidden_size = settings.form == .encoder ? settings.hiddenWidth ?? width : nil
        configuration.peft_version = "0.21.2"
        try softPrompt().write(configuration, to: folder)
    }
}

extension SoftPrompt {
    /// Writes the two files of PEFT's layout. For an encoder they have as many rows more, which PEFT does not look at.
    func write(_ configuration: PEFTConfiguration, to folder: URL) throws {
        try ModelFolder.makeFolder(folder)
        var writer = SafetensorsWriter(metadata: BaseDigest.metadata(baseDigest))
        let copies = place == .encoder ? 2 : 1
        writer.add(
            PrefixFile.promptEmbeddings, shape: [copies * length, width],
            values: Array(repeatElement(values, count: copies).joined()))
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        try AtomicFile.write(
            try configuration.fileContents, to: folder.appendingPathComponent("adapter_config.json"))
    }
}
