import Foundation
import LanguageModels

/// How the program runs that a prefix is written for.
public struct ServingSettings: Sendable, Equatable {
    /// The type of its cache.
    public var cacheType = ServedCacheType.float16
    /// Whether llama.cpp runs without flash attention, and keeps values turned about.
    public var transposesValues = false
    /// For how many sequences llama.cpp keeps rows of cells apart: 1, or N of a server that runs with `-np N` and without `-kvu`.
    public var streamCount = 1
    /// The release of llama.cpp.
    public var llamaVersion = LlamaCppVersion.newest
    /// The release of mlx-lm.
    public var mlxVersion = MLXVersion.newest

    /// 16-bit floats, flash attention, one stream, newest versions.
    public init() {}
}

/// What a file for a server holds beside the prefix.
public struct ServedForms: Sendable {
    /// The model's facts.
    public var model: ServedModel
    /// How the server runs.
    public var settings = ServingSettings()
    /// The tokens that stand for the prefix's positions in prompts: of llama.cpp.
    public var placeholders: [Int32] = []
    /// What all prompts begin with after the placeholders, and a token that follows it in none: of sessions, whose reader evaluates
    /// the last token that it finds again.
    public var anchor: (first: Int32, never: Int32)?
    /// What mlx-lm calls the model.
    public var modelName = ""

    /// A prefix for programs that run a model.
    public init(_ model: ServedModel) { self.model = model }
}

/// The forms of servers: state files of llama.cpp and prompt caches of mlx-lm.
extension Prefix {
    /// Refuses a prefix that a server cannot be given.
    ///
    /// - Throws: ``PrefixError/cannotConvert(to:reason:)``, ``PrefixError/otherModel(prefix:model:)``.
    public func check(for target: PrefixTarget, _ model: ServedModel, _ settings: ServingSettings) throws {
        func refused(_ reason: String) -> PrefixError { .cannotConvert(to: target.rawValue, reason: reason) }
        let program = target == .mlx ? "mlx-lm" : "llama.cpp"
        guard shape.encoder == nil, model.shape.encoder == nil else {
            throw refused(
                "\(program) keeps what an encoder makes of a text apart from its cache, and \(model.architecture) has an encoder"
            )
        }
        guard let form = model.form else {
            throw refused("\(program) has no architecture for \(model.architecture); serve it with prefixtune itself")
        }
        try check(.afterPrefix, for: target, reader: program)
        try check(fits: model.shape)
        if form.turnsPairs, target != .mlx, model.rotaryWidth < model.shape.headWidth {
            throw refused(
                "\(model.rotaryWidth) of \(model.shape.headWidth) columns of each key are turned, in pairs, and which these are in "
                    + "llama.cpp's order is not known")
        }
        if let window = model.window, length > window {
            throw refused(
                "the \(length) positions are more than the window of \(window) that \(model.slidingLayers.count) layers see, whose "
                    + "cache does not keep what lies before it; train a prefix of at most \(window)")
        }
        let cells = PrefixCells(self)
        for (layer, rows) in cells.layers.enumerated() {
            for (name, values) in [("key", rows.keys), ("value", rows.values)] {
                guard let index = settings.cacheType.firstBeyond(values) else { continue }
                throw refused(
                    "the \(name) of layer \(layer) at position \(index / cells.stack.keyWidth) holds \(values[index]), beyond the largest "
                        + "number of \(settings.cacheType.rawValue)\(settings.cacheType == .float16 ? " (65504)" : ""); run the program "
                        + "with a cache of f32 or bf16, and give that")
            }
        }
    }

    /// The state that llama.cpp is to have.
    ///
    /// - Throws: As ``check(for:_:_:)``.
    func state(for target: PrefixTarget, _ forms: ServedForms) throws -> LlamaCppState {
        let settings = forms.settings, model = forms.model
        try check(for: target, model, settings)
        var cells = PrefixCells(self), tokens = forms.placeholders
        guard tokens.count == length else {
            throw CacheFileError.placeholderCount(found: tokens.count, needed: length)
        }
        if model.form?.turnsPairs == true { cells = cells.turningPairs(back: false) }
        if target == .llamaSession, let anchor = forms.anchor {
            cells = cells.padded(by: LlamaCppState.blankCount)
            tokens += [anchor.first, anchor.never]
        }
        return LlamaCppState(
            target == .llamaSlot ? .slot : .session, architecture: model.form?.architecture, tokens: tokens,
            cells: cells, layers: model.cacheParts, type: settings.cacheType,
            transposesValues: settings.transposesValues, streamCount: settings.streamCount)
    }

    /// Writes a file for a server.
    func writeServed(to file: URL, as target: PrefixTarget, _ forms: ServedForms?) throws {
        guard let forms else {
            throw PrefixError.cannotConvert(
                to: target.rawValue, reason: "its layers and the order of its keys are the model's; name the model")
        }
        guard target == .mlx else {
            return try state(for: target, forms).write(to: file, for: forms.settings.llamaVersion)
        }
        try check(for: target, forms.model, forms.settings)
        try MLXCache.writer(
            PrefixCells(self), forms.model, name: forms.modelName, type: forms.settings.cacheType,
            version: forms.settings.mlxVersion
        ).write(to: file)
    }

    /// The prefix as a cache of a type holds it: what a server computes with.
    func rounded(to type: ServedCacheType) -> Prefix {
        var result = self
        result.parts = parts.mapValues { type.rounded($0) }
        return result
    }
}
