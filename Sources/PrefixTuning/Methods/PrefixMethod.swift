import Foundation
import LanguageModels
import Tensors

/// Prefix-tuning (Li & Liang 2021): the model is frozen, P is trained, flat or through an MLP.
@Compute public final class PrefixMethod: TuningMethod {
    /// What a prefix is, and how training starts.
    public struct Settings: Codable, Equatable, Sendable {
        /// Positions n; nil where the initialisation determines it, else the paper's 10.
        public var length: Int?
        /// Hidden width m of the MLP; nil for a flat prefix.
        public var hiddenWidth: Int? = 512
        /// Where the values come from.
        public var initialization = PrefixInitialization.random
        /// Dropout on P.
        public var dropout: Float = 0
        /// Where the text starts.
        public var textPosition = Prefix.TextPosition.afterPrefix

        /// The paper's settings for table-to-text.
        public init() {}

        /// Throws where a setting has no meaning.
        func validate() throws {
            if let length, length < 1 {
                throw PrefixError.badSetting(name: "length", value: "\(length)", needed: "at least 1")
            }
            if let hiddenWidth, hiddenWidth < 1 {
                throw PrefixError.badSetting(name: "hidden width", value: "\(hiddenWidth)", needed: "at least 1")
            }
            guard (0..<1).contains(dropout) else {
                throw PrefixError.badSetting(name: "dropout", value: "\(dropout)", needed: "a number from 0 to below 1")
            }
        }
    }

    /// "prefix".
    public let name = "prefix"
    /// The frozen model.
    public let model: LanguageModel
    /// Records the passes through the model, back to P.
    public let passTape = Tape()
    /// Records how P comes from the parameters: once per step, however many passes use it.
    private let tape = Tape()
    private var evaluated: (p: Tensor, leaf: Tensor)?
    /// What is trained to give P.
    public let parametrization: any PrefixParametrization
    private let settings: Settings
    private let length: Int

    /// Prepares a prefix for training.
    ///
    /// - Parameters:
    ///   - model: Loaded for `LanguageModel.Purpose.tuning`.
    ///   - seed: Fixes random initial values.
    /// - Throws: ``PrefixError`` where the initialisation does not fit.
    public init(model: LanguageModel, settings: Settings, seed: UInt64) throws {
        self.model = model
        self.settings = settings
        try settings.validate()
        let shape = model.network.shape
        let target = try settings.initialization.values(for: model, length: settings.length)
        length = target?.rows ?? settings.length ?? 10
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        var generator = SeededGenerator(seed: seed)
        if let hiddenWidth = settings.hiddenWidth {
            let mlp = MLPPrefix(
                random: &generator, length: length, hiddenWidth: hiddenWidth, shape: shape, tape: tape)
            if let target { mlp.fit(target) }
            parametrization = mlp
        } else if let target {
            parametrization = FlatPrefix(target, tape: tape)
        } else {
            parametrization = FlatPrefix(random: &generator, length: length, shape: shape, tape: tape)
        }
    }

    /// Length, reparametrisation, dropout and place of the text.
    public var fingerprint: String {
        "length \(length), \(settings.hiddenWidth.map { "MLP of width \($0)" } ?? "flat"), dropout \(settings.dropout), "
            + "text \(settings.textPosition.rawValue)"
    }
    /// The parametrisation's parameters.
    public var parameters: [(name: String, value: Tensor)] { parametrization.parameters }
    /// n · 2 · layers · keyWidth: the MLP is not kept.
    public var storedParameterCount: Int { length * model.network.shape.prefixRowWidth }
    /// n, unless the text keeps its own positions.
    public var reservedPositions: Int { settings.textPosition == .afterPrefix ? length : 0 }

    /// P as the beginning of every sequence's cache.
    public func start() -> KeyValues? {
        // Detached: a flat P is a parameter itself, and passes that start from it would be recorded.
        tape.withoutRecording { keyValues(parametrization.evaluate().detached) }
    }

    /// P, with some of it dropped, as the beginning of every sequence's cache.
    public func beginStep(dropoutSeed: UInt64) -> KeyValues? {
        let p = parametrization.evaluate().droppingOut(settings.dropout, seed: dropoutSeed)
        let leaf = p.leaf(on: passTape)
        evaluated = (p, leaf)
        return keyValues(leaf)
    }

    /// Passes the gradient of P on to what P was computed from.
    public func endStep() {
        guard let (p, leaf) = evaluated else { return }
        if let gradient = leaf.gradient?.take() { tape.backward(from: p, gradient: gradient) } else { tape.reset() }
        evaluated = nil
    }

    private func keyValues(_ p: Tensor) -> KeyValues {
        KeyValues(rowsOf: p, shape: model.network.shape, shiftsPositions: settings.textPosition == .afterPrefix)
    }

    /// None: the frozen model runs as in evaluation, as the authors' GPT-2 code runs it.
    public func dropout(seed: UInt64) -> Dropout? { nil }

    /// The prefix as it stands.
    public func prefix() throws -> Prefix {
        let values = tape.withoutRecording { parametrization.evaluate().values }
        return try Prefix(
            length: length, values: values, shape: model.network.shape, textPosition: settings.textPosition,
            baseModel: model.name)
    }

    /// Writes the evaluated prefix in PEFT's layout.
    public func write(to folder: URL) throws { try prefix().write(to: folder) }
}
