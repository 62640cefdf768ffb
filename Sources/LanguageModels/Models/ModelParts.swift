import Tensors

/// What all models of an architecture have in common: what it and its parts are called, and what can be put into it.
///
/// Each configuration declares one. Whoever looks at the names of tensors asks it, so that nothing else knows any
/// architecture by name. Paths are those of `transformers` 5, without ``root``.
public struct ModelParts: Equatable, Sendable {
    /// The architecture's name as people write it: "GPT-2".
    public let architecture: String
    /// The value of `model_type` in `config.json`.
    public let modelType: String
    /// What `transformers` puts in front of every path but the head's: "transformer". Checkpoints have it or not, so that no
    /// path of any architecture may begin with the root of another. Empty where it puts nothing there.
    public let root: String
    /// The path in front of a block's number, of the decoder: "h".
    public let blocks: String
    /// The same of the encoder; nil where there is none.
    public let encoderBlocks: String?
    /// The table of tokens.
    public let tokenTable: String
    /// Other such tables of the decoder, where a checkpoint has them.
    public let otherTokenTables: [String]
    /// What else is read before the first block.
    public let inputs: [String]
    /// The norm behind the last block; nil where there is none.
    public let finalNorm: String?
    /// What else stands behind the last block but for the head.
    public let outputs: [String]
    /// The output head, which has this path in every architecture.
    public let head = ModuleName.head
    /// What checkpoints from before `transformers` 5 call it, where that is something else.
    public let olderHead: String?
    /// What the names of the matrices end in that LoRA updates unless told otherwise: PEFT's choice.
    public let lowRankTargets: [String]
    /// How checkpoints store the matrices of blocks.
    public let orientation: MatrixOrientation
    /// AdapterHub's class for models with prefixes; nil where it has none.
    public let adapterHubClass: String?
    /// How servers keep keys and values; nil where llama.cpp and mlx-lm do not know the architecture.
    public let servedForm: ServedForm?

    init(
        _ architecture: String, modelType: String, root: String, blocks: String, encoderBlocks: String? = nil,
        tokenTable: String,
        otherTokenTables: [String] = [], inputs: [String] = [], finalNorm: String?, outputs: [String] = [],
        olderHead: String? = nil, lowRankTargets: [String] = ["q_proj", "v_proj"],
        orientation: MatrixOrientation = .outputByInput, adapterHubClass: String? = nil,
        servedForm: ServedForm? = nil
    ) {
        self.architecture = architecture
        self.modelType = modelType
        self.root = root
        self.blocks = blocks
        self.encoderBlocks = encoderBlocks
        self.tokenTable = tokenTable
        self.otherTokenTables = otherTokenTables
        self.inputs = inputs
        self.finalNorm = finalNorm
        self.outputs = outputs
        self.olderHead = olderHead
        self.lowRankTargets = lowRankTargets
        self.orientation = orientation
        self.adapterHubClass = adapterHubClass
        self.servedForm = servedForm
    }

    /// The parts of every architecture that can be read.
    public static var all: [ModelParts] { ModelConfigurationFile.architectures.map(\.parts) }

    /// The parts of the architecture of a `model_type`; nil where it is none that can be read.
    public static func of(modelType: String) -> ModelParts? { all.first { $0.modelType == modelType } }
}

extension ModelParts {
    /// Where a tensor stands between a model's tokens and its logits.
    public enum Place: Equatable, Sendable {
        /// A table of tokens; a head that is tied to it stands here, too.
        case tokenTable
        /// Anything else that is read before the first block.
        case input
        /// A block: of the decoder or of the encoder, counted from 0 in each.
        case block(Int, of: AttentionKind)
        /// The norm behind the last block.
        case finalNorm
        /// Anything else behind the last block but the head.
        case output
        /// An output head of its own.
        case head
    }

    /// Where a tensor stands, or what an adapter adds to one.
    ///
    /// - Parameter name: Its full name in a checkpoint or in an adapter, whatever stands in front.
    /// - Returns: Nil where it is no part of such a model.
    public func place(of name: String) -> Place? {
        let name = ModuleName.canonical(name)
        func isIn(_ path: String) -> Bool { name == path || name.hasPrefix(path + ".") }
        func block(_ path: String?) -> Int? {
            guard let path, isIn(path) else { return nil }
            return name.dropFirst(path.count).split(separator: ".").first.flatMap { Int($0) }
        }
        if let number = block(blocks) { return .block(number, of: .decoder) }
        if let number = block(encoderBlocks) { return .block(number, of: .encoder) }
        if isIn(tokenTable) || otherTokenTables.contains(where: isIn) { return .tokenTable }
        if inputs.contains(where: isIn) { return .input }
        if let finalNorm, isIn(finalNorm) { return .finalNorm }
        if outputs.contains(where: isIn) { return .output }
        return isIn(head) ? .head : nil
    }

    /// The name that `transformers` 5 gives a module, whatever the checkpoint calls it and leaves out in front.
    public func fullName(of module: String) -> String {
        let name = ModuleName.canonical(module)
        return name == head || root.isEmpty ? name : "\(root).\(name)"
    }
}
