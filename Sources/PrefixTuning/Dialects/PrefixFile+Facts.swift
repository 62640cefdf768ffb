import LanguageModels

/// What a file says of itself, without the model.
extension PrefixFile {
    /// First positions that were kept as they were in training; 0 where none were, or nothing says so.
    public var frozenLength: Int {
        switch dialect {
        case .peftCartridge: max(0, peft?.num_frozen_tokens ?? 1)
        case .cartridges: (try? cartridgeSizes())?.frozen ?? 0
        default: 0
        }
    }

    /// Folder or name of the model that the prefix was trained on, if known.
    public var baseModel: String? {
        peft?.base_model_name_or_path ?? hub?.modelName ?? (dialect == .mlx ? mlxModel : nil)
    }

    /// Number n of positions; nil where only the model tells (a tensor of one axis).
    public var length: Int? {
        switch dialect {
        case .peft, .peftSequenceToSequence, .peftCartridge: return shape(of: Self.promptEmbeddings)?.first
        case .peftPromptTuning, .peftPTuning:
            return peft?.num_virtual_tokens ?? shape(of: Self.promptEmbeddings)?.first
        case .authors, .authorsBART, .authorsEmbeddings:
            if let flat = shape(of: "control_trans") { return flat.count == 5 ? flat[3] : nil }
            return shape(of: "wte.weight")?.first
        case .rinna:
            guard let shape = shape(of: PyTorchFile.nameOfBareTensor), shape.count > 1 else { return nil }
            return shape.first
        case .adapterHub:
            guard let scope = try? adapterHubScope() else { return nil }
            let tables = Self.adapterHubNames.compactMap { shape(of: "\(scope).\($0.name).wte.weight")?.first }
            return tables.first ?? hub?.prefixLength
        case .cartridges: return (try? cartridgeSizes())?.length
        case .llamaSlot, .llamaSession: return state?.length
        case .mlx: return try? mlxLength(ofLayer: 0)
        case .encoderDecoder: return peft?.num_virtual_tokens ?? weights.names.first.flatMap { shape(of: $0)?.first }
        }
    }

    /// The attentions that have a prefix; none for a soft prompt.
    public var attentions: [AttentionKind] {
        switch dialect {
        case .peft, .peftSequenceToSequence, .peftCartridge, .authors, .rinna, .cartridges, .llamaSlot, .llamaSession,
            .mlx:
            return [.decoder]
        case .peftPromptTuning, .peftPTuning, .authorsEmbeddings: return []
        case .authorsBART: return Self.authorsNames.filter { shape(of: "\($0.table).weight") != nil }.map(\.kind)
        case .adapterHub:
            guard let scope = try? adapterHubScope() else { return [] }
            return Self.adapterHubNames.filter { part in
                weights.names.contains { $0.hasPrefix("\(scope).\(part.name).") }
            }.map(\.kind)
        case .encoderDecoder: return AttentionKind.allCases.filter { shape(of: Self.tensorName($0)) != nil }
        }
    }

    /// The decoder's layers, where the file states their number and heads.
    public var stack: AttentionStack? {
        switch dialect {
        case .peft, .peftCartridge, .encoderDecoder: peft?.statedStack
        case .cartridges: (try? cartridgeSizes())?.stack
        case .mlx: try? mlxSizes()
        case .authors:
            shape(of: "control_trans").flatMap { shape in
                shape.count == 5 && shape.allSatisfy { (1...1 << 20).contains($0) }
                    ? AttentionStack(layerCount: shape[0] / 2, keyHeadCount: shape[2], headWidth: shape[4]) : nil
            }
        default: nil
        }
    }

    /// Layers, where the file states their number.
    public var layerCount: Int? { stack?.layerCount ?? state?.layerCount }

    /// The width of the keys of one position in one layer, where the file states it.
    public var keyWidth: Int? { stack?.keyWidth ?? state?.rowWidth }

    /// A model's sizes, where the file states all that a prefix has to fit; positions and vocabulary are not among them.
    public var modelShape: ModelShape? {
        guard let stack else { return nil }
        if dialect == .encoderDecoder, peft?.statedEncoder == nil { return nil }
        return ModelShape(
            layerCount: stack.layerCount, keyHeadCount: stack.keyHeadCount, headWidth: stack.headWidth,
            width: stack.keyWidth, positionCount: .max, vocabularySize: 1, encoder: peft?.statedEncoder)
    }

    /// Numbers stored: of an MLP those of the MLP.
    public var storedCount: Int {
        if let state { return 2 * state.layerCount * state.length * state.rowWidth }
        return weights.names.filter { $0.hasPrefix(root) }.compactMap { weights.shape(of: $0) }
            .reduce(0) { sum, shape in
                let count = shape.reduce((value: 1, overflow: false)) { product, size in
                    let (value, overflow) = product.value.multipliedReportingOverflow(by: size)
                    return (value, product.overflow || overflow)
                }
                return count.overflow ? sum : sum &+ count.value
            }
    }

    /// Whether P is computed by an MLP that the file holds.
    public var isReparametrized: Bool {
        weights.names.contains { $0.hasPrefix(root) && $0.hasSuffix("control_trans.0.weight") }
    }

    /// What llama.cpp calls the architecture of the model, where the file says it.
    public var llamaCppArchitecture: String? { state?.architecture }

    /// Where the text starts.
    public var textPosition: Prefix.TextPosition {
        get throws { try textPosition(default: dialect.textPosition ?? .zero) }
    }
}
