"""What `transformers` makes of two real models in GGUF files: log-probabilities of the tokens of some texts, by its own reader of the files,
in double precision; for Gemma 3 also of a text longer than its window, with a prefix.

Run: Tools/real-models.sh DIR; python Tests/Goldens/real-models/generate.py DIR

The texts are this repository's own words as they were when the goldens were made; ids are stored, so that no tokenizer matters.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))

import torch
from golden_support import write_manifest
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

ROOT = HERE.parent.parent.parent
FILES = {"smollm2": "smollm2-135m-instruct-q4_1.gguf", "gemma3": "gemma-3-270m-q4_k_m.gguf"}
TEXTS, LONGEST, PREFIX = 20, 64, 4


def texts():
    paragraphs = [text for name in ("CONTRIBUTING.md", "README.md") for text in (ROOT / name).read_text().split("\n\n")]
    return [text for text in paragraphs if len(text) > 250][:TEXTS]


def prefix_rows(config):
    """Keys and values that no text has, by a formula that the test computes, too: [PREFIX, 2 · layers · key width]."""
    width = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    index = torch.arange(PREFIX * width, dtype=torch.float64)
    return torch.sin(index * 0.7310585786300049 + 0.1).view(PREFIX, width)


def cache_of(rows, config):
    layers, heads, width = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
    rows = rows.view(PREFIX, 2 * layers, heads, width).permute(1, 2, 0, 3).unsqueeze(1)
    return DynamicCache([(rows[2 * layer], rows[2 * layer + 1]) for layer in range(layers)])


def log_probabilities(model, ids, past=None):
    """Of each token but the first."""
    logits = model(torch.tensor([ids]), past_key_values=past, use_cache=past is not None).logits[0].double()
    return logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1)


def main():
    folder = Path(sys.argv[1])
    for name, file in FILES.items():
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float64, attn_implementation="eager").eval()
        golden, begin = {}, [tokenizer.bos_token_id] if name == "gemma3" else []
        with torch.no_grad():
            for index, text in enumerate(texts()):
                ids = begin + tokenizer(text, add_special_tokens=False).input_ids[:LONGEST]
                golden[f"ids.{index}"] = torch.tensor(ids, dtype=torch.int32)
                golden[f"logprobs.{index}"] = log_probabilities(model, ids).float()
            if name == "gemma3":
                ids = begin + tokenizer((ROOT / "CONTRIBUTING.md").read_text(), add_special_tokens=False).input_ids[:640]
                golden["ids.long"] = torch.tensor(ids, dtype=torch.int32)
                golden["logprobs.long"] = log_probabilities(model, ids, cache_of(prefix_rows(model.config), model.config)).float()
                golden["logprobs.long.bare"] = log_probabilities(model, ids).float()
        save_file(golden, HERE / f"{name}.safetensors")
        print(name, model.config.model_type, {key: value.shape for key, value in golden.items() if "long" in key or key.endswith(".0")})
    write_manifest(HERE, 0, "log-probabilities by transformers of two real models: see generate.py")


if __name__ == "__main__":
    main()
