"""Bottleneck adapters and top layers in the tiny decoders of ../architectures: losses, logits and gradients, by forward hooks on
`transformers` in float64. GPT-2 and BART have theirs in ../methods.

Run: python Tests/Goldens/adapters/generate.py   (after ../architectures)
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))

import torch
from golden_support import no_relu_near_zero, random_sequence, target_losses, write_json, write_manifest
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

SEED = 20261130
BOTTLENECK = 3
# By name: where the blocks are, and the modules whose outputs are what attention and MLP add to the residual stream.
MODELS = {
    "opt-pre": ("model.decoder", "self_attn", "fc2"),
    "opt-post-projected": ("model.decoder", "self_attn", "fc2"),
    # Both branches read the same rows.
    "neox-parallel": ("gpt_neox", "attention", "mlp"),
    "neox-sequential-old": ("gpt_neox", "attention", "mlp"),
    "llama-3": ("model", "self_attn", "mlp"),
    "qwen3-wide": ("model", "self_attn", "mlp"),
    # What is added comes out of norms.
    "gemma3-window": ("model", "post_attention_layernorm", "post_feedforward_layernorm"),
}
FINAL_NORMS = ("norm", "final_layer_norm")


def methods():
    specification = importlib.util.spec_from_file_location("methods_goldens", HERE.parent / "methods" / "generate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def load(name):
    path = HERE.parent / "architectures" / name
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64, attn_implementation="eager").eval().requires_grad_(False)


def loss_of(model, examples):
    """The mean over all targets, and the logits that predict the first example's."""
    losses, first = [], None
    for example in examples:
        ids, start = example["prompt_ids"] + example["completion_ids"], len(example["prompt_ids"])
        logits = model(torch.tensor([ids])).logits[0]
        losses.append(target_losses(logits, ids, start))
        first = logits[start - 1 : -1] if first is None else first
    return torch.cat(losses).mean(), first


def put(model, name, placement, generator, module):
    root, attention, mlp = MODELS[name]
    width, adapters = model.config.hidden_size, {}
    for index, block in enumerate(model.get_submodule(root).layers):
        places = {"adapter": block} if placement == "block" else {
            "adapter_attention": block.get_submodule(attention), "adapter_mlp": block.get_submodule(mlp)}
        for place, target in places.items():
            adapter = module.Bottleneck(width, BOTTLENECK, placement == "block", generator)
            module.attach(target, adapter)
            adapters[f"{root}.layers.{index}.{place}"] = adapter
    # Seen by `no_relu_near_zero`, which looks at the model's modules.
    model.added = torch.nn.ModuleList(adapters.values())
    return adapters


def top_layers(name, examples):
    model = load(name)
    root = MODELS[name][0]
    base = model.get_submodule(root)
    trained = [base.layers[-1], *(getattr(base, norm) for norm in FINAL_NORMS if getattr(base, norm, None) is not None)]
    for module in trained:
        module.requires_grad_(True)
    with no_relu_near_zero(model):
        loss, _ = loss_of(model, examples)
    loss.backward()
    return loss.item(), {f"top.{key}": value.grad for key, value in model.named_parameters() if value.requires_grad}


def goldens(name, seed, module):
    """Examples, losses and tensors of a model."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary = load(name).config.vocab_size
    examples = [
        {"prompt_ids": random_sequence(generator, vocabulary, a), "completion_ids": random_sequence(generator, vocabulary, b)}
        for a, b in ((3, 5), (6, 2), (1, 7))]
    losses, tensors = {}, {}
    for placement in ("block", "sublayers"):
        model = load(name)
        adapters = put(model, name, placement, generator, module)
        with no_relu_near_zero(model):
            loss, logits = loss_of(model, examples)
        loss.backward()
        losses[placement] = loss.item()
        tensors[f"{placement}.logits"] = logits.detach()
        for place, adapter in adapters.items():
            for key, parameter in adapter.named_parameters():
                tensors[f"{placement}.value.{place}.{key}"] = parameter.detach()
                tensors[f"{placement}.grad.{place}.{key}"] = parameter.grad
    losses["top_layers"], gradients = top_layers(name, examples)
    return examples, losses, tensors | gradients


if __name__ == "__main__":
    torch.manual_seed(SEED)
    module, result = methods(), {}
    for number, name in enumerate(MODELS):
        # The first seed with which no ReLU is near 0.
        for seed in range(SEED + 100 * number, SEED + 100 * (number + 1)):
            try:
                examples, losses, tensors = goldens(name, seed, module)
                break
            except AssertionError as error:
                print(name, seed, error)
        save_file({key: value.float().contiguous() for key, value in tensors.items()}, HERE / f"{name}.safetensors")
        result[name] = {"examples": examples, "losses": losses}
        print(name, losses)
    write_json(HERE / "losses.json", result)
    write_manifest(HERE, SEED, {
        "losses.json": "token means with adapters of width 3 in the models of ../architectures, and without for top_layers",
        "*.safetensors": "float32: logits of the first example's targets, values and gradients of the adapters (block: with a norm "
                         "behind each block; sublayers: without, on what attention and MLP add to the residual stream); top: gradients of "
                         "the last block and the final norm",
    })
