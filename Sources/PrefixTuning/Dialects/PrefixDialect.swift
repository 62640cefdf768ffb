/// The forms in which the programs of the field keep a trained prefix.
public enum PrefixDialect: String, CaseIterable, Sendable, Codable {
    /// PEFT's PREFIX_TUNING for a decoder-only model: `prompt_embeddings` [n × 2·L·keyWidth].
    case peft
    /// PEFT's PREFIX_TUNING for an encoder–decoder model, whose rows PEFT deals out in an order of its own.
    case peftSequenceToSequence = "peft-seq2seq"
    /// PEFT's CARTRIDGE: as PREFIX_TUNING, with some first positions frozen in training.
    case peftCartridge = "peft-cartridge"
    /// PEFT's PROMPT_TUNING: embeddings (Lester et al. 2021).
    case peftPromptTuning = "peft-prompt-tuning"
    /// PEFT's P_TUNING: embeddings, after the encoder that was trained with them (Liu et al. 2021).
    case peftPTuning = "peft-p-tuning"
    /// The GPT-2 checkpoints of the paper's authors: an MLP (`wte`, `control_trans`), or P itself (`control_trans`).
    case authors
    /// The same for embeddings only (paper, section 7.2).
    case authorsEmbeddings = "authors-embeddings"
    /// The BART checkpoints of the paper's authors: three MLPs.
    case authorsBART = "authors-bart"
    /// rinna's file of one tensor [n × 2·L·keyWidth].
    case rinna
    /// AdapterHub's `prefix_tuning`, as MLPs or flat.
    case adapterHub = "adapterhub"
    /// A cartridge (Eyuboglu et al. 2025): keys and values of each layer [1, heads, n, width].
    case cartridges = "cartridge"
    /// A sequence file of llama.cpp, as a slot of its server is saved: cells of keys and values, in llama.cpp's order.
    case llamaSlot = "llama-slot"
    /// A session file of llama.cpp, as `--prompt-cache` has it.
    case llamaSession = "llama-session"
    /// A prompt cache of mlx-lm.
    case mlx
    /// This package's own file of up to three prefixes of an encoder–decoder model, which no other program has.
    case encoderDecoder = "prefixtune"

    /// What people call it.
    public var title: String {
        switch self {
        case .peft: "PREFIX_TUNING, as PEFT stores it"
        case .peftSequenceToSequence: "PREFIX_TUNING of an encoder–decoder model, as PEFT stores it"
        case .peftCartridge: "CARTRIDGE, as PEFT stores it"
        case .peftPromptTuning: "PROMPT_TUNING, as PEFT stores it: a soft prompt"
        case .peftPTuning: "P_TUNING, as PEFT stores it: a soft prompt"
        case .authors: "GPT-2 checkpoint of the paper's authors"
        case .authorsEmbeddings: "GPT-2 checkpoint of the paper's authors, embeddings only: a soft prompt"
        case .authorsBART: "BART checkpoint of the paper's authors"
        case .rinna: "rinna's bare tensor"
        case .adapterHub: "AdapterHub's prefix_tuning"
        case .cartridges: "cartridge of the Cartridges repository"
        case .llamaSlot: "slot of llama.cpp's server"
        case .llamaSession: "session of llama.cpp"
        case .mlx: "prompt cache of mlx-lm"
        case .encoderDecoder: "prefixes of an encoder–decoder model, as this program stores them"
        }
    }

    /// Where the text starts; nil where each file says so itself.
    public var textPosition: Prefix.TextPosition? {
        switch self {
        case .peft, .peftSequenceToSequence, .peftCartridge, .peftPromptTuning, .peftPTuning, .authors,
            .authorsEmbeddings, .rinna, .cartridges, .llamaSlot, .llamaSession, .mlx:
            .afterPrefix
        case .authorsBART, .adapterHub: .zero
        case .encoderDecoder: nil
        }
    }

    /// Whether it holds embeddings, which the model must be run over to have keys and values.
    public var isSoftPrompt: Bool {
        switch self {
        case .peftPromptTuning, .peftPTuning, .authorsEmbeddings: true
        default: false
        }
    }
}
