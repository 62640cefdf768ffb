"""Prefix-tuning goldens: PEFT adapters, training runs of PEFT + torch.optim.AdamW, the paper's MLP, learning-rate schedules.

Run: python Tests/Goldens/prefix/generate.py   (after Tests/Goldens/gpt2/generate.py)
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import cache_of, load_model, logits_of, random_sequence, target_losses, write_json, write_manifest
from peft import PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
)

HERE = Path(__file__).resolve().parent
SEED = 20210802


def new_adapter(model, **options):
    return get_peft_model(model, PrefixTuningConfig(task_type="CAUSAL_LM", **options))


def encoder_of(adapter):
    return adapter.prompt_encoder["default"]


# (a) Adapter folders.


def write_adapter(folder, base, generator, **options):
    """Saves a random adapter as PEFT writes it, loads it again as PEFT does, and records PEFT's log-probabilities."""
    shutil.rmtree(folder, ignore_errors=True)
    adapter = new_adapter(load_model(base, torch.float32), **options)
    with torch.no_grad():
        for parameter in encoder_of(adapter).parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=generator))
    adapter.peft_config["default"].base_model_name_or_path = base
    adapter.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)

    model = load_model(base)
    loaded = PeftModel.from_pretrained(load_model(base), folder).eval()
    prefix = load_file(folder / "adapter_model.safetensors")["prompt_embeddings"].double()
    cases = []
    for prompt_length, completion_length in ((3, 5), (1, 8), (9, 2), (4, 12)):
        prompt = random_sequence(generator, model.config.vocab_size, prompt_length)
        completion = random_sequence(generator, model.config.vocab_size, completion_length)
        ids = prompt + completion
        with torch.no_grad():
            logits = loaded(input_ids=torch.tensor([ids])).logits[0]
            assert torch.allclose(logits, logits_of(model, ids, prefix), rtol=0, atol=1e-12)
            logprobs = -target_losses(logits, ids, prompt_length)
            without = -target_losses(logits_of(model, ids), ids, prompt_length)
        cases.append({
            "prompt_ids": prompt,
            "completion_ids": completion,
            "logprobs": logprobs.tolist(),
            "logprobs_without_prefix": without.tolist(),
        })
    write_json(folder / "logprobs.json", cases)


# (b) Training of a flat prefix.

STEPS, BATCH, PREFIX_LENGTH, RATE = 20, 4, 4, 2e-2


def training_examples(vocabulary, generator):
    """Ragged examples whose completion follows from the prompt (reversed, then id 0), so that there is something to learn."""
    examples = []
    for _ in range(STEPS * BATCH):
        length = int(torch.randint(2, 9, (1,), generator=generator))
        prompt = (1 + torch.randint(0, vocabulary - 1, (length,), generator=generator)).tolist()
        examples.append({"prompt_ids": prompt, "completion_ids": prompt[::-1][:5] + [0]})
    return examples


def padded(examples):
    """Right-padded ids, mask and labels of a batch, as a PEFT user feeds them."""
    rows = [example["prompt_ids"] + example["completion_ids"] for example in examples]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    labels = torch.full_like(ids, -100)
    for index, (example, row) in enumerate(zip(examples, rows)):
        start = len(example["prompt_ids"])
        labels[index, start : len(row)] = torch.tensor(row[start:])
    return ids, mask, labels


def padded_loss(adapter, ids, mask, labels, reduction):
    """As transformers computes it, but not rounded to float32 on the way."""
    logits = adapter(input_ids=ids, attention_mask=mask).logits[:, :-1].flatten(0, 1)
    total = torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
    return total / (len(ids) if reduction == "sum" else (labels != -100).sum())


def train_with_peft(examples, initial, dtype, clip, reduction):
    """Losses, gradient norms before clipping, and the final prefix; `reduction` sum is per example, averaged over the batch."""
    adapter = new_adapter(load_model("tied", dtype), num_virtual_tokens=PREFIX_LENGTH)
    weight = encoder_of(adapter).embedding.weight
    weight.data = initial.to(dtype).clone()
    optimizer = torch.optim.AdamW([weight], lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses, norms = [], []
    for step in range(STEPS):
        ids, mask, labels = padded(examples[step * BATCH : (step + 1) * BATCH])
        loss = padded_loss(adapter, ids, mask, labels, reduction)
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([weight], clip if clip else float("inf")).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms, weight.detach().clone()


def write_training(generator):
    folder = HERE / "training"
    folder.mkdir(exist_ok=True)
    config = load_model("tied").config
    examples = training_examples(config.vocab_size, generator)
    initial = 0.5 * torch.randn(PREFIX_LENGTH, 2 * config.n_layer * config.n_embd, generator=generator)
    tensors, runs = {"initial": initial}, {}
    for name, clip, reduction in (("plain", 0.0, "mean"), ("clipped", 0.2, "mean"), ("clipped-sum", 1.0, "sum")):
        losses, norms, final = train_with_peft(examples, initial, torch.float64, clip, reduction)
        single_losses, _, single = train_with_peft(examples, initial, torch.float32, clip, reduction)
        tensors[f"final.{name}"] = final
        runs[name] = {
            "clip": clip, "loss_reduction": reduction, "losses": losses, "gradient_norms": norms,
            "float32_final_error": ((single.double() - final).norm() / final.norm()).item(),
            "float32_loss_error": max(abs(a - b) / abs(b) for a, b in zip(single_losses, losses)),
        }
        print(f"{name}: loss {losses[0]:.4f} to {losses[-1]:.4f}, norms {min(norms):.2f} to {max(norms):.2f}, "
              f"float32 {runs[name]['float32_final_error']:.1e} {runs[name]['float32_loss_error']:.1e}, "
              f"moved {((final - initial).norm() / initial.norm()).item():.2f}")
    save_file(tensors, folder / "prefixes.safetensors")
    write_json(folder / "training.json", {
        "model": "tied", "prefix_length": PREFIX_LENGTH, "batch_size": BATCH, "learning_rate": RATE, "betas": [0.9, 0.999],
        "epsilon": 1e-8, "weight_decay": 0.0, "examples": examples, "runs": runs,
    })


# (c) The paper's reparametrisation.


class Reparametrization(torch.nn.Module):
    """P = Linear(tanh(Linear(E))): rows of E [n, d] become rows of P [n, 2L*d]."""

    def __init__(self, length, width, hidden, layers):
        super().__init__()
        self.wte = torch.nn.Embedding(length, width)
        self.control_trans = torch.nn.Sequential(
            torch.nn.Linear(width, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 2 * layers * width))

    def forward(self):
        return self.control_trans(self.wte.weight)


def batch_loss(model, examples, prefix, reduction):
    """Token mean over the batch, or the authors' sum over target tokens per example averaged over the batch."""
    losses = []
    for example in examples:
        ids = example["prompt_ids"] + example["completion_ids"]
        losses.append(target_losses(logits_of(model, ids, prefix), ids, len(example["prompt_ids"])))
    total = torch.cat(losses)
    return total.mean() if reduction == "mean" else total.sum() / len(examples)


def write_reparametrization(generator):
    folder = HERE / "reparametrization"
    folder.mkdir(exist_ok=True)
    model = load_model("tied").requires_grad_(False)
    length, hidden, steps, rate, decay = 3, 12, 5, 1e-2, 0.01
    initial = Reparametrization(length, model.config.n_embd, hidden, model.config.n_layer)
    with torch.no_grad():
        for parameter in initial.parameters():
            scale = 1.0 if parameter.shape[0] == length else 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    start = {name: tensor.clone() for name, tensor in initial.state_dict().items()}
    examples = training_examples(model.config.vocab_size, generator)[: steps * BATCH]
    tensors, runs = {f"initial.{name}": tensor for name, tensor in start.items()}, {}
    for reduction in ("mean", "sum"):
        module = Reparametrization(length, model.config.n_embd, hidden, model.config.n_layer).double()
        module.load_state_dict(start)
        optimizer = torch.optim.AdamW(module.parameters(), lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
        schedule = get_linear_schedule_with_warmup(optimizer, 0, steps)
        losses, norms, rates = [], [], []
        for step in range(steps):
            prefix = module()
            if step == 0:
                tensors["prefix.initial"] = prefix.detach().clone()
            loss = batch_loss(model, examples[step * BATCH : (step + 1) * BATCH], prefix, reduction)
            optimizer.zero_grad()
            loss.backward()
            if step == 0:
                for name, parameter in module.named_parameters():
                    tensors[f"grad.{reduction}.{name}"] = parameter.grad.clone()
            norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0).item())
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        for name, parameter in module.named_parameters():
            tensors[f"final.{reduction}.{name}"] = parameter.detach().clone()
        tensors[f"prefix.final.{reduction}"] = module().detach().clone()
        runs[reduction] = {"losses": losses, "gradient_norms": norms, "learning_rates": rates}
        print(f"reparametrized {reduction}: losses {losses[0]:.4f} to {losses[-1]:.4f}, norms {min(norms):.2f} to {max(norms):.2f}")
    save_file(tensors, folder / "tensors.safetensors")
    write_json(folder / "training.json", {
        "model": "tied", "prefix_length": length, "hidden": hidden, "batch_size": BATCH, "learning_rate": rate,
        "schedule": "linear", "warmup": 0, "steps": steps, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": decay,
        "clip": 1.0, "examples": examples, "runs": runs,
    })


# (d) Schedules.


def rates_of(make, rate, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def write_schedules():
    rate, total, cases = 3e-3, 20, []
    for warmup in (0, 1, 6):
        makers = {
            "linear": lambda optimizer: get_linear_schedule_with_warmup(optimizer, warmup, total),
            "constant": lambda optimizer: get_constant_schedule_with_warmup(optimizer, warmup),
            "cosine": lambda optimizer: get_cosine_schedule_with_warmup(optimizer, warmup, total),
            "inverse-sqrt": lambda optimizer: get_inverse_sqrt_schedule(optimizer, warmup),
        }
        for name, make in makers.items():
            cases.append({"schedule": name, "warmup": warmup, "steps": total, "learning_rate": rate,
                          "rates": rates_of(make, rate, total)})
    write_json(HERE / "schedules.json", cases)


def check_cache_layout(generator):
    """PEFT's prefix and `cache_of` put the same numbers into the cache; a padded PEFT batch equals sequences run alone."""
    model = load_model("tied")
    adapter = new_adapter(load_model("tied"), num_virtual_tokens=PREFIX_LENGTH)
    weight = encoder_of(adapter).embedding.weight
    weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    ours = cache_of(weight.data, model.config)
    for mine, theirs in zip(ours.layers, adapter.get_prompt(1).layers):
        assert torch.equal(mine.keys, theirs.keys) and torch.equal(mine.values, theirs.values)
    examples = training_examples(model.config.vocab_size, generator)[:BATCH]
    ids, mask, labels = padded(examples)
    ours = batch_loss(model, examples, weight.data, "mean").item()
    assert abs(padded_loss(adapter, ids, mask, labels, "mean").item() - ours) < 1e-12
    assert abs(adapter(input_ids=ids, attention_mask=mask, labels=labels).loss.item() - ours) < 1e-5


if __name__ == "__main__":
    source = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    write_adapter(HERE / "adapter-flat", "tied", source, num_virtual_tokens=5)
    write_adapter(HERE / "adapter-projected", "untied-erf", source, num_virtual_tokens=4, prefix_projection=True,
                  encoder_hidden_size=20)
    write_training(source)
    write_reparametrization(source)
    write_schedules()
    check_cache_layout(torch.Generator().manual_seed(SEED + 1))
    write_manifest(HERE, SEED, {
        "adapter-*": "adapters for ../gpt2/tied and ../gpt2/untied-erf as PEFT saves them; logprobs.json: PEFT's natural-log "
                     "probabilities in float64 of each completion token after its prompt",
        "training": "20 steps of PEFT + torch.optim.AdamW in float64, constant rate, batches of 4 in the order of `examples`, padded right "
                    "for PEFT; losses before each step; loss_reduction mean: over the batch's target tokens, sum: over an example's "
                    "target tokens, averaged over the batch; gradient_norms before clipping; float32_*_error: how far the same run in "
                    "float32 ends (relative norm, largest relative loss difference)",
        "reparametrization": "E [n,d], Linear(d,m), tanh, Linear(m,2Ld); weights are [out,in]; grad.*: of the first step before clipping; "
                             "weight decay applies to all five tensors; clip 1.0 over all five together",
        "schedules.json": "learning rate used by each of 20 steps, transformers.get_*_schedule_with_warmup",
    })
