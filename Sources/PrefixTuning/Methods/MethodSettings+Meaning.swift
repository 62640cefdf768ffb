import Foundation

extension MethodSettings {
    /// Throws where a setting means nothing to the method, which would leave it out without a word.
    ///
    /// - Throws: ``TrainingError/meaningless(setting:method:)`` or ``TrainingError/cannotStart(method:from:)``.
    public func validate() throws {
        let given = try given
        for key in CodingKeys.allCases where given.contains(key.rawValue) {
            guard methods(using: key)?.contains(method) ?? true else {
                throw TrainingError.meaningless(setting: key.rawValue, method: method.rawValue)
            }
        }
        guard initialization.map(method.canStart) ?? true else {
            throw TrainingError.cannotStart(method: method.rawValue, from: method.starts)
        }
    }

    /// The keys of what is not nil, as a file would have them.
    private var given: Set<String> {
        get throws {
            let encoder = JSONEncoder()
            // Whether a number has a meaning is the business of what takes it.
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
            let values = try JSONSerialization.jsonObject(with: encoder.encode(self)) as? [String: Any] ?? [:]
            return Set(values.keys)
        }
    }

    /// The methods that a setting means something to; nil for all.
    private func methods(using key: CodingKeys) -> Set<Kind>? {
        switch key {
        case .layers, .embeddings: [.topLayers]
        case .bottleneck, .share, .placement: [.adapter]
        case .rank, .alpha, .targets, .loraDropout, .bias, .dora, .modules, .freeze: [.lora]
        case .length: [.prefix, .promptTuning, .pTuning, .embeddingOnly, .infix]
        case .hiddenWidth: [.prefix, .pTuning, .embeddingOnly, .infix]
        // Text before the source means something to every method.
        case .words: wordsBeforeSource == true ? nil : [.prefix, .promptTuning]
        case .prefixDropout: [.prefix, .infix]
        case .attentions, .textPosition: [.prefix]
        case .modelDropout, .attentionDropout: [.prefix, .fineTune, .topLayers, .adapter, .lora]
        // Whether a layer decay has a meaning the trainer says, which knows the method itself.
        case .method, .initialization, .proximal, .wordsBeforeSource, .learningRate, .epochs, .steps, .batchSize,
            .schedule, .warmup, .layerDecay,
            .weightDecay, .clip, .reduction, .shuffles, .recompute, .tokensPerPass:
            nil
        }
    }
}
