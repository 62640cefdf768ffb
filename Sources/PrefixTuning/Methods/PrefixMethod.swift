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
        /// Where the text starts; nil for what the authors do: after the prefix in a decoder-only model, at position 0 in
        /// an encoder–decoder model.
        public var textPosition: Prefix.TextPosition?
        /// The kinds of attention that get a prefix; nil for all that the model has, as in the paper.
        public var attentions: [AttentionKind]?
        /// Dropout inside the frozen model. The authors' GPT-2 code trains without it, their BART code with 0.1.
        public var modelDropout: Float = 0
        /// Dropout on the probabilities of the frozen model's attentions.
        public var attentionDropout: Float = 0

        /// The paper's settings for table-to-text.
        public init() {}

        /// Throws where a setting has no meaning.
        func validate() throws {
            if let length, length < 1 {
                throw PrefixError.badSetting(name: "length", value: "\(length)", needed: "at least 1")
            }
            if let hiddenWidth { try PrefixError.check(hiddenWidth: hiddenWidth) }
            for (name, value) in [
                ("dropout", dropout), ("model dropout", modelDropout), ("attention dropout", attentionDropout),
            ] where !(0..<1).contains(value) {
                throw PrefixError.badSetting(name: name, value: "\(value)", needed: "a number from 0 to below 1")
            }
        }
    }

    /// "prefix".
    public let name = "prefix"
    /// The frozen model.
    public let model: LanguageModel
    /// Records the passes through the model, back to P.
    public let passTape: Tape
    /// Records how P comes from the parameters: once per step, however many passes use it.
    private let tape = Tape()
    private var evaluated: [(p: Tensor, leaf: Tensor)] = []
    /// What is trained to give P, for each kind of attention.
    public let parametrizations: [(kind: AttentionKind, parametrization: any PrefixParametrization)]
    private let settings: Settings
    private let length: Int
    private let textPosition: Prefix.TextPosition

    /// Prepares a prefix for training.
    ///
    /// - Parameters:
    ///   - model: Loaded for `LanguageModel.Purpose.tuning`.
    ///   - seed: Fixes random initial values.
    ///   - passTape: Prefixes that are to be trained together share one; see ``JointTrainer``.
    /// - Throws: ``PrefixError`` where the initialisation does not fit.
    public init(model: LanguageModel, settings: Settings, seed: UInt64, passTape: Tape = Tape()) throws {
        self.model = model
        self.passTape = passTape
        self.settings = settings
        try settings.validate()
        let shape = model.network.shape
        let targets = try settings.initialization.values(for: model, length: settings.length)
        let kinds = settings.attentions ?? shape.attentionKinds
        if let other = kinds.first(where: { shape.stack($0) == nil }) {
            throw PrefixError.noSuchAttention(other, architecture: model.configuration.architecture)
        }
        length = targets.values.first?.rows ?? settings.length ?? 10
        textPosition = settings.textPosition ?? (shape.encoder == nil ? .afterPrefix : .zero)
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        var generator = SeededGenerator(seed: seed), made: [(AttentionKind, any PrefixParametrization)] = []
        for kind in kinds {
            guard let stack = shape.stack(kind) else { continue }
            let target = targets[kind]
            if let hiddenWidth = settings.hiddenWidth {
                let mlp = MLPPrefix(
                    random: &generator, length: length, hiddenWidth: hiddenWidth, outputWidth: stack.prefixRowWidth,
                    width: shape.width, tape: tape)
                if let target { mlp.fit(target) }
                made.append((kind, mlp))
            } else if let target {
                made.append((kind, FlatPrefix(target, tape: tape)))
            } else {
                made.append(
                    (kind, FlatPrefix(random: &generator, length: length, width: stack.prefixRowWidth, tape: tape)))
            }
        }
        parametrizations = made
    }

    /// Length, reparametrisation, dropout, place of the text, and what else changes the course of training.
    public var fingerprint: String {
        "length \(length), \(settings.hiddenWidth.map { "MLP of width \($0)" } ?? "flat"), dropout \(settings.dropout), "
            + "text \(textPosition.rawValue)"
            + (settings.modelDropout > 0 ? ", dropout in the model \(settings.modelDropout)" : "")
            + (settings.attentionDropout > 0 ? ", on attention \(settings.attentionDropout)" : "")
            + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
            + (settings.attentions.map { ", before \($0.map(\.rawValue).joined(separator: ", "))" } ?? "")
    }
    /// The parametrisations' parameters, under the names of the authors' code.
    public var parameters: [(name: String, value: Tensor)] {
        parametrizations.flatMap { kind, parametrization in
            parametrization.parameters.map { (kind.authorsName($0.name), $0.value) }
        }
    }
    /// n · 2 · layers · keyWidth for each kind of attention: the MLP is not kept.
    public var storedParameterCount: Int {
        parametrizations.reduce(0) { $0 + length * (model.network.shape.stack($1.kind)?.prefixRowWidth ?? 0) }
    }
    /// n, unless the text keeps its own positions.
    public var reservedPositions: Int { textPosition == .afterPrefix ? length : 0 }
    /// False: the model stays as it is.
    public var changesModel: Bool { false }

    /// P as the beginning of every sequence's cache.
    public func start() -> InitialKeyValues? {
        // Detached: a flat P is a parameter itself, and passes that start from it would be recorded.
        tape.withoutRecording { keyValues(parametrizations.map { $0.parametrization.evaluate().detached }) }
    }

    /// P, with some of it dropped, as the beginning of every sequence's cache.
    public func beginStep(dropoutSeed: UInt64) -> InitialKeyValues? {
        evaluated = parametrizations.enumerated().map { index, part in
            let seed = dropoutSeed &+ UInt64(index) &* 0x94d0_49bb_1331_11eb
            let p = part.parametrization.evaluate().droppingOut(settings.dropout, seed: seed)
            return (p, p.leaf(on: passTape))
        }
        return keyValues(evaluated.map(\.leaf))
    }

    /// P of each kind of attention: what it was computed from, the MLP, stays on every rank.
    public var passLeaves: [Tensor] { evaluated.map(\.leaf) }

    /// Passes the gradients of P on to what P was computed from.
    public func endStep() {
        let reached = evaluated.compactMap { p, leaf in leaf.gradient?.take().map { (p, $0) } }
        if let last = reached.last {
            for (p, gradient) in reached.dropLast() { p.gradient?.add(gradient) }
            tape.backward(from: last.0, gradient: last.1)
        } else {
            tape.reset()
        }
        evaluated = []
    }

    private func keyValues(_ matrices: [Tensor]) -> InitialKeyValues {
        InitialKeyValues(
            matrices: Dictionary(uniqueKeysWithValues: zip(parametrizations.map(\.kind), matrices)),
            shape: model.network.shape, textPosition: textPosition)
    }

    /// None unless set: the frozen model runs as in evaluation, as the authors' GPT-2 code runs it.
    public func dropout(seed: UInt64) -> Dropout? {
        guard settings.modelDropout > 0 || settings.attentionDropout > 0 else { return nil }
        return Dropout(probability: settings.modelDropout, attention: settings.attentionDropout, seed: seed)
    }

    /// The prefix as it stands.
    public func prefix() throws -> Prefix {
        let parts = tape.withoutRecording {
            parametrizations.map { ($0.kind, $0.parametrization.evaluate().values) }
        }
        return try Prefix(
            length: length, parts: Dictionary(uniqueKeysWithValues: parts), shape: model.network.shape,
            textPosition: textPosition, baseModel: model.name, baseDigest: model.digest)
    }

    /// Writes the evaluated prefix in PEFT's layout.
    public func write(to folder: URL) throws { try prefix().write(to: folder) }
}

extension AttentionKind {
    /// The name that the authors' code gives a parameter of the prefix of this attention: `wte` and `control_trans` of the
    /// decoder, `wte_enc` and `control_trans_enc` of the encoder, `wte2` and `control_trans2` of the cross-attention.
    func authorsName(_ name: String) -> String {
        let parts = name.split(separator: ".", maxSplits: 1)
        let ending =
            switch self {
            case .decoder: ""
            case .encoder: "_enc"
            case .cross: "2"
            }
        return ([parts[0] + ending] + parts.dropFirst().map(String.init)).joined(separator: ".")
    }
}
