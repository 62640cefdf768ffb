"""Full fine-tuning goldens: three steps of torch.optim.AdamW over all weights of the tiny model `tied`, in float64; the same with
one parameter group per layer, whose rates fall towards the bottom (Howard & Ruder 2018).

Run: python Tests/Goldens/prefix/finetune/generate.py   (after Tests/Goldens/prefix/generate.py)
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "gpt2"))

import torch
from golden_support import load_model, logits_of, target_losses, write_json, write_manifest
from safetensors.torch import save_file
from transformers import get_linear_schedule_with_warmup

STEPS, BATCH, RATE, DECAY, CLIP = 3, 4, 1e-2, 0.1, 1.0
# The gradient of a key bias is zero but for rounding, which Adam would blow up to whole steps: a larger epsilon keeps
# it what it is.
EPSILON = 1e-5
LAYER_DECAY = 0.4


def depth_below_top(name, layers):
    """How many layers lie above a parameter's own: embeddings are below the first block, the final norm belongs to the last."""
    parts = name.split(".")
    if "h" in parts:
        return layers - 1 - int(parts[parts.index("h") + 1])
    return layers if parts[1] in ("wte", "wpe") else 0


def run(examples, layer_decay=1.0):
    model = load_model("tied")
    model.requires_grad_(True)
    groups = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(depth_below_top(name, model.config.n_layer), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": groups[depth], "lr": RATE * layer_decay**depth} for depth in sorted(groups)],
        betas=(0.9, 0.999), eps=EPSILON, weight_decay=DECAY)
    schedule = get_linear_schedule_with_warmup(optimizer, 1, STEPS)
    losses, norms, rates = [], [], []
    for step in range(STEPS):
        total = []
        for example in examples[step * BATCH : (step + 1) * BATCH]:
            ids = example["prompt_ids"] + example["completion_ids"]
            total.append(target_losses(logits_of(model, ids), ids, len(example["prompt_ids"])))
        loss = torch.cat(total).mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses, norms, rates


if __name__ == "__main__":
    examples = json.loads((HERE.parent / "training" / "training.json").read_text())["examples"]
    model, losses, norms, rates = run(examples)
    # Tied: `lm_head.weight` is `transformer.wte.weight`.
    save_file({name: value.detach().float().clone() for name, value in model.named_parameters()},
              HERE / "final.safetensors")
    decayed, *rest = run(examples, LAYER_DECAY)
    save_file({name: value.detach().float().clone() for name, value in decayed.named_parameters()},
              HERE / "layer-decay.safetensors")
    write_json(HERE / "layer-decay.json", {"factor": LAYER_DECAY, "losses": rest[0], "gradient_norms": rest[1]})
    write_json(HERE / "training.json", {
        "model": "tied", "batch_size": BATCH, "learning_rate": RATE, "schedule": "linear", "warmup": 1, "steps": STEPS,
        "weight_decay": DECAY, "epsilon": EPSILON, "clip": CLIP, "loss_reduction": "mean", "losses": losses,
        "gradient_norms": norms, "learning_rates": rates,
    })
    write_manifest(HERE, None, {
        "final.safetensors": "all weights after 3 steps on the first 12 examples of ../training/training.json, dropout 0, "
                             "weight decay on every tensor, computed in float64 and rounded to float32",
        "layer-decay.*": "the same with one parameter group per layer, whose rate is multiplied by the factor once for every layer above it",
    })
    print(losses, norms, rates)
