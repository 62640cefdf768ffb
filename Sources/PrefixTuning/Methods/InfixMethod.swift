import Foundation
import LanguageModels
import Tensors

/// Infix-tuning (Li & Liang 2021, section 7.3): [x; INFIX; y], with trained positions between prompt and answer of a frozen
/// decoder-only model.
///
/// As in the authors' code two things are trained: embeddings E₂ [n × d], which the model reads behind x, so that their keys
/// and values depend on x, and a matrix P [n × 2·L·keyWidth], an MLP's output as a prefix is, which is added to these keys
/// and values. Those of x stay as they are. The last token of the prompt, the mark that the authors' template puts between x
/// and y, belongs to y: it follows the infix. See `VirtualTokens` for how that enters a model which knows nothing of it.
///
/// A recomputation saves memory in the pass over y only.
@Compute public final class InfixMethod: TuningMethod {
    /// What an infix is.
    public struct Settings: Codable, Equatable, Sendable {
        /// How many positions the infix has.
        public var length = 10
        /// Hidden width m of the MLP that gives P; nil makes P a parameter.
        public var hiddenWidth: Int? = 512
        /// Dropout on P.
        public var dropout: Float = 0
        /// An infix of the same length, whose values training starts from; nil for random ones.
        public var adapter: URL?

        /// The authors' settings for table-to-text.
        public init() {}
    }

    /// "infix".
    public let name = "infix"
    /// The frozen model.
    public let model: LanguageModel
    /// Records the passes through the model, back to E₂ and P.
    public let passTape: Tape
    /// Records how P comes from the parameters: once per step, however many passes use it.
    private let tape = Tape()
    private let embeddings: Tensor  // E₂
    private let parametrization: any PrefixParametrization  // P
    private let settings: Settings
    private var evaluated: (p: Tensor, leaves: VirtualTokens)?

    /// Prepares an infix for training.
    ///
    /// - Parameters:
    ///   - model: Loaded for `LanguageModel.Purpose.tuning`.
    ///   - seed: Fixes the initial values: those of a prefix, and E₂ ~ N(0, 1), as in the authors' code.
    ///   - passTape: Infixes and prefixes that are to be trained together share one; see ``JointTrainer``.
    /// - Throws: ``PrefixError`` where a setting has no meaning or the model has an encoder.
    public init(model: LanguageModel, settings: Settings, seed: UInt64, passTape: Tape = Tape()) throws {
        let shape = model.network.shape, length = settings.length
        guard shape.encoder == nil else {
            throw PrefixError.infixOfEncoder(architecture: model.configuration.architecture)
        }
        guard length > 0 else { throw PrefixError.badSetting(name: "length", value: "\(length)", needed: "at least 1") }
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        if let width = settings.hiddenWidth { try PrefixError.check(hiddenWidth: width) }
        guard (0..<1).contains(settings.dropout) else {
            throw PrefixError.badSetting(
                name: "dropout", value: "\(settings.dropout)", needed: "a number from 0 to below 1")
        }
        self.model = model
        self.passTape = passTape
        self.settings = settings
        let start = try settings.adapter.map { try InfixFile($0).infix(for: model) }
        if let start, start.count != length { throw PrefixError.otherLength(adapter: start.count, asked: length) }
        var generator = SeededGenerator(seed: seed)
        if let hiddenWidth = settings.hiddenWidth {
            let mlp = MLPPrefix(
                random: &generator, length: length, hiddenWidth: hiddenWidth, outputWidth: shape.prefixRowWidth,
                width: shape.width, tape: tape)
            if let start { mlp.fit(start.shift) }
            parametrization = mlp
        } else if let start {
            parametrization = FlatPrefix(start.shift, tape: tape)
        } else {
            parametrization = FlatPrefix(random: &generator, length: length, width: shape.prefixRowWidth, tape: tape)
        }
        let width = model.network.embeddings(of: [0]).width
        embeddings =
            start?.embeddings.leaf(on: tape) ?? .filled([length, width], tape: tape) { Float(generator.normal()) }
    }

    /// Length, reparametrisation and dropout.
    public var fingerprint: String {
        "length \(settings.length), \(settings.hiddenWidth.map { "MLP of width \($0)" } ?? "flat"), dropout "
            + "\(settings.dropout)" + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
    }
    /// E₂, then those of P, under the names of the authors' code.
    public var parameters: [(name: String, value: Tensor)] {
        [("wte2.weight", embeddings)] + parametrization.parameters
    }
    /// n · (width + 2 · layers · keyWidth): the MLP is not kept.
    public var storedParameterCount: Int {
        settings.length * (embeddings.width + model.network.shape.prefixRowWidth)
    }
    /// The infix takes as many positions as it has.
    public var reservedPositions: Int { settings.length }
    /// False: the model stays as it is.
    public var changesModel: Bool { false }

    /// The infix behind every prompt.
    public func start() -> InitialKeyValues? {
        tape.withoutRecording {
            InitialKeyValues(
                afterPrompt: VirtualTokens(
                    embeddings: embeddings.detached, shift: parametrization.evaluate().detached))
        }
    }

    /// The infix, with some of P dropped, behind every prompt.
    public func beginStep(dropoutSeed: UInt64) -> InitialKeyValues? {
        let p = parametrization.evaluate().droppingOut(settings.dropout, seed: dropoutSeed)
        let leaves = VirtualTokens(embeddings: embeddings.leaf(on: passTape), shift: p.leaf(on: passTape))
        evaluated = (p, leaves)
        return InitialKeyValues(afterPrompt: leaves)
    }

    /// E₂ and P.
    public var passLeaves: [Tensor] { evaluated.map { [$0.1.shift, $0.1.embeddings] } ?? [] }

    /// Passes the gradients on to E₂ and to what P was computed from.
    public func endStep() {
        if let (p, leaves) = evaluated, let gradient = leaves.shift.gradient?.take() {
            if let own = leaves.embeddings.gradient?.take() { embeddings.gradient?.add(own) }
            tape.backward(from: p, gradient: gradient)
        } else {
            tape.reset()
        }
        evaluated = nil
    }

    /// None: the frozen model runs as in evaluation.
    public func dropout(seed: UInt64) -> Dropout? { nil }

    /// Writes E₂ and P; see ``InfixFile``.
    public func write(to folder: URL) throws {
        guard let infix = start()?.afterPrompt else { return }
        try InfixFile.write(
            infix, shape: model.network.shape, baseModel: model.name, baseDigest: model.digest, to: folder)
    }
}
