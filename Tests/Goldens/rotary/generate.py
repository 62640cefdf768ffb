"""Rotary positions of tiny random Llama, Qwen2 and GPT-NeoX models under every kind of scaling: logits by transformers in float64.

Run: python Tests/Goldens/rotary/generate.py
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import random_sequence, write_json, write_manifest
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

HERE = Path(__file__).resolve().parent
SEED = 20260404
PREFIX_LENGTH, LENGTHS, FIRST = 3, (6, 12, 20), 5

SIZES = dict(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, max_position_embeddings=32,
             bos_token_id=0, eos_token_id=2)
LONG = dict(short_factor=[1.0, 1.5, 2.0, 2.5], long_factor=[2.0, 3.5, 4.0, 5.0])

# What is beside the sizes: of older files and of newer ones, and what transformers ignores or puts first.
VARIANTS = {
    "partial-ignored": ("llama", dict(rope_theta=100.0, partial_rotary_factor=0.5)),
    "partial-inside-ignored": ("llama", dict(rope_parameters=dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5))),
    "partial-ignored-qwen2": ("qwen2", dict(rope_theta=100.0, partial_rotary_factor=0.5, rotary_pct=0.25)),
    "linear": ("llama", dict(rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=100.0))),
    "scaling-before-parameters": ("llama", dict(
        rope_theta=100.0, rope_parameters=dict(rope_type="linear", factor=2.5), rope_scaling=dict(type="linear", factor=4.0))),
    "dynamic": ("llama", dict(max_position_embeddings=8, rope_theta=100.0, rope_scaling=dict(type="dynamic", factor=4.0))),
    "dynamic-new": ("qwen2", dict(
        max_position_embeddings=8, rope_parameters=dict(rope_type="dynamic", factor=4.0, rope_theta=100.0))),
    "yarn": ("llama", dict(rope_theta=100.0, rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=64))),
    "yarn-new": ("llama", dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64, rope_theta=100.0, beta_fast=8.0, beta_slow=2.0, truncate=False,
        mscale=0.7, mscale_all_dim=1.2))),
    "yarn-stated-factor": ("qwen2", dict(original_max_position_embeddings=48, rope_parameters=dict(
        rope_type="yarn", factor=2.0, original_max_position_embeddings=64, rope_theta=100.0, attention_factor=0.8))),
    "longrope": ("llama", dict(rope_theta=100.0, rope_scaling=dict(type="longrope", original_max_position_embeddings=10, **LONG))),
    "longrope-new": ("qwen2", dict(original_max_position_embeddings=10, rope_parameters=dict(
        rope_type="longrope", factor=2.0, rope_theta=100.0, **LONG))),
    "longrope-stated-factor": ("llama", dict(rope_parameters=dict(
        rope_type="longrope", attention_factor=1.3, original_max_position_embeddings=16, rope_theta=100.0, **LONG))),
    "llama3": ("llama", dict(rope_theta=100.0, rope_scaling=dict(
        rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
    "llama3-beside": ("llama", dict(original_max_position_embeddings=24, rope_parameters=dict(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, rope_theta=100.0))),
    "neox-keys": ("gpt_neox", dict(rotary_pct=0.5, rotary_emb_base=50, partial_rotary_factor=1.0, rope_theta=300.0)),
    "neox-dynamic": ("gpt_neox", dict(
        max_position_embeddings=8, rotary_pct=0.5, rotary_emb_base=100, rope_scaling=dict(type="dynamic", factor=3.0))),
    "neox-yarn": ("gpt_neox", dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64, rope_theta=100.0, partial_rotary_factor=0.5))),
    "neox-longrope": ("gpt_neox", dict(rope_parameters=dict(
        rope_type="longrope", factor=2.0, original_max_position_embeddings=10, rope_theta=100.0, partial_rotary_factor=0.5,
        short_factor=[1.0, 1.5], long_factor=[2.0, 3.5]))),
}


def read(config):
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "config.json", config)
        return AutoConfig.from_pretrained(folder)


def model_of(config, weights):
    """A fresh one each time: transformers' rotary embeddings remember longer sequences."""
    model = AutoModelForCausalLM.from_config(read(config), dtype=torch.float64, attn_implementation="eager").eval()
    model.load_state_dict(weights)
    return model


def random_weights(config, generator):
    model = AutoModelForCausalLM.from_config(read(config), dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in name and name.endswith("weight") else 0.25 * noise)
    return {key: value.contiguous() for key, value in model.state_dict().items()}


def cache_of(prefix, config):
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    rows = prefix.view(PREFIX_LENGTH, 2 * config.num_hidden_layers, heads, 8).permute(1, 2, 0, 3).unsqueeze(1)
    return DynamicCache([(rows[2 * layer], rows[2 * layer + 1]) for layer in range(config.num_hidden_layers)])


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(SEED)
    base = {kind: dict(SIZES, model_type=kind) for kind in ("llama", "qwen2", "gpt_neox")}
    for kind in ("llama", "qwen2"):
        base[kind]["num_key_value_heads"] = 2
    weights = {kind: random_weights(config, generator) for kind, config in base.items()}
    for kind, tensors in weights.items():
        save_file(tensors, HERE / f"{kind}.safetensors", metadata={"format": "pt"})
    sequences = [random_sequence(generator, SIZES["vocab_size"], length) for length in LENGTHS]
    prefixes = {kind: 0.7 * torch.randn(PREFIX_LENGTH, 2 * 2 * (4 if kind == "gpt_neox" else 2) * 8, generator=generator) for kind in base}
    tensors = {f"prefix.{kind}": prefix for kind, prefix in prefixes.items()}
    cases = {}
    for name, (kind, options) in VARIANTS.items():
        config = dict(base[kind], **options)
        cases[name] = config
        with torch.no_grad():
            for index, ids in enumerate(sequences):
                tensors[f"{name}.{index}"] = model_of(config, weights[kind])(torch.tensor([ids])).logits[0]
                model = model_of(config, weights[kind])
                start = cache_of(prefixes[kind].double(), model.config)
                tensors[f"{name}.prefix.{index}"] = model(torch.tensor([ids]), past_key_values=start, use_cache=True).logits[0]
            model, cache, rows = model_of(config, weights[kind]), DynamicCache(), []
            for part in [sequences[-1][:FIRST]] + [[token] for token in sequences[-1][FIRST:]]:
                rows.append(model(torch.tensor([part]), past_key_values=cache, use_cache=True).logits[0])
            tensors[f"{name}.steps"] = torch.cat(rows)
        plain = dict(base[kind], rope_theta=100.0)
        difference = (tensors[f"{name}.2"] - model_of(plain, weights[kind])(torch.tensor([sequences[2]])).logits[0]).abs().max().item()
        print(name, f"differs from the plain form by {difference:.3f}", flush=True)
    save_file({key: value.float().contiguous() for key, value in tensors.items()}, HERE / "golden.safetensors")
    write_json(HERE / "cases.json", {"sequences": sequences, "first": FIRST, "configurations": cases})
    write_manifest(HERE, SEED, {
        "*.safetensors": "random weights of one model of each type, for all its configurations",
        "cases.json": "config.json of each case; sequences, each run alone by a fresh model; first: how many tokens of the last sequence "
                      "are read in one go before the others follow one by one",
        "golden.safetensors": "float32, computed in float64; NAME.i: logits of sequence i; NAME.prefix.i: after the prefix of its type "
                              "(PEFT's layout, text from position T on); NAME.steps: logits of the last sequence with transformers' cache"})
