"""Tiny random GPT-2 models with their logits, losses and gradients, computed by transformers in float64.

Run: python Tests/Goldens/gpt2/generate.py
"""

import json
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from golden_support import (
    MODELS,
    load_model,
    logits_of,
    no_relu_near_zero,
    random_sequence,
    target_losses,
    write_json,
    write_manifest,
)

SEED = 20210801
PREFIX_LENGTH = 3
# A seed of its own, which puts no input of a ReLU near 0.
OWN_SEEDS = {"relu-unscaled": 20210802}

CONFIGURATIONS = {
    "tied": dict(n_embd=32, n_layer=2, n_head=4, vocab_size=64, n_positions=48),
    "untied-erf": dict(
        n_embd=24, n_layer=3, n_head=3, vocab_size=53, n_positions=48, n_inner=40, activation_function="gelu",
        tie_word_embeddings=False, layer_norm_epsilon=1e-4),
    "inverse-layer-scale": dict(
        n_embd=20, n_layer=2, n_head=5, vocab_size=61, n_positions=32, scale_attn_by_inverse_layer_idx=True),
    "relu-unscaled": dict(
        n_embd=16, n_layer=2, n_head=4, vocab_size=64, n_positions=32, activation_function="relu",
        scale_attn_weights=False),
}
# The last model is written as the first GPT-2 files were: no `transformer.` in the names, and causal masks as buffers.
WITHOUT_KEY_PREFIX = "relu-unscaled"


def randomize(model, generator):
    """Weights large enough that a wrong term shows; layer norms far from the identity; biases not zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if ".ln_" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.3 * noise)
            else:
                parameter.copy_(0.2 * noise)


def write_model(name, options, generator):
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    special = dict(bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    model = GPT2LMHeadModel(GPT2Config(**options, **special))
    randomize(model, generator)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if name == WITHOUT_KEY_PREFIX:
        tensors = {key.removeprefix("transformer."): value for key, value in load_file(folder / "model.safetensors").items()}
        positions = options["n_positions"]
        for layer in range(options["n_layer"]):
            tensors[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(positions, positions)).view(1, 1, positions, positions)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def short(name):
    return name.removeprefix("transformer.")


def write_golden(name, generator):
    model, single = load_model(name), load_model(name, torch.float32)
    config = model.config
    sequences = [random_sequence(generator, config.vocab_size, length) for length in (7, 13, 4)]
    starts = [3, 5, 1]
    count = sum(len(ids) - start for ids, start in zip(sequences, starts))
    tensors = {}

    losses = []
    for index, (ids, start) in enumerate(zip(sequences, starts)):
        with no_relu_near_zero(model):
            logits = logits_of(model, ids)
        tensors[f"logits.{index}"] = logits.detach()
        tensors[f"logits_f32.{index}"] = logits_of(single, ids).detach()
        losses.append(target_losses(logits, ids, start))
    total = torch.cat(losses).sum()
    (total / count).backward()
    tensors["loss_sum"], tensors["loss_mean"] = total.detach().view(1), (total / count).detach().view(1)
    for key, parameter in model.named_parameters():
        tensors["grad." + short(key)] = parameter.grad.clone()

    # The prefix: values that float32 holds exactly, so that both sides start from the same numbers.
    prefix = 0.7 * torch.randn(PREFIX_LENGTH, 2 * config.n_layer * config.n_embd, generator=generator)
    tensors["prefix.prompt_embeddings"] = prefix
    leaf = prefix.double().requires_grad_()
    prefix_losses = []
    for index, (ids, start) in enumerate(zip(sequences, starts)):
        with no_relu_near_zero(model):
            logits = logits_of(model, ids, leaf)
        tensors[f"prefix.logits.{index}"] = logits.detach()
        tensors[f"prefix.logits_f32.{index}"] = logits_of(single, ids, prefix).detach()
        prefix_losses.append(target_losses(logits, ids, start))
    total = torch.cat(prefix_losses).sum()
    (gradient,) = torch.autograd.grad(total / count, leaf)
    tensors["prefix.loss_sum"], tensors["prefix.loss_mean"] = total.detach().view(1), (total / count).detach().view(1)
    tensors["prefix.grad"] = gradient

    folder = MODELS / name
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")
    write_json(folder / "cases.json", {
        "sequences": sequences,
        "target_starts": starts,
        "target_losses": [loss.tolist() for loss in losses],
        "prefix_target_losses": [loss.tolist() for loss in prefix_losses],
    })
    print(name, f"loss {tensors['loss_mean'].item():.4f}", f"with prefix {tensors['prefix.loss_mean'].item():.4f}")


def check_files():
    """The committed configuration must not carry a path of the machine that wrote it."""
    for name in CONFIGURATIONS:
        assert "_name_or_path" not in json.loads((MODELS / name / "config.json").read_text())


if __name__ == "__main__":
    source = torch.Generator().manual_seed(SEED)
    for name, options in CONFIGURATIONS.items():
        generator = torch.Generator().manual_seed(OWN_SEEDS[name]) if name in OWN_SEEDS else source
        write_model(name, options, generator)
        write_golden(name, generator)
    check_files()
    write_manifest(MODELS, SEED, {
        "models": "config.json and model.safetensors, random weights (standard deviation 0.2, layer norms 0.3 around one)",
        "cases.json": "token ids; target_starts: ids[start...] are targets, the logits before each predict it; "
                      "target_losses: natural-log cross-entropy per target token without and with the prefix",
        "golden.safetensors": "float64 unless the name says f32; each sequence run alone, no padding; "
                              "loss_mean: mean over the target tokens of all three sequences; grad.*: of loss_mean, names without "
                              "`transformer.`; prefix.prompt_embeddings: PEFT's layout [T, 2L*width], shared by all sequences, whose "
                              "positions start at T; prefix.grad: of prefix.loss_mean",
        "relu-unscaled": "tensor names without `transformer.`, causal masks as buffers h.N.attn.bias, as in old GPT-2 files; no input of a ReLU near 0, see RELU_MARGIN",
        "seeds": {"all models from one generator, but": OWN_SEEDS},
    })
