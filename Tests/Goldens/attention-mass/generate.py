"""Attention to the positions of a prefix, by transformers' own `output_attentions` in float64: GPT-2, rotary models with fewer key heads,
one with a window, and the three attentions of BART.

Run: python Tests/Goldens/attention-mass/generate.py   (after the generate.py of gpt2, architectures and bart, whose models and prefixes it takes)
"""

import importlib.util
import json
import sys
from pathlib import Path

GOLDENS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(GOLDENS / "gpt2"), str(GOLDENS / "architectures")]

import torch
from golden_support import write_manifest
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, DynamicCache

HERE = GOLDENS / "attention-mass"
DECODERS = ("gpt2/untied-erf", "gpt2/inverse-layer-scale", "architectures/llama-3", "architectures/qwen3-wide",
            "architectures/mistral-window", "architectures/neox-parallel", "architectures/opt-pre", "architectures/bloom-tied")
BART = "bart/uneven"


def module(area):
    """The generator of another area."""
    spec = importlib.util.spec_from_file_location(area, GOLDENS / area / "generate.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def of_prefix(attentions, length):
    """[layers, heads, queries, length]: the part of the attentions that goes to the first positions, for rows that sum to 1."""
    rows = torch.stack([layer[0] for layer in attentions])
    assert torch.allclose(rows.sum(-1), torch.ones(rows.shape[:-1], dtype=rows.dtype), rtol=0, atol=1e-6)
    return rows[..., :length].clone()


def decoder(path):
    model = AutoModelForCausalLM.from_pretrained(GOLDENS / path, dtype=torch.float64, attn_implementation="eager").eval()
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    golden = load_file(GOLDENS / path / "golden.safetensors")
    prefix, length = golden["prefix.prompt_embeddings"], golden["prefix.prompt_embeddings"].shape[0]
    rows = prefix.double().view(length, 2 * config.num_hidden_layers, heads, width).permute(1, 2, 0, 3).unsqueeze(1)
    tensors = {}
    for number, ids in enumerate(json.loads((GOLDENS / path / "cases.json").read_text())["sequences"]):
        past = DynamicCache([(rows[2 * layer], rows[2 * layer + 1]) for layer in range(config.num_hidden_layers)])
        output = model(torch.tensor([ids]), past_key_values=past, use_cache=True, output_attentions=True)
        # The very run whose logits are goldens already (rotary angles and some softmaxes are float32 whatever the model's type).
        assert torch.allclose(output.logits[0], golden[f"prefix.logits.{number}"], rtol=0, atol=1e-5), path
        tensors[f"{path}.decoder.{number}"] = of_prefix(output.attentions, length)
    return tensors


def encoder_decoder(path):
    bart, name = module("bart"), Path(path).name
    model = bart.load(name)
    golden = load_file(GOLDENS / path / "golden.safetensors")
    cases = json.loads((GOLDENS / path / "cases.json").read_text())
    prefixes = {kind: golden[f"prefix.{kind}"].double() for kind in bart.KINDS}
    bart.set_prefixes(model, prefixes)
    tensors = {}
    for number, (source, target) in enumerate(zip(cases["sources"], cases["targets"])):
        output = model(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[bart.START] + target[:-1]]), output_attentions=True)
        assert torch.allclose(output.logits[0], golden[f"prefix.logits.{number}"], rtol=0, atol=1e-5), path
        for kind, attentions in (("encoder", output.encoder_attentions), ("decoder", output.decoder_attentions),
                                 ("cross", output.cross_attentions)):
            tensors[f"{path}.{kind}.{number}"] = of_prefix(attentions, prefixes[kind].shape[0])
    return tensors


if __name__ == "__main__":
    tensors = {}
    with torch.no_grad():
        for path in DECODERS:
            tensors.update(decoder(path))
        tensors.update(encoder_decoder(BART))
    for name, values in tensors.items():
        print(name, list(values.shape), f"{values.sum(-1).mean().item():.3f} of the attention, zeros: {(values == 0).sum().item()}")
    save_file({name: values.contiguous() for name, values in tensors.items()}, HERE / "attentions.safetensors")
    write_manifest(HERE, None, {
        "attentions.safetensors": "float64 (softmaxes of some models rounded to float32), MODEL.KIND.N for sequence or pair N of the model's cases.json: [layers, heads, queries, prefix "
                                  "positions], softmax probabilities of transformers (eager attention, output_attentions); the prefix is that "
                                  "of the model's golden.safetensors, in past_key_values (BART: as Tests/Goldens/bart/generate.py puts it "
                                  "before keys and values); queries of BART's decoder: start token and target without its last",
        "seed": "none: nothing is random here",
    })
