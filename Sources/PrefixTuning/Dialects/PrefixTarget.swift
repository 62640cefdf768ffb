/// The forms in which a prefix can be written.
public enum PrefixTarget: String, CaseIterable, Sendable {
    /// PEFT's folder for a decoder-only model; this package's own for an encoder–decoder model. Loses nothing.
    case prefixtune
    /// A folder that PEFT reads.
    case peft
    /// `pytorch_model.bin` of the authors' GPT-2 or BART class.
    case authors
    /// rinna's file of one tensor.
    case rinna
    /// A folder that AdapterHub's `load_adapter` reads.
    case adapterhub
    /// A file that `TrainableCache.from_pretrained` of the Cartridges repository reads.
    case cartridge
    /// A file that `llama-server` restores into a slot.
    case llamaSlot = "llama-slot"
    /// A file that `llama-completion --prompt-cache` reads.
    case llamaSession = "llama-session"
    /// A file that `mlx_lm.generate --prompt-cache-file` reads.
    case mlx

    /// Whether it is a file of a server's cache, which needs the model itself: its facts, its tokenizer, its answers.
    public var isServed: Bool { [.llamaSlot, .llamaSession, .mlx].contains(self) }
}

/// What only some forms have a place for.
public struct PrefixConversion: Sendable {
    /// First positions that were frozen in training, for cartridges.
    public var frozenLength = 0
    /// The model's architecture by its `model_type`, for AdapterHub, whose keys begin with it.
    public var modelType: String?
    /// The prefix's name in AdapterHub's keys.
    public var name = "prefix"
    /// The model and how it is served, for servers.
    public var served: ServedForms?

    /// Nothing of all that.
    public init() {}
}
