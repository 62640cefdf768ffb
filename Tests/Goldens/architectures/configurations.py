"""The tiny decoders of these goldens: each is there for the traps that its comment names."""

import torch


def old_names(config):
    """As before transformers 5: torch_dtype."""
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.28.0"


def old_neox(config):
    """rotary_pct and rotary_emb_base instead of rope_parameters; what did not exist yet is left out."""
    old_names(config)
    rope = config.pop("rope_parameters")
    config["rotary_pct"], config["rotary_emb_base"] = rope["partial_rotary_factor"], rope["rope_theta"]
    for key in ("attention_bias", "attention_dropout", "hidden_dropout", "is_decoder", "pad_token_id"):
        config.pop(key, None)


def old_llama(config):
    """rope_theta and rope_scaling{type, factor} instead of rope_parameters."""
    old_names(config)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}
    config.pop("layer_types", None)


def unused_window(config):
    """Qwen's own files name a window that use_sliding_window turns off; transformers drops it when it saves."""
    old_llama(config)
    assert config["use_sliding_window"] is False and config["sliding_window"] is None
    config["sliding_window"] = 6


def old_gemma(config):
    """The pattern of layers as a number, or none where it is the usual one; a base for each kind of layer beside rope_scaling, which
    is the global layers' alone; no bases where they are the usual ones."""
    old_names(config)
    config.pop("layer_types")
    pattern = config.pop("_sliding_window_pattern", 6)
    if pattern != 6:
        config["sliding_window_pattern"] = pattern
    rope = config.pop("rope_parameters")
    local, everywhere = rope["sliding_attention"], rope["full_attention"]
    assert local.pop("rope_type") == "default"
    for key, usual, base in (("rope_local_base_freq", 10000.0, local["rope_theta"]), ("rope_theta", 1e6, everywhere.pop("rope_theta"))):
        if base != usual:
            config[key] = base
    config["rope_scaling"] = None if everywhere["rope_type"] == "default" else everywhere
    config.pop("use_bidirectional_attention")


def old_smollm(config):
    """The interval alone, without the lists that it stands for."""
    old_llama(config)
    assert config.pop("no_rope_layers") == [1, 1, 1, 0, 1]


def old_phi(config):
    """The part of a head and the first length outside of the object."""
    old_names(config)
    rope = config.pop("rope_parameters")
    config["rope_theta"], config["partial_rotary_factor"] = rope.pop("rope_theta"), rope.pop("partial_rotary_factor")
    assert rope.pop("rope_type") == "longrope"
    rope.pop("original_max_position_embeddings", None)
    config["rope_scaling"] = {"type": "longrope", **rope}


def old_bloom(config):
    old_names(config)
    config["n_embed"] = config.pop("hidden_size")


def mask_buffers(config):
    """What old GPT-NeoX checkpoints carry beside their weights."""
    positions, width = config.max_position_embeddings, config.hidden_size // config.num_attention_heads
    rope = config.rope_parameters
    rotary = int(width * rope["partial_rotary_factor"])
    buffers = {}
    for layer in range(config.num_hidden_layers):
        name = f"gpt_neox.layers.{layer}.attention"
        buffers[f"{name}.bias"] = torch.tril(torch.ones(positions, positions, dtype=torch.uint8)).view(1, 1, positions, positions)
        buffers[f"{name}.masked_bias"] = torch.tensor(-1e9)
        buffers[f"{name}.rotary_emb.inv_freq"] = 1.0 / rope["rope_theta"] ** (torch.arange(0, rotary, 2).float() / rotary)
    return buffers


def opt(**options):
    return dict(type="opt", options=dict(
        dict(vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, ffn_dim=40, word_embed_proj_dim=24,
             max_position_embeddings=64, dropout=0.0, attention_dropout=0.0, layerdrop=0.0), **options))


def neox(rotary, base=10000.0, **options):
    return dict(type="gpt_neox", options=dict(
        dict(vocab_size=59, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
             max_position_embeddings=64, rope_parameters=dict(rope_type="default", rope_theta=base, partial_rotary_factor=rotary)),
        **options))


def gated(kind, theta=10000.0, rope=None, **options):
    return dict(type=kind, options=dict(
        dict(vocab_size=56, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
             max_position_embeddings=64, rope_parameters=dict(rope or dict(rope_type="default"), rope_theta=theta)), **options))


def gemma(theta=1000.0, local=100.0, rope=None, **options):
    return dict(type="gemma3_text", options=dict(
        dict(vocab_size=60, hidden_size=24, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=10, intermediate_size=32,
             max_position_embeddings=64, query_pre_attn_scalar=7, sliding_window=6,
             rope_parameters=dict(
                 sliding_attention=dict(rope_type="default", rope_theta=local),
                 full_attention=dict(rope or dict(rope_type="default"), rope_theta=theta))), **options))


CONFIGURATIONS = {
    # Norms first, tied, biases, as all but one OPT.
    "opt-pre": opt(),
    # OPT-350m: norms last, no final norm, embeddings narrower than the model. The seed puts no input of a ReLU near 0.
    "opt-post-projected": dict(
        opt(hidden_size=20, num_attention_heads=5, word_embed_proj_dim=12, do_layer_norm_before=False, num_hidden_layers=3), seed=20210822),
    # No biases, norms without weights, another activation, an untied head.
    "opt-bare-untied": opt(enable_bias=False, layer_norm_elementwise_affine=False, activation_function="gelu", tie_word_embeddings=False),
    # Names that start with `decoder.`; old spelling of the type; one more norm left out.
    "opt-old-names": dict(
        opt(_remove_final_layer_norm=True, num_attention_heads=3), spelling=old_names, keys=lambda key: key.removeprefix("model.")),
    # A quarter of each head rotates, both branches at once, untied: Pythia.
    "neox-parallel": neox(0.25, use_parallel_residual=True, hidden_act="gelu"),
    # All of each head rotates, one branch after the other: rinna's; old spelling and buffers.
    "neox-sequential-old": dict(
        neox(1.0, use_parallel_residual=False, hidden_act="gelu"), spelling=old_neox, extra=mask_buffers),
    # No attention biases, tied, the tanh form of GELU, another base.
    "neox-unbiased-tied": neox(
        0.5, base=500.0, use_parallel_residual=True, attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_new", layer_norm_eps=1e-3),
    "neox-fast-old": dict(
        neox(0.25, base=300.0, use_parallel_residual=False, hidden_act="gelu_fast", num_hidden_layers=3), spelling=old_neox),
    # Llama 3: frequencies scaled by parts, shared keys, heads wider than hidden / heads, untied.
    "llama-3": gated(
        "llama", theta=100.0, head_dim=8,
        rope=dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    # Positions divided by a factor, biases everywhere, one key head, tied; old spelling.
    "llama-linear-biased-old": dict(
        gated("llama", theta=500.0, rope=dict(rope_type="linear", factor=2.0), num_key_value_heads=1, attention_bias=True, mlp_bias=True,
              tie_word_embeddings=True), spelling=old_llama),
    # As many key heads as heads, an odd number of them; old spelling.
    "llama-plain-old": dict(gated("llama", num_attention_heads=3, num_key_value_heads=3, num_hidden_layers=3, rms_norm_eps=1e-3), spelling=old_llama),
    # A window shorter than the sequences.
    "mistral-window": gated("mistral", sliding_window=8),
    "mistral-full-old": dict(gated("mistral", theta=1000.0, sliding_window=None, tie_word_embeddings=True), spelling=old_llama),
    # A window that cuts off part of the prefix, wide heads.
    "mistral-window-wide": gated("mistral", sliding_window=5, head_dim=10, num_key_value_heads=1, num_hidden_layers=3),
    "qwen2-tied": gated("qwen2", tie_word_embeddings=True, use_sliding_window=False, sliding_window=4),
    # Only the last two layers look through the window.
    "qwen2-window": gated("qwen2", num_hidden_layers=3, use_sliding_window=True, sliding_window=6, max_window_layers=1),
    # A window that is written down but not used; old spelling.
    "qwen2-unused-window-old": dict(
        gated("qwen2", theta=1000000.0, num_attention_heads=3, num_key_value_heads=1, use_sliding_window=False, sliding_window=6,
              max_window_layers=1), spelling=unused_window),
    "qwen3-wide": gated("qwen3", head_dim=10, theta=1000000.0, tie_word_embeddings=True),
    "qwen3-biased": gated("qwen3", head_dim=4, num_attention_heads=3, num_key_value_heads=3, attention_bias=True),
    "qwen3-window-old": dict(
        gated("qwen3", head_dim=8, num_key_value_heads=1, num_hidden_layers=3, use_sliding_window=True, sliding_window=7,
              max_window_layers=2), spelling=old_llama),
    # Global layers where layer_types says so, heads wider than hidden / heads, scores scaled by another width, tied.
    "gemma3-window": gemma(layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]),
    # Every third layer global, its positions divided by a factor; biases, one key head, untied; old spelling.
    "gemma3-linear-old": dict(
        gemma(rope=dict(rope_type="linear", factor=4.0), num_key_value_heads=1, head_dim=8, sliding_window=5, attention_bias=True,
              sliding_window_pattern=3, tie_word_embeddings=False), spelling=old_gemma),
    # The usual pattern and bases, which the file leaves out; a window hardly longer than the prefix; narrow heads, as many keys.
    "gemma3-bare-old": dict(
        gemma(theta=1e6, local=1e4, num_hidden_layers=7, num_attention_heads=3, num_key_value_heads=3, head_dim=6, hidden_size=18,
              sliding_window=4, query_pre_attn_scalar=6), spelling=old_gemma),
    # Every fourth layer turns nothing, tied: SmolLM3-3B; the pattern as a number.
    "smollm3-interval-old": dict(
        gated("smollm3", theta=50.0, num_hidden_layers=5, tie_word_embeddings=True), spelling=old_smollm),
    # The layers that turn nothing by name, and a window in those.
    "smollm3-window": gated(
        "smollm3", theta=30.0, num_hidden_layers=3, no_rope_layers=[1, 0, 1], use_sliding_window=True, sliding_window=6, attention_bias=True,
        mlp_bias=True, tie_word_embeddings=False, num_attention_heads=3, num_key_value_heads=1),
    # Matrices in one, a window, all of a head turns.
    "phi3-window": gated("phi3", theta=40.0, sliding_window=7, original_max_position_embeddings=64),
    # Part of a head turns, by scaled frequencies, tied: Phi-4-mini; in the words of old files.
    "phi3-long-old": dict(
        gated("phi3", theta=60.0, num_key_value_heads=1, num_attention_heads=3, tie_word_embeddings=True, max_position_embeddings=256,
              original_max_position_embeddings=64,
              rope=dict(rope_type="longrope", original_max_position_embeddings=64, short_factor=[1.0, 1.5, 3.0], long_factor=[1.0, 4.0, 9.0], partial_rotary_factor=0.75)),
        spelling=old_phi),
    # Columns side by side turn, half of each head; a bias of the logits.
    "gptj-half": dict(type="gptj", options=dict(
        vocab_size=58, n_embd=24, n_layer=2, n_head=3, rotary_dim=4, n_positions=64, n_inner=40)),
    "gptj-whole-tied": dict(type="gptj", options=dict(
        vocab_size=58, n_embd=24, n_layer=3, n_head=4, rotary_dim=6, n_positions=64, activation_function="gelu", layer_norm_epsilon=1e-3,
        tie_word_embeddings=True)),
    # Slopes of a power of two, and of three heads; branches added to what the norms made; the oldest key of the width.
    "bloom-tied": dict(type="bloom", options=dict(vocab_size=57, hidden_size=24, n_layer=2, n_head=4)),
    "bloom-norms-old": dict(
        type="bloom", options=dict(
            vocab_size=57, hidden_size=24, n_layer=2, n_head=3, apply_residual_connection_post_layernorm=True, layer_norm_epsilon=1e-3),
        spelling=old_bloom, keys=lambda key: key.removeprefix("transformer.")),
}
