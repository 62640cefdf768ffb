"""Trains with `prefixtune train --method lora` and loads what it wrote with PEFT: no key may be missing or left over, and the
log-probabilities must be those that `prefixtune score --lora` gives.

Run: python Tests/Goldens/low-rank/check_with_peft.py <prefixtune executable> <folder of GPT-2's vocab.json and merges.txt>
"""

import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import torch
from peft import PeftConfig, get_peft_model
from peft.utils import load_peft_weights, set_peft_model_state_dict
from transformers import (
    AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, OPTConfig,
    OPTForCausalLM)

TOOL, TOKENIZER = sys.argv[1], Path(sys.argv[2])
SIZE = 50257
MODELS = {
    "gpt2": GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64)),
    "llama": LlamaForCausalLM(LlamaConfig(
        vocab_size=SIZE, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, attention_bias=True,
        max_position_embeddings=64, tie_word_embeddings=True, bos_token_id=SIZE - 1, eos_token_id=SIZE - 1)),
    "opt": OPTForCausalLM(OPTConfig(
        vocab_size=SIZE, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64,
        word_embed_proj_dim=16, bos_token_id=SIZE - 1, eos_token_id=SIZE - 1)),
    "neox": GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=SIZE, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64,
        bos_token_id=SIZE - 1, eos_token_id=SIZE - 1)),
}
RUNS = [
    ("gpt2", ["--lora-targets", "c_attn", "lm_head", "--lora-bias", "all", "--dora", "--modules-to-save", "ln_f", "wte"]),
    ("gpt2", ["--lora-bias", "lora_only", "--modules-to-save", "lm_head"]),
    ("llama", ["--lora-targets", "q_proj", "lm_head", "--lora-bias", "all", "--modules-to-save", "norm", "embed_tokens"]),
    ("llama", ["--lora-targets", "q_proj", "down_proj", "--lora-bias", "lora_only", "--dora"]),
    ("opt", ["--lora-targets", "q_proj", "lm_head", "--lora-bias", "lora_only", "--dora"]),
    ("neox", ["--lora-targets", "query_key_value", "embed_out", "--lora-bias", "all", "--modules-to-save", "dense_4h_to_h"]),
]


def main(folder):
    torch.manual_seed(3)
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"the {word}", "completion": f" is a {word}."}) + "\n" for word in ("cat", "dog", "sea")))
    for name, model in MODELS.items():
        model.save_pretrained(folder / name)
        for file in ("vocab.json", "merges.txt"):
            shutil.copy(TOKENIZER / file, folder / name / file)
    for index, (name, options) in enumerate(RUNS):
        output = folder / f"adapter-{index}"
        common = ["--model", str(folder / name), "--data", str(data), "--quiet"]
        subprocess.run([TOOL, "train", *common, "--output", str(output), "--method", "lora", "--steps", "4", "--learning-rate", "0.01",
                        *options], check=True, stdout=subprocess.DEVNULL)
        # As `PeftModel.from_pretrained`, which says nothing of keys.
        adapter = get_peft_model(AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float64), PeftConfig.from_pretrained(output))
        keys = set_peft_model_state_dict(adapter, load_peft_weights(str(output), device="cpu"))
        own = [key for key in keys.missing_keys if "lora" in key or ".modules_to_save." in key]
        assert not keys.unexpected_keys and not own, (keys.unexpected_keys, own)
        adapter = adapter.double().eval()
        for merge in ([], ["--merge-lora"]):
            scores = subprocess.run([TOOL, "score", *common, "--lora", str(output), *merge], check=True, capture_output=True, text=True)
            worst = 0
            for line, example in zip(map(json.loads, scores.stdout.splitlines()), map(json.loads, data.read_text().splitlines())):
                prompt = prompt_of(folder, name, example["prompt"])
                ids = prompt + line["token_ids"]
                with torch.no_grad():
                    logs = adapter(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
                expected = logs.gather(1, torch.tensor(line["token_ids"]).unsqueeze(1)).squeeze(1)
                worst = max(worst, (expected - torch.tensor(line["logprobs"], dtype=torch.float64)).abs().max().item())
            assert worst < 1e-4, worst
            print(f"{name} {' '.join(options)}{' merged' if merge else ''}: greatest difference of log-probabilities {worst:.1e}")


def prompt_of(folder, name, text):
    from transformers import GPT2Tokenizer

    return GPT2Tokenizer(str(folder / name / "vocab.json"), str(folder / name / "merges.txt"))(text)["input_ids"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as path:
        main(Path(path))
