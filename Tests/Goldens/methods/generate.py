"""Goldens of the methods that prefix-tuning is compared with: 20 steps of PEFT's prompt tuning, P-tuning and LoRA; bottleneck
adapters and top layers written with PyTorch's hooks; the authors' infix-tuning. Float64, on the tiny models of ../gpt2, ../bart
and ../architectures.

Run: python Tests/Goldens/methods/generate.py   (after those three)
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))

import numpy as np
import torch
from golden_support import load_model, random_sequence, target_losses, write_json, write_manifest
from peft import LoraConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BartForConditionalGeneration, DynamicCache

SEED = 20220106
STEPS, BATCH, RATE, LENGTH = 20, 4, 1e-2, 3
RUNS = {
    "prompt-tuning": lambda: PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=LENGTH),
    "p-tuning": lambda: PromptEncoderConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=LENGTH, encoder_reparameterization_type="MLP", encoder_hidden_size=10),
    "lora": lambda: LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=6, target_modules=["c_attn", "mlp.c_proj"]),
}


def prefix_goldens():
    specification = importlib.util.spec_from_file_location("prefix_goldens", HERE.parent / "prefix" / "generate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def trained(adapter):
    """Name, without what PEFT puts around it, and value of what is trained."""
    found = {}
    for name, parameter in adapter.named_parameters():
        if parameter.requires_grad:
            found[name.replace(".default", "").removeprefix("prompt_encoder.")] = parameter
    return found


def write_runs(generator, prefix):
    examples = prefix.training_examples(load_model("tied").config.vocab_size, generator)
    runs = {}
    for name, configuration in RUNS.items():
        adapter = get_peft_model(load_model("tied"), configuration()).double()
        parameters = trained(adapter)
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        tensors = {f"initial.{key}": value.detach().clone() for key, value in parameters.items()}
        optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        losses, norms = [], []
        for step in range(STEPS):
            ids, mask, labels = prefix.padded(examples[step * BATCH : (step + 1) * BATCH])
            logits = adapter(input_ids=ids, attention_mask=mask).logits[:, -ids.shape[1] : -1].flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100)
            optimizer.zero_grad()
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0).item())
            optimizer.step()
            losses.append(loss.item())
        tensors |= {f"final.{key}": value.detach().clone() for key, value in parameters.items()}
        save_file(tensors, HERE / f"{name}.safetensors")
        runs[name] = {"losses": losses, "gradient_norms": norms}
        print(f"{name}: {sorted(parameters)}, losses {losses[0]:.4f} to {losses[-1]:.4f}")
    write_json(HERE / "training.json", {"examples": examples, "batch_size": BATCH, "learning_rate": RATE, "runs": runs})


class Bottleneck(torch.nn.Module):
    """h + Up(ReLU(Down(LN(h)))), or without the norm."""

    def __init__(self, width, bottleneck, has_norm, generator):
        super().__init__()
        self.norm = torch.nn.LayerNorm(width, eps=1e-5) if has_norm else None
        self.down = torch.nn.Linear(width, bottleneck)
        self.up = torch.nn.Linear(bottleneck, width)
        self.relu = torch.nn.ReLU()
        self.double()
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                offset = 1.0 if name == "norm.weight" else 0.0
                parameter.copy_(offset + 0.3 * torch.randn(parameter.shape, generator=generator))

    def forward(self, h):
        return h + self.up(self.relu(self.down(h if self.norm is None else self.norm(h))))


def attach(module, adapter):
    def hook(_, __, output):
        return (adapter(output[0]), *output[1:]) if isinstance(output, tuple) else adapter(output)

    module.register_forward_hook(hook)


def gpt2_loss(model, examples):
    losses = []
    for example in examples:
        ids = example["prompt_ids"] + example["completion_ids"]
        losses.append(target_losses(model(torch.tensor([ids])).logits[0], ids, len(example["prompt_ids"])))
    return torch.cat(losses).mean()


def bart_loss(model, examples):
    losses = []
    for example in examples:
        logits = model(
            input_ids=torch.tensor([example["source"]]), decoder_input_ids=torch.tensor([example["target"][:-1]])).logits[0]
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(example["target"][1:]), reduction="none"))
    return torch.cat(losses).mean()


def blocks_of(model):
    """Name, block, attention, MLP's last part."""
    if isinstance(model, BartForConditionalGeneration):
        for part in ("encoder", "decoder"):
            for index, layer in enumerate(getattr(model.model, part).layers):
                yield f"model.{part}.layers.{index}", layer, layer.self_attn, layer.fc2
    else:
        for index, block in enumerate(model.transformer.h):
            yield f"transformer.h.{index}", block, block.attn, block.mlp


def write_adapters(generator, kind, make, loss_of, examples):
    width = make().config.hidden_size
    losses, tensors = {}, {}
    for placement in ("block", "sublayers"):
        model = make().requires_grad_(False)
        adapters = {}
        for name, block, attention, mlp in blocks_of(model):
            places = {"adapter": block} if placement == "block" else {"adapter_attention": attention, "adapter_mlp": mlp}
            for place, module in places.items():
                adapters[f"{name}.{place}"] = Bottleneck(width, 5, placement == "block", generator)
                attach(module, adapters[f"{name}.{place}"])
        loss = loss_of(model, examples)
        loss.backward()
        losses[placement] = loss.item()
        for name, adapter in adapters.items():
            for key, parameter in adapter.named_parameters():
                tensors[f"{placement}.value.{name}.{key}"] = parameter.detach().clone()
                tensors[f"{placement}.grad.{name}.{key}"] = parameter.grad.clone()
    save_file(tensors, HERE / f"adapter-{kind}.safetensors")
    print(kind, losses)
    return losses


def write_top_layers(examples):
    model = load_model("tied")
    loss = gpt2_loss(model, examples)
    loss.backward()
    last = model.config.n_layer - 1
    tensors = {
        name: parameter.grad.clone() for name, parameter in model.named_parameters()
        if name.startswith((f"transformer.h.{last}.", "transformer.ln_f.")) or name == "transformer.wte.weight"
    }
    save_file(tensors, HERE / "top-layers.safetensors")
    return loss.item()


class Infix(torch.nn.Module):
    """`PrefixTuning.get_prompt_p5_infix` and `forward_infix` of the authors' train_control.py: prompt and embeddings give a history
    first, to which the MLP's output is added at the infix only; the rest of the sequence starts from that.

    One sequence at a time, so that nothing is padded. The last token of the prompt is the mark between x and y."""

    def __init__(self, config, generator):
        super().__init__()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        self.heads, self.layers = heads, config.num_hidden_layers
        self.head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.wte = torch.nn.Embedding(LENGTH, config.hidden_size)
        self.wte2 = torch.nn.Embedding(LENGTH, config.hidden_size)
        self.control_trans = torch.nn.Sequential(
            torch.nn.Linear(config.hidden_size, 7), torch.nn.Tanh(),
            torch.nn.Linear(7, self.layers * 2 * heads * self.head_width))
        self.double()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))

    def logits(self, model, prompt, completion):
        """[completion × vocabulary]: what predicts each token of the completion."""
        added = self.control_trans(self.wte.weight).view(LENGTH, 2 * self.layers, self.heads, self.head_width).permute(1, 2, 0, 3)
        text = model.get_input_embeddings()(torch.tensor([prompt[:-1]], dtype=torch.long))
        read = model(inputs_embeds=torch.cat([text, self.wte2.weight.unsqueeze(0)], dim=1), use_cache=True)
        history = []
        for index, layer in enumerate(read.past_key_values.layers):
            zero = torch.zeros(self.heads, len(prompt) - 1, self.head_width, dtype=torch.float64)
            key, value = (torch.cat([zero, added[2 * index + part]], dim=1) for part in (0, 1))
            history.append((layer.keys + key, layer.values + value))
        rest = torch.tensor([prompt[-1:] + completion[:-1]])
        return model(input_ids=rest, past_key_values=DynamicCache(history), use_cache=True).logits[0]


def write_infix(generator):
    result, tensors = {}, {}
    for name, path in (("gpt2", "gpt2/tied"), ("llama", "architectures/llama-3")):
        model = AutoModelForCausalLM.from_pretrained(
            HERE.parent / path, dtype=torch.float64, attn_implementation="eager").eval().requires_grad_(False)
        infix = Infix(model.config, generator)
        examples = [
            {key: random_sequence(generator, model.config.vocab_size, size) for key, size in (("prompt_ids", a), ("completion_ids", b))}
            for a, b in ((4, 5), (7, 1), (1, 6), (2, 3))]
        logits = [infix.logits(model, example["prompt_ids"], example["completion_ids"]) for example in examples]
        targets = torch.tensor(sum((example["completion_ids"] for example in examples), []))
        loss = torch.nn.functional.cross_entropy(torch.cat(logits), targets)
        loss.backward()
        result[name] = {"examples": examples, "loss": loss.item()}
        tensors |= {f"{name}.logits.{index}": value.detach().clone() for index, value in enumerate(logits)}
        for key, parameter in infix.named_parameters():
            tensors[f"{name}.value.{key}"] = parameter.detach().clone()
            tensors[f"{name}.grad.{key}"] = parameter.grad.clone()
    save_file(tensors, HERE / "infix.safetensors")
    write_json(HERE / "infix.json", result)
    print({name: value["loss"] for name, value in result.items()})


def mask_of(seed, kind, layer, shape, probability):
    """The mask that `Dropout` names, for a sequence alone in its batch: [1 × heads × queries × positions]."""
    modulus = 1 << 64
    stream = (seed * 0xFF51AFD7ED558CCD + (3 * layer + {"decoder": 1, "encoder": 2, "cross": 3}[kind]) * 0xD6E8FEB86659FD93) % modulus
    _, heads, queries, positions = shape
    row, head, position = np.meshgrid(np.arange(queries), np.arange(heads), np.arange(positions), indexing="ij")
    place = ((row * heads + head).astype(np.uint64) << np.uint64(32)) + position.astype(np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(stream) + (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    dropped = (z >> np.uint64(40)).astype(np.float64) / (1 << 24) < np.float32(probability)
    return torch.tensor(np.where(dropped, 0.0, 1 / (1 - probability))).permute(1, 0, 2).unsqueeze(0)


def write_attention_dropout(pairs, stories, make_bart):
    """Losses of the first example of each, with `torch.nn.functional.dropout` replaced where it is given attention probabilities."""
    seed, probability, plain = 20260731, 0.25, torch.nn.functional.dropout
    losses = {}
    for path, model in (("gpt2/tied", load_model("tied")), ("bart/uneven", make_bart())):
        if path == "gpt2/tied":
            places = [("decoder", layer) for layer in range(model.config.n_layer)]
            for block in model.transformer.h:
                block.attn.attn_dropout.p = probability
        else:
            places = [("encoder", layer) for layer in range(model.config.encoder_layers)]
            places += [(kind, layer) for layer in range(model.config.decoder_layers) for kind in ("decoder", "cross")]
            for _, layer, attention, _ in blocks_of(model):
                attention.dropout = probability
                if hasattr(layer, "encoder_attn"):
                    layer.encoder_attn.dropout = probability
        remaining = iter(places)

        def dropout(x, p=0.5, training=True, inplace=False):
            if x.dim() != 4 or not training:
                return x
            assert p == probability, p
            return x * mask_of(seed, *next(remaining), x.shape, probability)

        torch.nn.functional.dropout = dropout
        model.train()
        try:
            if path == "gpt2/tied":
                ids, start = pairs[0]["prompt_ids"] + pairs[0]["completion_ids"], len(pairs[0]["prompt_ids"])
                found = target_losses(model(torch.tensor([ids])).logits[0], ids, start)
            else:
                logits = model(
                    input_ids=torch.tensor([stories[0]["source"]]),
                    decoder_input_ids=torch.tensor([stories[0]["target"][:-1]])).logits[0]
                found = torch.nn.functional.cross_entropy(logits, torch.tensor(stories[0]["target"][1:]), reduction="none")
        finally:
            torch.nn.functional.dropout = plain
        assert next(remaining, None) is None, "an attention without dropout"
        losses[path] = found.tolist()
    write_json(HERE / "attention-dropout.json", {"seed": seed, "probability": probability, "losses": losses})
    print(losses)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    source = torch.Generator().manual_seed(SEED)
    write_runs(source, prefix_goldens())
    vocabulary = load_model("tied").config.vocab_size
    pairs = [
        {"prompt_ids": random_sequence(source, vocabulary, a), "completion_ids": random_sequence(source, vocabulary, b)}
        for a, b in ((3, 5), (6, 2), (1, 7))]
    make_bart = lambda: BartForConditionalGeneration.from_pretrained(
        HERE.parent / "bart" / "uneven", dtype=torch.float64, attn_implementation="eager").eval()
    size = make_bart().config.vocab_size
    stories = [
        {"source": random_sequence(source, size, a), "target": [2, *random_sequence(source, size, b)]}
        for a, b in ((9, 5), (4, 8))]
    write_json(HERE / "gradients.json", {
        "pairs": pairs, "stories": stories,
        "gpt2": write_adapters(source, "gpt2", lambda: load_model("tied"), gpt2_loss, pairs),
        "bart": write_adapters(source, "bart", make_bart, bart_loss, stories),
        "top_layers": write_top_layers(pairs),
    })
    write_infix(torch.Generator().manual_seed(SEED))
    write_attention_dropout(pairs, stories, make_bart)
    write_manifest(HERE, SEED, {
        "training.json": "20 steps of PEFT + torch.optim.AdamW on ../gpt2/tied: token mean, clip 1.0, constant rate, no decay; losses before each "
                         "step; *.safetensors: PEFT's trained tensors before and after",
        "gradients.json": "losses (token mean) with bottleneck adapters of width 5 in ../gpt2/tied and ../bart/uneven",
        "adapter-*.safetensors": "values and gradients; block: with a norm behind each block, sublayers: without, on what attention and MLP "
                                 "add to the residual stream",
        "attention-dropout.json": "losses of the first pair and the first story in training mode, with the masks that this package draws for "
                                  "the seed in place of torch's",
        "infix.*": "infix-tuning of three positions with an MLP of width 7 on ../gpt2/tied and ../architectures/llama-3: loss (token mean), "
                   "logits of each example's completion, values and gradients under the authors' names",
        "top-layers.safetensors": "gradients of the last block, the final norm and the token embeddings of ../gpt2/tied for the same pairs",
    })
