import LanguageModels
import Tensors

extension MethodSettings {
    /// The method, ready to be trained.
    ///
    /// - Parameters:
    ///   - base: The model that it adapts; many methods that leave it as it is share the one that it loads.
    ///   - task: What it is trained on: the authors' prefixes for summaries are longer, wider inside, and trained with dropout.
    ///   - seed: Fixes random initial values.
    ///   - passTape: What runs that are trained together record on.
    /// - Throws: What the method throws for settings that do not fit the model.
    @Compute public func method(
        on base: BaseModel, task: TuningTask, seed: UInt64, passTape: Tape = Tape()
    ) throws -> any TuningMethod {
        if let startingAdapter { try method.check(start: startingAdapter) }
        switch method {
        case .prefix:
            return try PrefixMethod(model: base.model(), settings: prefix(task), seed: seed, passTape: passTape)
        case .promptTuning: return try softPrompt(.prompt, base, task, seed, passTape)
        case .pTuning: return try softPrompt(.encoder, base, task, seed, passTape)
        case .embeddingOnly: return try softPrompt(.embeddingOnly, base, task, seed, passTape)
        case .infix:
            var settings = InfixMethod.Settings()
            settings.adapter = startingAdapter
            settings.length = try length(task) ?? startingAdapter.map { try InfixFile($0).length } ?? settings.length
            if let hiddenWidth { settings.hiddenWidth = hiddenWidth == 0 ? nil : hiddenWidth }
            settings.dropout = prefixDropout ?? settings.dropout
            return try InfixMethod(model: base.model(), settings: settings, seed: seed, passTape: passTape)
        case .fineTune: return try fineTuning(.all, base)
        case .topLayers: return try fineTuning(.topLayers(layers ?? 2, embeddings: embeddings ?? false), base)
        case .adapter:
            var settings = BottleneckMethod.Settings()
            let start = try startingAdapter.map { try BottleneckFile($0) }
            settings.bottleneck =
                bottleneck ?? share.map { base.bottleneck(share: $0) } ?? start?.bottleneck ?? settings.bottleneck
            settings.placement = placement ?? start?.placement ?? settings.placement
            settings.modelDropout = modelDropout
            settings.attentionDropout = attentionDropout
            return try BottleneckMethod(
                folder: base.folder, settings: settings, precision: base.precision, modelName: base.name, seed: seed,
                start: start)
        case .lora:
            let start = try startingAdapter.map { try LowRankStart($0, alpha: alpha) }
            return try LowRankMethod(
                folder: base.folder, settings: lowRank(from: start), precision: base.precision, modelName: base.name,
                seed: seed, start: start)
        }
    }

    /// What a prefix is; of any other method nothing is said.
    package func prefix(_ task: TuningTask) -> PrefixMethod.Settings {
        var settings = task.prefix
        settings.initialization = start(task)
        settings.length = length(task)
        if let hiddenWidth { settings.hiddenWidth = hiddenWidth == 0 ? nil : hiddenWidth }
        settings.dropout = prefixDropout ?? settings.dropout
        settings.modelDropout = modelDropout ?? settings.modelDropout
        settings.attentionDropout = attentionDropout ?? settings.attentionDropout
        if let attentions { settings.attentions = AttentionKind.allCases.filter(attentions.contains) }
        settings.textPosition = textPosition ?? settings.textPosition
        return settings
    }

    private func start(_ task: TuningTask) -> PrefixInitialization {
        initialization ?? words.map { .words($0) } ?? task.prefix.initialization
    }

    /// Positions; nil where what they start from says how many.
    private func length(_ task: TuningTask) -> Int? {
        length ?? (start(task) == .random ? task.prefix.length : nil)
    }

    @Compute private func softPrompt(
        _ form: SoftPromptMethod.Form, _ base: BaseModel, _ task: TuningTask, _ seed: UInt64, _ passTape: Tape
    ) throws -> SoftPromptMethod {
        var settings = SoftPromptMethod.Settings(form)
        if case .words(let words) = start(task) { settings.words = words }
        settings.length = length(task)
        settings.hiddenWidth = hiddenWidth
        settings.adapter = startingAdapter
        return try SoftPromptMethod(model: base.model(), settings: settings, seed: seed, passTape: passTape)
    }

    @Compute private func fineTuning(_ part: FineTuning.Part, _ base: BaseModel) throws -> FineTuning {
        try FineTuning(
            folder: base.folder, part: part, dropout: modelDropout, attentionDropout: attentionDropout,
            modelName: base.name, start: startingAdapter)
    }

    /// Of LoRA: what is not given is as what it starts from.
    private func lowRank(from start: LowRankStart?) -> LowRankMethod.Settings {
        var settings = start?.settings ?? LowRankMethod.Settings()
        settings.rank = rank ?? settings.rank
        // α of a loralib file was needed to read it.
        if start?.dialect != .loralib { settings.alpha = alpha ?? settings.alpha }
        settings.targets = targets ?? settings.targets
        settings.dropout = loraDropout ?? settings.dropout
        settings.biases = bias ?? settings.biases
        settings.trainsMagnitudes = dora ?? settings.trainsMagnitudes
        settings.modules = modules ?? settings.modules
        settings.frozen = freeze
        settings.modelDropout = modelDropout
        settings.attentionDropout = attentionDropout
        return settings
    }
}
