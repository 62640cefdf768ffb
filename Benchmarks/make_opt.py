"""Writes a model of OPT's real shapes with random weights, as its makers published it: PyTorch shards of 16-bit floats.

Run: python Benchmarks/make_opt.py FOLDER [--layers 32 --width 4096 --heads 32] --tokenizer FOLDER_WITH_vocab.json_AND_merges.txt

The weights are one block of random numbers used again and again at the scale of a trained model: what is tested is reading,
memory and time, not text. 32 layers of width 4096 are OPT-6.7b (13.3 GB); about half of that is held while writing.
"""

import argparse
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import torch

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--layers", type=int, default=32)
parser.add_argument("--width", type=int, default=4096)
parser.add_argument("--heads", type=int, default=32)
parser.add_argument("--vocabulary", type=int, default=50272)
parser.add_argument("--shards", type=int, default=2)
parser.add_argument("--tokenizer", type=Path, required=True)
arguments = parser.parse_args()
folder, d = arguments.folder, arguments.width
folder.mkdir(parents=True, exist_ok=True)

generator = torch.Generator().manual_seed(5)
block = (0.02 * torch.randn(1 << 22, generator=generator)).half()


def random(*shape):
    tensor, offset = torch.empty(shape, dtype=torch.float16), int(torch.randint(1 << 20, (1,), generator=generator))
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), 3_000_001):
        part = flat[start:start + 3_000_001]
        part.copy_(block[offset:offset + part.numel()])
    return tensor


def norm(prefix):
    return [(f"{prefix}.weight", (d,), 1.0), (f"{prefix}.bias", (d,), 0.0)]


def linear(prefix, output, input):
    return [(f"{prefix}.weight", (output, input), None), (f"{prefix}.bias", (output,), 0.0)]


tensors = [
    ("decoder.embed_tokens.weight", (arguments.vocabulary, d), None),
    ("decoder.embed_positions.weight", (2050, d), None), *norm("decoder.final_layer_norm")]
for layer in range(arguments.layers):
    at = f"decoder.layers.{layer}"
    for name in ["k_proj", "v_proj", "q_proj", "out_proj"]:
        tensors += linear(f"{at}.self_attn.{name}", d, d)
    tensors += norm(f"{at}.self_attn_layer_norm") + linear(f"{at}.fc1", 4 * d, d) + linear(f"{at}.fc2", d, 4 * d)
    tensors += norm(f"{at}.final_layer_norm")

index, size = {}, 0
for shard in range(arguments.shards):
    name = f"pytorch_model-{shard + 1:05}-of-{arguments.shards:05}.bin"
    part = tensors[shard * len(tensors) // arguments.shards:(shard + 1) * len(tensors) // arguments.shards]
    state = OrderedDict(
        (key, random(*shape) if fill is None else torch.full(shape, fill, dtype=torch.float16))
        for key, shape, fill in part)
    torch.save(state, folder / name)
    index |= {key: name for key in state}
    size += sum(value.numel() * 2 for value in state.values())
    del state
(folder / "pytorch_model.bin.index.json").write_text(
    json.dumps({"metadata": {"total_size": size}, "weight_map": index}, indent=2))
(folder / "config.json").write_text(json.dumps({
    "architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": d, "ffn_dim": 4 * d,
    "num_hidden_layers": arguments.layers, "num_attention_heads": arguments.heads, "vocab_size": arguments.vocabulary,
    "max_position_embeddings": 2048, "word_embed_proj_dim": d, "do_layer_norm_before": True,
    "activation_function": "relu", "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "torch_dtype": "float16",
    "tie_word_embeddings": True}, indent=2))
for name in ["vocab.json", "merges.txt"]:
    shutil.copy(arguments.tokenizer / name, folder / name)
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}))
print(f"{size / 1e9:.2f} GB in {arguments.shards} files")
