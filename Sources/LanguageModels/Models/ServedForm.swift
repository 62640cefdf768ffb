/// How the servers of the field, llama.cpp and mlx-lm, keep the keys and values of an architecture.
///
/// Source: `llama_model_rope_type` and `llm_build_…` of llama.cpp, `make_cache` of the models of mlx-lm.
public struct ServedForm: Equatable, Sendable {
    /// What llama.cpp calls the architecture (`general.architecture`).
    public let architecture: String
    /// Whether llama.cpp turns columns that lie side by side, where `transformers` and mlx-lm turn halves: then its keys have
    /// another order, as the rows of its weights have ("NORM" for "NEOX").
    public let turnsPairs: Bool
    /// Whether layers that see a window have a cache of their own.
    public let keepsWindowsApart: Bool

    init(_ architecture: String, turnsPairs: Bool = false, keepsWindowsApart: Bool = false) {
        self.architecture = architecture
        self.turnsPairs = turnsPairs
        self.keepsWindowsApart = keepsWindowsApart
    }
}
