"""Goldens of what PEFT trains beside A and B: LoRA of tied and untied heads, DoRA, trained biases, modules trained as a whole.

Each case is an adapter in a tiny model of ../gpt2, ../architectures or ../bart: values before and gradients at the first step, 20 steps
of training in float64, the adapter as PEFT saves it afterwards, and the logits that it then gives.

Run: python Tests/Goldens/low-rank/generate.py   (after those three)
"""

import contextlib
import json
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))
warnings.filterwarnings("ignore")

import torch
from golden_support import no_relu_near_zero, random_sequence, write_json, write_manifest
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BartForConditionalGeneration

SEED = 20261129
STEPS, BATCH, RATE, RANK, ALPHA = 20, 3, 1e-2, 3, 6
CASES = {
    "gpt2-magnitudes": ("gpt2/tied", dict(target_modules=["c_attn", "mlp.c_proj", "lm_head"], use_dora=True, bias="lora_only")),
    "gpt2-parts": ("gpt2/tied", dict(target_modules=["c_attn"], bias="all", modules_to_save=["wte", "ln_f", "lm_head"])),
    "gpt2-table": ("gpt2/tied", dict(target_modules=["lm_head"], modules_to_save=["wte"])),
    "qwen2-biases": ("architectures/qwen2-tied", dict(
        target_modules=["q_proj", "lm_head"], bias="all", modules_to_save=["norm"])),
    "llama-magnitudes": ("architectures/llama-3", dict(
        target_modules=["q_proj", "up_proj", "down_proj", "lm_head"], use_dora=True, modules_to_save=["embed_tokens"])),
    "opt-head": ("architectures/opt-pre", dict(target_modules=["lm_head", "q_proj"], bias="lora_only")),
    "neox-head": ("architectures/neox-parallel", dict(target_modules=["lm_head", "query_key_value"], bias="lora_only", use_dora=True)),
    "neox-tied-head": ("architectures/neox-unbiased-tied", dict(target_modules=["lm_head", "dense"])),
    "bart-parts": ("bart/uneven", dict(target_modules=["q_proj", "lm_head"], bias="all", use_dora=True, modules_to_save=["fc1"])),
}


def load(path):
    kind = BartForConditionalGeneration if path.startswith("bart") else AutoModelForCausalLM
    return kind.from_pretrained(HERE.parent / path, dtype=torch.float64, attn_implementation="eager").eval()


def saved_name(name):
    """What PEFT calls a parameter in its file."""
    name = name.replace(".modules_to_save.default.", ".").replace(".default", "")
    return name.removesuffix(".weight") if name.endswith("lora_magnitude_vector.weight") else name


def logits_of(model, example):
    if example["source"]:
        return model(
            input_ids=torch.tensor([example["source"]]), decoder_input_ids=torch.tensor([example["tokens"][:-1]])).logits[0]
    return model(input_ids=torch.tensor([example["tokens"][:-1]])).logits[0]


def batch_loss(model, examples):
    """Mean over all targets of a batch."""
    losses = []
    for example in examples:
        start = example["target_start"]
        targets = torch.tensor(example["tokens"][start:])
        losses.append(torch.nn.functional.cross_entropy(logits_of(model, example)[start - 1 :], targets, reduction="none"))
    return torch.cat(losses).mean()


def examples_of(model, path, generator):
    size, is_bart = model.config.vocab_size, path.startswith("bart")
    # PyTorch trains all rows of an embedding but that of the padding token, which is in no text.
    padding = model.config.pad_token_id
    result = []
    for _ in range(STEPS * BATCH):
        lengths = torch.randint(1, 7, (2,), generator=generator).tolist()
        prompt, target = (
            [token + 2 if token == padding else token for token in random_sequence(generator, size, length)] for length in lengths)
        result.append({"source": prompt, "tokens": [2, *target], "target_start": 1} if is_bart else
                      {"source": [], "tokens": prompt + target, "target_start": len(prompt)})
    return result


def start(parameters, generator):
    """Values away from those that hide faults (B = 0, magnitudes as they are), exact in 32 bits."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if ".lora_A" in name or ".lora_B" in name:
                value = 0.3 * noise
            elif "magnitude" in name:
                value = parameter * (1 + 0.2 * noise.clamp(-2, 2))
            else:
                value = parameter + 0.1 * noise
            parameter.copy_(value.float())


def write_case(name, path, options, generator):
    model = load(path)
    task = "SEQ_2_SEQ_LM" if path.startswith("bart") else "CAUSAL_LM"
    adapter = get_peft_model(model, LoraConfig(task_type=task, r=RANK, lora_alpha=ALPHA, **options)).double().eval()
    parameters = {saved_name(key): value for key, value in adapter.named_parameters() if value.requires_grad}
    start(parameters, generator)
    tensors = {f"initial.{key}": value.detach().float().clone() for key, value in parameters.items()}
    examples = examples_of(model, path, generator)
    optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses, norms = [], []
    for step in range(STEPS):
        is_looked_at = step == 0 and path.startswith("architectures/opt")
        with no_relu_near_zero(adapter) if is_looked_at else contextlib.nullcontext():
            loss = batch_loss(adapter, examples[step * BATCH : (step + 1) * BATCH])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors |= {f"grad.{key}": value.grad.float().clone() for key, value in parameters.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        plain = load(path)
        for index, example in enumerate(examples[:2]):
            tensors[f"logits.{index}"] = logits_of(adapter, example).float()
            tensors[f"plain.{index}"] = logits_of(plain, example).float()
    folder = HERE / name
    adapter.save_pretrained(folder)
    (folder / "README.md").unlink()
    file = folder / "adapter_model.safetensors"
    save_file({key: value.float() for key, value in load_file(file).items()}, file, metadata={"format": "pt"})
    # The path of the machine, and an order that no set has.
    configuration = json.loads((folder / "adapter_config.json").read_text())
    configuration["base_model_name_or_path"] = "base"
    for key in ("target_modules", "modules_to_save"):
        configuration[key] = sorted(configuration[key] or []) or None
    (folder / "adapter_config.json").write_text(json.dumps(configuration, indent=2, sort_keys=True) + "\n")
    save_file(tensors, HERE / f"{name}.safetensors")
    print(f"{name}: {len(parameters)} parameters, losses {losses[0]:.4f} to {losses[-1]:.4f}")
    return {
        "model": path, "targets": options["target_modules"], "magnitudes": options.get("use_dora", False),
        "biases": options.get("bias", "none"), "modules": options.get("modules_to_save", []), "examples": examples,
        "losses": losses, "gradient_norms": norms}


if __name__ == "__main__":
    torch.manual_seed(SEED)
    source = torch.Generator().manual_seed(SEED)
    runs = {name: write_case(name, path, options, source) for name, (path, options) in CASES.items()}
    write_json(HERE / "runs.json", {
        "rank": RANK, "alpha": ALPHA, "batch_size": BATCH, "learning_rate": RATE, "cases": runs})
    write_manifest(HERE, SEED, {
        "runs.json": "20 steps of PEFT + torch.optim.AdamW: mean over targets, clip 1.0, constant rate, no decay; losses before each step",
        "*.safetensors": "values before and gradients of the first step under the names of PEFT's file; logits of the first two examples "
                         "after training, and of the model without the adapter",
        "*/": "the adapter after training, as PEFT saves it, in 32 bits",
    })
