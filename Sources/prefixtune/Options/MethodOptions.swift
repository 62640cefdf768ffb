import ArgumentParser
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors

/// The methods that prefix-tuning is compared with, and their options.
struct MethodOptions: ParsableArguments {
    typealias Method = MethodRow.Kind

    @Option(help: "top-layers: blocks that are trained; 2 by default.") var topLayers: Int?
    @Flag(help: "top-layers: train the token embeddings and a head tied to them, too.") var trainEmbeddings = false
    @Option(help: "adapter: width of the hidden layers; 6 by default.") var bottleneck: Int?
    @Option(help: "adapter: one behind each block, or behind both sublayers of each; block by default.")
    var placement: BottleneckAdapters.Placement?
    @Option(help: "lora: rank; 8 by default.") var loraRank: Int?
    @Option(help: "lora: alpha; updates are scaled by alpha over rank. 8 by default.") var loraAlpha: Float?
    @Option(parsing: .upToNextOption, help: "lora: endings of the names of the updated matrices.") var loraTargets:
        [String] =
            []
    @Option(help: "lora: dropout on what the updates read.") var loraDropout: Float?
    @Option(help: "lora: biases that are trained, too: none, all, or those of the updated matrices; none by default.")
    var loraBias: TrainedParts.Biases?
    @Flag(help: "lora: train the lengths of the updated matrices' columns, too (DoRA).") var dora = false
    @Option(parsing: .upToNextOption, help: "lora: endings of the names of modules that are trained as a whole.")
    var modulesToSave: [String] = []

    /// Throws where options belong to another method.
    func validate(_ method: Method, _ prefix: PrefixOptions, _ precision: WeightPrecision) throws {
        func check(_ isSet: Bool, _ names: String, _ methods: Method...) throws {
            guard isSet, !methods.contains(method) else { return }
            throw ValidationError("\(names) \(Self.meaningless) --method \(method.rawValue); leave it out.")
        }
        try check(topLayers != nil || trainEmbeddings, "--top-layers or --train-embeddings", .topLayers)
        try check(bottleneck != nil || placement != nil, "--bottleneck or --placement", .adapter)
        try check(
            loraRank != nil || loraAlpha != nil || !loraTargets.isEmpty || loraDropout != nil || loraBias != nil || dora
                || !modulesToSave.isEmpty, "A LoRA option", .lora)
        if prefix.isSet, method == .fineTune {
            throw ValidationError("Prefix options have no meaning with --method fine-tune; leave them out.")
        }
        try check(
            prefix.prefixLength != nil || prefix.initialization != nil, "A prefix option", .prefix, .promptTuning,
            .pTuning, .embeddingOnly, .infix)
        try check(prefix.reparametrization != nil, "--reparametrization", .prefix, .pTuning, .embeddingOnly, .infix)
        try check(
            prefix.modelDropout != nil || prefix.attentionDropout != nil, "--model-dropout or --attention-dropout",
            .prefix, .fineTune, .topLayers, .adapter, .lora)
        try check(prefix.prefixDropout != nil, "--prefix-dropout", .prefix, .infix)
        try check(
            !prefix.attentions.isEmpty || prefix.textAtZero || prefix.textAfterPrefix, "A prefix option", .prefix)
        if method.trainsWeights, precision != .float32 {
            throw ValidationError("--method \(method.rawValue) changes the weights: --precision must be f32.")
        }
        if method.softPrompt != nil || method == .infix, let initialization = prefix.initialization {
            switch initialization {
            case .value(.random): break
            case .value(.words) where method == .promptTuning: break
            default:
                throw ValidationError(
                    "--method \(method.rawValue) starts from random values"
                        + (method == .promptTuning ? " or words:TEXT" : "") + "; leave --init out.")
            }
        }
    }

    private static let meaningless = "has no meaning with"

    /// What the paper, or else the method's own, says of training.
    func known(_ method: Method) -> TrainingSettings.KnownMethod {
        switch method {
        case .prefix, .embeddingOnly, .infix: .prefix
        case .fineTune: .fineTuning
        case .topLayers: .topLayers
        case .adapter: .adapter(isSmall: (bottleneck ?? 6) < 32)
        case .lora: .lowRank
        case .promptTuning: .promptTuning
        case .pTuning: .pTuning
        }
    }

    /// Any method but the prefix, ready to be trained.
    @Compute func method(
        _ method: Method, folder: URL, name: String, precision: WeightPrecision, prefix: PrefixOptions,
        defaultLength: Int, seed: UInt64
    ) throws -> any TuningMethod {
        if let form = method.softPrompt {
            var settings = SoftPromptMethod.Settings(form)
            if case .value(.words(let words))? = prefix.initialization { settings.words = words }
            settings.length = prefix.prefixLength ?? (settings.words == nil ? defaultLength : nil)
            if let width = prefix.reparametrization { settings.hiddenWidth = width.value ?? 0 }
            let model = try LanguageModel.load(folder, for: .tuning, precision: precision, name: name)
            return try SoftPromptMethod(model: model, settings: settings, seed: seed)
        }
        switch method {
        case .infix:
            var settings = InfixMethod.Settings()
            settings.length = prefix.prefixLength ?? defaultLength
            if let width = prefix.reparametrization { settings.hiddenWidth = width.value }
            settings.dropout = prefix.prefixDropout ?? 0
            let model = try LanguageModel.load(folder, for: .tuning, precision: precision, name: name)
            return try InfixMethod(model: model, settings: settings, seed: seed)
        case .adapter:
            var settings = BottleneckMethod.Settings()
            settings.bottleneck = bottleneck ?? settings.bottleneck
            settings.placement = placement ?? settings.placement
            (settings.modelDropout, settings.attentionDropout) = (prefix.modelDropout, prefix.attentionDropout)
            return try BottleneckMethod(
                folder: folder, settings: settings, precision: precision, modelName: name, seed: seed)
        case .lora:
            var settings = LowRankMethod.Settings()
            settings.rank = loraRank ?? settings.rank
            settings.alpha = loraAlpha ?? settings.alpha
            settings.targets = loraTargets
            settings.dropout = loraDropout ?? settings.dropout
            settings.biases = loraBias ?? settings.biases
            (settings.trainsMagnitudes, settings.modules) = (dora, modulesToSave)
            (settings.modelDropout, settings.attentionDropout) = (prefix.modelDropout, prefix.attentionDropout)
            return try LowRankMethod(
                folder: folder, settings: settings, precision: precision, modelName: name, seed: seed)
        default:
            let part = FineTuning.Part.topLayers(topLayers ?? 2, embeddings: trainEmbeddings)
            return try FineTuning(
                folder: folder, part: method == .topLayers ? part : .all, dropout: prefix.modelDropout,
                attentionDropout: prefix.attentionDropout, modelName: name)
        }
    }
}

extension BottleneckAdapters.Placement: ExpressibleByArgument {}
extension TrainedParts.Biases: ExpressibleByArgument {}

extension MethodRow.Kind: ExpressibleByArgument {
    /// The form of a soft prompt, where the method trains one.
    var softPrompt: SoftPromptMethod.Form? { SoftPromptMethod.Form(rawValue: rawValue) }
    var trainsWeights: Bool { self == .fineTune || self == .topLayers }
}
