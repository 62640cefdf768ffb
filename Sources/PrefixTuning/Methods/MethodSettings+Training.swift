extension MethodSettings {
    /// How the method is trained on a task: as the paper says, or else the method's own authors, but for what is set here.
    public func training(_ task: TaskKind) -> TrainingSettings {
        var settings = TrainingSettings.paper(task, known).0
        if let epochs { settings.duration = .epochs(epochs) }
        if let steps { settings.duration = .steps(steps) }
        settings.learningRate = learningRate ?? settings.learningRate
        settings.batchSize = batchSize ?? settings.batchSize
        settings.schedule = schedule ?? settings.schedule
        settings.warmupSteps = warmup ?? settings.warmupSteps
        settings.layerDecay = layerDecay ?? settings.layerDecay
        settings.optimizer.weightDecay = weightDecay ?? settings.optimizer.weightDecay
        settings.optimizer.clip = clip ?? settings.optimizer.clip
        settings.reduction = reduction ?? settings.reduction
        settings.shuffles = shuffles ?? settings.shuffles
        settings.recomputation = recompute ?? settings.recomputation
        settings.tokensPerPass = tokensPerPass ?? settings.tokensPerPass
        return settings
    }

    private var known: TrainingSettings.KnownMethod {
        switch method {
        case .prefix, .embeddingOnly, .infix: .prefix
        case .fineTune: .fineTuning
        case .topLayers: .topLayers
        case .adapter: .adapter(isSmall: bottleneck.map { $0 < 32 } ?? ((share ?? 0) < 0.01))
        case .lora: .lowRank
        case .promptTuning: .promptTuning
        case .pTuning: .pTuning
        }
    }
}
