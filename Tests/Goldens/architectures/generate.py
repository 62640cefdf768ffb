"""Tiny random decoders of each architecture: logits, losses, gradients of a prefix and of all weights, greedy and beam search, by
transformers and PEFT in float64.

Run: python Tests/Goldens/architectures/generate.py [--gradients] [name ...]

With --gradients only those of weights are made, of the models that are there.
"""

import copy
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import no_relu_near_zero, random_sequence, target_losses, write_json, write_manifest
from peft import PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from configurations import CONFIGURATIONS

HERE = Path(__file__).resolve().parent
SEED = 20210811
PREFIX_LENGTH = 3
LENGTHS, STARTS = (7, 16, 4), (3, 5, 1)
PROMPTS, CANDIDATES, NEW_TOKENS, BEAMS = 4, 40, 20, 4
EARLY = (False, True, "never")


def randomize(model, generator):
    """Weights large enough that a wrong term shows; norms far from the identity; biases not zero."""
    # Gemma's norms multiply by one more than their weight.
    center = 0 if any(type(module).__name__ == "Gemma3RMSNorm" for module in model.modules()) else 1
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm = "norm" in name and name.endswith("weight")
            parameter.copy_(center + 0.3 * noise if norm else 0.25 * noise)


def load(name, dtype=torch.float64):
    return AutoModelForCausalLM.from_pretrained(HERE / name, dtype=dtype, attn_implementation="eager").eval()


def key_value_shape(config):
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.num_hidden_layers, heads, width


def cache_of(prefix, config):
    """A key/value cache holding `prefix` as PEFT lays it out: [T, 2L, heads, head width], row 2l = keys of layer l."""
    layers, heads, width = key_value_shape(config)
    rows = prefix.view(prefix.shape[0], 2 * layers, heads, width).permute(1, 2, 0, 3).unsqueeze(1)
    return DynamicCache([(rows[2 * layer], rows[2 * layer + 1]) for layer in range(layers)])


def logits_of(model, ids, prefix=None):
    """Logits [length, vocabulary] of one sequence run alone; with a prefix its first position is the prefix length."""
    past = None if prefix is None else cache_of(prefix, model.config)
    return model(torch.tensor([ids]), past_key_values=past, use_cache=past is not None).logits[0]


def peft_model(model, prefix):
    wrapped = get_peft_model(
        copy.deepcopy(model), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=PREFIX_LENGTH)).eval()
    weight = wrapped.prompt_encoder["default"].embedding.weight
    assert weight.shape == prefix.shape, (weight.shape, prefix.shape)
    weight.data = prefix.to(model.dtype)
    return wrapped


def write_model(name, settings, generator):
    """Files as save_pretrained writes them, then respelled as the settings say; the end token is one that some answers reach."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(settings["type"], bos_token_id=0, pad_token_id=1, eos_token_id=2, **settings["options"])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    randomize(model, generator)
    model.config.eos_token_id = common_token(model, generator)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    before = logits_of(load(name), list(range(2, 22)))
    if "keys" in settings:
        save_file({settings["keys"](key): value for key, value in tensors.items()}, path, metadata={"format": "pt"})
    if "extra" in settings:
        save_file({**tensors, **settings["extra"](config)}, path, metadata={"format": "pt"})
    if "spelling" in settings:
        written = json.loads((folder / "config.json").read_text())
        settings["spelling"](written)
        write_json(folder / "config.json", written, indent=2)
    assert torch.equal(before, logits_of(load(name), list(range(2, 22)))), f"{name}: the respelling means something else"


def common_token(model, generator):
    """The token that comes nearest to being in half of the greedy answers."""
    counts = {}
    answers = [greedy(model, random_sequence(generator, model.config.vocab_size, 5), end=None) for _ in range(8)]
    for answer in answers:
        for token in set(answer[4:]):
            counts[token] = counts.get(token, 0) + 1
    return min(sorted(counts), key=lambda token: abs(counts[token] - 4))


def greedy(model, prompt, end, **options):
    output = model.generate(
        input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
        max_new_tokens=NEW_TOKENS, eos_token_id=end, pad_token_id=end if end is not None else 0, **options)
    ids = output[0, len(prompt):].tolist()
    return ids[: ids.index(end) + 1] if end in ids else ids


def greedy_without_cache(model, prompt, end, prefix):
    """The same from scratch at each step: nothing of transformers' generation or caches takes part."""
    ids = list(prompt)
    while len(ids) < len(prompt) + NEW_TOKENS and (len(ids) == len(prompt) or ids[-1] != end):
        ids.append(int(logits_of(model, ids, prefix)[-1].argmax()))
    return ids[len(prompt):]


def write_generation(name, model, prefix, beam_options, generator):
    """Answers that neither float32 nor weights off by a few roundings change: no near-tie decides anything."""
    end = model.config.eos_token_id
    rough = copy.deepcopy(model).float()
    with torch.no_grad():
        for parameter in rough.parameters():
            parameter.mul_(1 + 1e-6 * torch.randn(parameter.shape, generator=generator))
    pairs = [(base, peft_model(base, prefix)) for base in (model, rough)]
    prompts, rows, fragile = [], [], 0
    runs = [("greedy", 0, {}), ("prefix_greedy", 1, {}), ("beam", 0, beam_options), ("prefix_beam", 1, beam_options)]
    while len(prompts) < PROMPTS:
        assert fragile < CANDIDATES, f"{name}: too many fragile prompts"
        prompt = random_sequence(generator, model.config.vocab_size, int(torch.randint(1, 11, (1,), generator=generator)))
        row = {}
        for key, index, options in runs:
            answers = [greedy(pair[index], prompt, end, **options) for pair in pairs]
            if answers[0] != answers[1]:
                break
            row[key] = answers[0]
        if len(row) < len(runs):
            fragile += 1
            continue
        for key, start in (("greedy", None), ("prefix_greedy", prefix.double())):
            assert greedy_without_cache(model, prompt, end, start) == row[key], (name, key, prompt)
        prompts.append(prompt)
        rows.append(row)
    answers = {key: [row[key] for row in rows] for key, _, _ in runs}
    return {"prompts": prompts, "max_new_tokens": NEW_TOKENS, "eos_token_id": end, "beam_options": beam_options, **answers}, fragile


def write_golden(name, index, generator):
    model = load(name)
    config = model.config
    sequences = [random_sequence(generator, config.vocab_size, length) for length in LENGTHS]
    layers, heads, width = key_value_shape(config)
    # Values that float32 holds exactly, so that both sides start from the same numbers.
    prefix = 0.7 * torch.randn(PREFIX_LENGTH, 2 * layers * heads * width, generator=generator)
    leaf = prefix.double().requires_grad_()
    wrapped = peft_model(model, prefix)
    tensors, losses, prefix_losses = {"prefix.prompt_embeddings": prefix}, [], []
    for number, (ids, start) in enumerate(zip(sequences, STARTS)):
        with no_relu_near_zero(model):
            plain, prefixed = logits_of(model, ids), logits_of(model, ids, leaf)
        by_peft = wrapped(input_ids=torch.tensor([ids])).logits[0]
        assert torch.allclose(prefixed, by_peft, rtol=1e-10, atol=1e-10), f"{name}: PEFT and the cache disagree"
        assert (plain - prefixed).abs().max() > 1e-2
        tensors[f"logits.{number}"], tensors[f"prefix.logits.{number}"] = plain.detach(), prefixed.detach()
        losses.append(target_losses(plain, ids, start))
        prefix_losses.append(target_losses(prefixed, ids, start))
    (tensors["prefix.grad"],) = torch.autograd.grad(torch.cat(prefix_losses).sum(), leaf)
    save_file({key: value.contiguous() for key, value in tensors.items()}, HERE / name / "golden.safetensors")
    beam_options = dict(num_beams=BEAMS, length_penalty=(0.8, 1.3)[index % 2], early_stopping=EARLY[index % 3])
    with torch.no_grad():
        generation, fragile = write_generation(name, model, prefix, beam_options, generator)
    write_json(HERE / name / "cases.json", {
        "sequences": sequences, "target_starts": STARTS, "generation": generation,
        "target_losses": [loss.tolist() for loss in losses], "prefix_target_losses": [loss.tolist() for loss in prefix_losses]})
    ended = {key: sum(ids[-1] == config.eos_token_id for ids in generation[key]) for key in ("greedy", "prefix_greedy", "beam", "prefix_beam")}
    print(name, f"ended {ended}, fragile {fragile}", flush=True)


def write_weight_gradients(name):
    """Of each weight's gradient what tells it from any other: its norm, and its product with cos(0.7 i + 1) over its values in order."""
    model = load(name)
    # Else the row of the padding token, which these sequences have as a token like others, gets none from its lookups.
    model.get_input_embeddings().padding_idx = None
    cases = json.loads((HERE / name / "cases.json").read_text())
    losses = [target_losses(logits_of(model, ids), ids, start) for ids, start in zip(cases["sequences"], cases["target_starts"])]
    torch.cat(losses).sum().backward()
    found = {}
    for key, parameter in model.named_parameters():
        values = parameter.grad.reshape(-1)
        wave = torch.cos(0.7 * torch.arange(len(values), dtype=torch.float64) + 1)
        # As files have it, whatever transformers calls it in memory.
        key = "embed_out.weight" if model.config.model_type == "gpt_neox" and key == "lm_head.weight" else key
        found[key] = [values.norm().item(), (values @ wave).item()]
    write_json(HERE / name / "weight_gradients.json", found)


if __name__ == "__main__":
    only_gradients = "--gradients" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--gradients"]
    for index, (name, settings) in enumerate(CONFIGURATIONS.items()):
        if names and name not in names:
            continue
        if not only_gradients:
            source = torch.Generator().manual_seed(settings.get("seed", SEED + index))
            write_model(name, settings, source)
            write_golden(name, index, source)
        write_weight_gradients(name)
        assert "_name_or_path" not in json.loads((HERE / name / "config.json").read_text())
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)
    write_manifest(HERE, SEED, {
        "models": "config.json and model.safetensors, random weights (standard deviation 0.25, gains of norms 0.3 around one); respelled as "
                  "configurations.py says, after which transformers reads them to the same logits",
        "cases.json": "sequences, each run alone without padding; target_starts: ids[start...] are targets, the logits before each predict "
                      "it; target_losses, prefix_target_losses: natural-log cross-entropy per target without and with the prefix; "
                      "generation: transformers (PEFT with the prefix), one prompt at a time, generated ids with the end token; only "
                      "prompts whose answers do not depend on float32 rounding",
        "golden.safetensors": "float64; prefix.prompt_embeddings (float32): PEFT's layout [T, 2L * key/value width], keys after rotation, "
                              "text starts at position T; prefix.grad: of the sum of the target losses of all three sequences",
        "weight_gradients.json": "by the names that files of the architecture have: of the sum of the target losses of all three sequences without the prefix, "
                                 "the gradient's norm, and the sum of its values times cos(0.7 i + 1)",
        "seeds": "each model has its own: seed plus its place in configurations.py, or what it says there",
    })
