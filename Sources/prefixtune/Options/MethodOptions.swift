import ArgumentParser
import LanguageModels
import PrefixTuning

/// The methods that prefix-tuning is compared with, and their options.
struct MethodOptions: ParsableArguments {
    @Option(help: .n("top-layers: blocks that are trained; 2 by default.")) var topLayers: Int?
    @Flag(help: "top-layers: train the token embeddings and a head tied to them, too.") var trainEmbeddings = false
    @Option(help: .n("adapter: width of the hidden layers; 6 by default.")) var bottleneck: Int?
    @Option(help: "adapter: one behind each block, or behind both sublayers of each; block by default.")
    var placement: BottleneckAdapters.Placement?
    @Option(help: .n("lora: rank; 8 by default.")) var loraRank: Int?
    @Option(help: .x("lora: alpha; updates are scaled by alpha over rank. 8 by default.")) var loraAlpha: Float?
    @Option(parsing: .upToNextOption, help: .text("lora: endings of the names of the updated matrices."))
    var loraTargets: [String] =
        []
    @Option(help: .x("lora: dropout on what the updates read.")) var loraDropout: Float?
    @Option(help: "lora: biases that are trained, too: none, all, or those of the updated matrices; none by default.")
    var loraBias: TrainedParts.Biases?
    @Flag(help: "lora: train the lengths of the updated matrices' columns, too (DoRA).") var dora = false
    @Option(parsing: .upToNextOption, help: .text("lora: endings of the names of modules that are trained as a whole."))
    var modulesToSave: [String] = []

    @Option(
        help:
            "lora: what of the updates stays as it is: lora_A, so that means of several adapters are exact (FFA-LoRA).")
    var freeze: LowRankMethod.Frozen?

    /// Puts what was given into a method's settings.
    func fill(_ settings: inout MethodSettings) {
        settings.layers = topLayers
        settings.embeddings = trainEmbeddings ? true : nil
        settings.bottleneck = bottleneck
        settings.placement = placement
        settings.rank = loraRank
        settings.alpha = loraAlpha
        settings.targets = loraTargets.isEmpty ? nil : loraTargets
        settings.loraDropout = loraDropout
        settings.bias = loraBias
        settings.dora = dora ? true : nil
        settings.modules = modulesToSave.isEmpty ? nil : modulesToSave
        settings.freeze = freeze
    }

    /// Throws where settings belong to another method, in the words of the command line.
    static func validate(_ settings: MethodSettings, _ precision: WeightPrecision) throws {
        let method = settings.method.rawValue
        do {
            try settings.validate()
        } catch TrainingError.meaningless(let setting, _) {
            let flags = flags(of: setting)
            if flags.isOfPrefix, settings.method == .fineTune {
                throw ValidationError("Prefix options have no meaning with --method \(method); leave them out.")
            }
            throw ValidationError("\(flags.names) has no meaning with --method \(method); leave it out.")
        } catch TrainingError.cannotStart(_, let from) {
            throw ValidationError("--method \(method) starts from \(from); leave --init out.")
        }
        if settings.method.trainsWeights, precision != .float32 {
            throw ValidationError("--method \(method) changes the weights: --precision must be f32.")
        }
    }

    /// The flags that give a setting or one like it, and whether they say what a prefix is.
    private static func flags(of setting: String) -> (names: String, isOfPrefix: Bool) {
        switch setting {
        case "layers", "embeddings": ("--top-layers or --train-embeddings", false)
        case "bottleneck", "placement": ("--bottleneck or --placement", false)
        case "rank", "alpha", "targets", "lora_dropout", "bias", "dora", "modules", "freeze": ("A LoRA option", false)
        case "model_dropout", "attention_dropout": ("--model-dropout or --attention-dropout", false)
        case "hidden_width": ("--reparametrization", true)
        case "prefix_dropout": ("--prefix-dropout", true)
        default: ("A prefix option", true)
        }
    }
}

extension BottleneckAdapters.Placement: ExpressibleByArgument {}
extension TrainedParts.Biases: ExpressibleByArgument {}
extension LowRankMethod.Frozen: ExpressibleByArgument {}

extension MethodSettings.Kind: ExpressibleByArgument {}
