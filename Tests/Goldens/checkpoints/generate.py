"""Writes the goldens of the checkpoint tests: pip install torch transformers safetensors; python generate.py

The safetensors files come from the reference implementation, the configurations from transformers. Values are a fixed
arithmetic pattern, so that the test can recompute them exactly.
"""

import hashlib
import json
import pathlib

import safetensors
import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def pattern(count):
    """Multiples of 1/8 in -16..16: exact in every float format used here."""
    return (torch.arange(count, dtype=torch.float64) * 37 % 257 - 128) / 8


def main():
    # What SafetensorsWriter must reproduce byte for byte.
    save_file(
        {
            "zeta": pattern(6).reshape(2, 3).float(),
            "alpha.weight": pattern(5).float(),
            "half": pattern(7).reshape(7, 1).half(),
            "empty": torch.zeros(0, 4),
            "escaped \"quotes\" \\ é": pattern(1).float(),
        },
        HERE / "written.safetensors",
        metadata={"format": "pt"},
    )
    # Every number format that can be read, and some that cannot.
    save_file(
        {
            "f64": pattern(300).reshape(3, 100),
            "f32": pattern(300).reshape(3, 100).float(),
            "f16": pattern(300).reshape(3, 100).half(),
            "bf16": pattern(300).reshape(3, 100).bfloat16(),
            "scalar": torch.tensor(2.5),
            "i64": torch.arange(4),
            "bool": torch.tensor([True, False]),
        },
        HERE / "formats.safetensors",
        metadata={"format": "pt", "note": "formats"},
    )
    configurations = {
        "default": transformers.GPT2Config(),
        "small": transformers.GPT2Config(
            n_embd=48, n_layer=3, n_head=4, n_positions=64, n_inner=100, vocab_size=211, layer_norm_epsilon=1e-6,
            activation_function="relu", scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True,
            tie_word_embeddings=False, resid_pdrop=0.0, embd_pdrop=0.25, attn_pdrop=0.5, bos_token_id=None,
            eos_token_id=7,
        ),
    }
    rows = {}
    for name, configuration in configurations.items():
        torch.manual_seed(0)
        with torch.device("meta"):
            model = transformers.GPT2LMHeadModel(configuration)
        rows[name] = {
            "config": json.loads(configuration.to_json_string(use_diff=False)),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    (HERE / "gpt2-configurations.json").write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")

    files = sorted(p for p in HERE.iterdir() if p.name not in ("generate.py", "manifest.json"))
    manifest = {
        "made_with": {
            "safetensors": safetensors.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "seed": None,
        "sha256": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


main()
