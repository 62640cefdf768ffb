extension MethodSettings {
    /// How the method is trained on a task: as the paper says, or else the method's own authors, but for what is set here.
    public func training(_ task: TuningTask) -> TrainingSettings {
        var settings = task.training.settings(for: self)
        if let epochs { settings.duration = .epochs(epochs) }
        if let steps { settings.duration = .steps(steps) }
        settings.learningRate = learningRate ?? settings.learningRate
        settings.batchSize = batchSize ?? settings.batchSize
        settings.schedule = schedule ?? settings.schedule
        settings.warmupSteps = warmup ?? settings.warmupSteps
        settings.layerDecay = layerDecay ?? settings.layerDecay
        settings.optimizer.weightDecay = weightDecay ?? settings.optimizer.weightDecay
        settings.optimizer.clip = clip ?? settings.optimizer.clip
        settings.optimizer.proximal = proximal.flatMap { $0 == 0 ? nil : $0 } ?? settings.optimizer.proximal
        settings.reduction = reduction ?? settings.reduction
        settings.shuffles = shuffles ?? settings.shuffles
        settings.recomputation = recompute ?? settings.recomputation
        settings.tokensPerPass = tokensPerPass ?? settings.tokensPerPass
        return settings
    }

    /// Whether bottleneck adapters are small as the paper has it, which trains those of 0.1% and of 3% of the parameters
    /// differently.
    var hasSmallAdapters: Bool { bottleneck.map { $0 < 32 } ?? ((share ?? 0) < 0.01) }
}
