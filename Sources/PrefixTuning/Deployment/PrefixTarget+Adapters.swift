extension PrefixTarget {
    /// Why a program cannot be given an adapter of a kind that is no prefix, and what must be loaded there in its place; nil for forms
    /// that are no server's, and for kinds that are not known.
    ///
    /// - Parameter kind: As ``PrefixError/notAPrefix(file:kind:)`` says it.
    public func refusal(ofAdapter kind: String) -> PrefixError? {
        guard isServed else { return nil }
        let reason: String? =
            switch kind {
            case "LORA":
                "a LoRA adapter changes the model's weights and has no keys and values; load it there itself ("
                    + (self == .mlx
                        ? "mlx_lm.generate --adapter-path, in mlx-lm's own format"
                        : "--lora FILE.gguf, which llama.cpp's convert_lora_to_gguf.py makes")
                    + "), beside a prefix that was trained with it"
            case BottleneckFile.type:
                "bottleneck adapters are layers of their own, which neither llama.cpp nor mlx-lm has"
            case InfixFile.type:
                "an infix stands behind the prompt, and a cache begins with what stands before it"
            default: nil
            }
        return reason.map { .cannotConvert(to: rawValue, reason: $0) }
    }
}
