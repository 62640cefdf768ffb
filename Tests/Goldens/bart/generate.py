"""Tiny random BART models: logits, PEFT's decoder prefix, the paper's three prefixes with gradients and training, generation; float64.

Run: python Tests/Goldens/bart/generate.py
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import no_relu_near_zero, random_sequence, write_json, write_manifest
from peft import PrefixTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig, get_linear_schedule_with_warmup
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.bart import modeling_bart

HERE = Path(__file__).resolve().parent
SEED = 20210812
KINDS = ("encoder", "decoder", "cross")
LENGTHS = {"encoder": 3, "decoder": 3, "cross": 3}
SOURCES, TARGETS = (9, 4, 14), (6, 11, 3)
START, BOS, PAD, END = 2, 0, 1, 2
STEPS, BATCH, RATE, HIDDEN = 20, 3, 5e-3, 16
NAMES = {"decoder": ("wte", "control_trans"), "cross": ("wte2", "control_trans2"), "encoder": ("wte_enc", "control_trans_enc")}
PROMPTS, CANDIDATES = 4, 60

CONFIGURATIONS = {
    # More decoder than encoder layers, other heads and other MLPs in each, a bias of the logits.
    "uneven": dict(
        d_model=24, encoder_layers=2, decoder_layers=3, encoder_attention_heads=3, decoder_attention_heads=4, encoder_ffn_dim=40,
        decoder_ffn_dim=28),
    "scaled": dict(
        d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=28,
        decoder_ffn_dim=40, scale_embedding=True),
    # An odd number of layers, for the rows that PEFT takes; another activation; a head of its own.
    "untied": dict(
        d_model=20, encoder_layers=3, decoder_layers=3, encoder_attention_heads=5, decoder_attention_heads=5, encoder_ffn_dim=24,
        decoder_ffn_dim=24, activation_function="relu", tie_word_embeddings=False),
}
PEFT = ("scaled", "untied")
# Scaled to the logits, so that some answers end early and some do not.
END_BIAS = {"uneven": 0.0, "scaled": 5.0, "untied": 3.0}

plain_attention = modeling_bart.eager_attention_forward


def attention_with_prefix(module, query, key, value, attention_mask, **options):
    """The paper's scheme: a module's prefix stands before its keys and values, is seen by every query, and moves no position."""
    prefix = getattr(module, "prefix", None)
    if prefix is not None:
        rows = [part.unsqueeze(0).expand(key.shape[0], -1, -1, -1) for part in prefix]
        key, value = torch.cat([rows[0], key], dim=2), torch.cat([rows[1], value], dim=2)
        if attention_mask is not None:
            attention_mask = torch.nn.functional.pad(attention_mask, (rows[0].shape[2], 0), value=0.0)
    return plain_attention(module, query, key, value, attention_mask, **options)


modeling_bart.eager_attention_forward = attention_with_prefix


def attentions(model, kind):
    if kind == "encoder":
        return [layer.self_attn for layer in model.model.encoder.layers]
    return [layer.self_attn if kind == "decoder" else layer.encoder_attn for layer in model.model.decoder.layers]


def set_prefixes(model, prefixes):
    """prefixes: kind -> [T, 2L*d], row 2l of its view as [T, 2L, heads, head width] the keys of layer l; None takes them all away."""
    for kind in KINDS:
        modules = attentions(model, kind)
        heads, width = modules[0].num_heads, modules[0].head_dim
        for layer, module in enumerate(modules):
            if prefixes is None:
                module.prefix = None
            else:
                rows = prefixes[kind].view(-1, 2 * len(modules), heads, width).permute(1, 2, 0, 3)
                module.prefix = (rows[2 * layer], rows[2 * layer + 1])


def load(name, dtype=torch.float64):
    model = BartForConditionalGeneration.from_pretrained(HERE / name, dtype=dtype, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()  # Nothing but what a call names: BartConfig forces an end token by default.
    return model


def logits_of(model, source, target):
    """Logits [target length, vocabulary]: those at index i predict target[i]; the decoder reads START and target without its last."""
    return model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[START] + target[:-1]])).logits[0]


def losses_of(logits, target):
    return torch.nn.functional.cross_entropy(logits, torch.tensor(target), reduction="none")


def write_model(name, options, generator):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = BartConfig(
        vocab_size=57, max_position_embeddings=40, dropout=0.0, bos_token_id=BOS, pad_token_id=PAD, eos_token_id=END,
        decoder_start_token_id=START, **options)
    model = BartForConditionalGeneration(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm = "norm" in key and key.endswith("weight")
            parameter.copy_(1 + 0.3 * noise if norm else 0.25 * noise)
        model.final_logits_bias.copy_(0.5 * torch.randn(model.final_logits_bias.shape, generator=generator))
        model.final_logits_bias[0, END] = END_BIAS[name]
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def check_cross(model, source, target, generator):
    """Prefix keys and values made of further encoder states are those states: the patch does what the paper's code does."""
    further = 0.5 * torch.randn(1, 3, model.config.d_model, generator=generator).double()
    ids = torch.tensor([[START] + target[:-1]])
    states = model.model.encoder(input_ids=torch.tensor([source])).last_hidden_state
    together = BaseModelOutput(last_hidden_state=torch.cat([further, states], dim=1))
    expected = model(encoder_outputs=together, decoder_input_ids=ids).logits
    for module in attentions(model, "cross"):
        module.prefix = tuple(
            part(further)[0].view(3, module.num_heads, module.head_dim).transpose(0, 1) for part in (module.k_proj, module.v_proj))
    found = model(encoder_outputs=BaseModelOutput(last_hidden_state=states), decoder_input_ids=ids).logits
    set_prefixes(model, None)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)


def peft_logits(name, prompt, pairs):
    wrapped = get_peft_model(load(name), PrefixTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=3)).eval()
    weight = wrapped.prompt_encoder["default"].embedding.weight
    assert weight.shape == prompt.shape, (weight.shape, prompt.shape)
    weight.data = prompt.double()
    return [
        wrapped(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[START] + target[:-1]])).logits[0].detach()
        for source, target in pairs]


def random_prefixes(config, generator):
    depth = {"encoder": config.encoder_layers, "decoder": config.decoder_layers, "cross": config.decoder_layers}
    return {kind: 0.7 * torch.randn(LENGTHS[kind], 2 * depth[kind] * config.d_model, generator=generator) for kind in KINDS}


def write_golden(name, generator):
    model = load(name)
    config = model.config
    content = lambda length: (3 + torch.randint(0, config.vocab_size - 3, (length,), generator=generator)).tolist()
    pairs = [([BOS] + content(a - 2) + [END], [BOS] + content(b - 2) + [END]) for a, b in zip(SOURCES, TARGETS)]
    check_cross(model, *pairs[0], generator)
    prefixes = random_prefixes(config, generator)
    leaves = {kind: value.double().requires_grad_() for kind, value in prefixes.items()}
    tensors = {f"prefix.{kind}": value for kind, value in prefixes.items()}
    with no_relu_near_zero(model):
        plain = [logits_of(model, *pair) for pair in pairs]
        set_prefixes(model, leaves)
        prefixed = [logits_of(model, *pair) for pair in pairs]
    alone = {}
    for kind in KINDS:
        set_prefixes(model, leaves)
        for other in set(KINDS) - {kind}:
            for module in attentions(model, other):
                module.prefix = None
        alone[kind] = logits_of(model, *pairs[0]).detach()
        assert (alone[kind] - plain[0]).abs().max() > 1e-2, (name, kind)
        tensors[f"prefix.{kind}.logits.0"] = alone[kind]
    losses = {
        "target_losses": [losses_of(logits, target) for logits, (_, target) in zip(plain, pairs)],
        "prefix_target_losses": [losses_of(logits, target) for logits, (_, target) in zip(prefixed, pairs)]}
    gradients = torch.autograd.grad(torch.cat(losses["prefix_target_losses"]).sum(), [leaves[kind] for kind in KINDS])
    tensors.update({f"prefix.{kind}.grad": value for kind, value in zip(KINDS, gradients)})
    for index in range(len(pairs)):
        tensors[f"logits.{index}"], tensors[f"prefix.logits.{index}"] = plain[index].detach(), prefixed[index].detach()
    if name in PEFT:
        tensors["peft.prompt_embeddings"] = 0.7 * torch.randn(3, 2 * config.encoder_layers * config.d_model, generator=generator)
        for index, logits in enumerate(peft_logits(name, tensors["peft.prompt_embeddings"], pairs)):
            tensors[f"peft.logits.{index}"] = logits
    save_file({key: value.contiguous() for key, value in tensors.items()}, HERE / name / "golden.safetensors")
    with torch.no_grad():
        generation = write_generation(name, prefixes, content)
    write_json(HERE / name / "cases.json", {
        "sources": [source for source, _ in pairs], "targets": [target for _, target in pairs], "generation": generation,
        **{key: [row.tolist() for row in rows] for key, rows in losses.items()}})


def settings():
    """The paper's search (beam 6, length penalty 0.8 and the like), greedy, and every kind of early stopping."""
    yield dict(num_beams=1, max_length=16)
    yield dict(num_beams=1, max_length=14, min_length=6, no_repeat_ngram_size=3, forced_bos_token_id=BOS, forced_eos_token_id=END)
    for early in (False, True, "never"):
        yield dict(
            num_beams=6, length_penalty=0.8, early_stopping=early, max_length=14, min_length=5, no_repeat_ngram_size=3,
            forced_bos_token_id=BOS, forced_eos_token_id=END)
    yield dict(num_beams=4, length_penalty=1.3, early_stopping=True, max_length=12)


def generate(model, source, options):
    """Generated ids after the decoder's start, the end token included, without padding."""
    config = GenerationConfig(
        do_sample=False, decoder_start_token_id=START, bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD, **options)
    ids = model.generate(input_ids=torch.tensor([source]), attention_mask=torch.ones(1, len(source), dtype=torch.long), generation_config=config)[0].tolist()
    ids = ids[1:]
    return ids[: ids.index(END) + 1] if END in ids else ids


def greedy_without_cache(model, source, limit):
    ids = []
    while len(ids) + 1 < limit and (not ids or ids[-1] != END):
        ids.append(int(logits_of(model, source, ids + [0])[-1].argmax()))
    return ids


def write_generation(name, prefixes, content):
    model, rough = load(name), load(name, torch.float32)
    source_of_noise = torch.Generator().manual_seed(SEED)
    for parameter in rough.parameters():
        parameter.mul_(1 + 1e-6 * torch.randn(parameter.shape, generator=source_of_noise))
    sources, rows, fragile = [], [], 0
    grid = list(settings())
    while len(sources) < PROMPTS:
        assert fragile < CANDIDATES, f"{name}: too many fragile sources"
        source = [BOS] + content(3 + 2 * len(sources)) + [END]
        row = []
        for with_prefix in (False, True):
            for variant in (model, rough):
                set_prefixes(variant, {key: value.to(variant.dtype) for key, value in prefixes.items()} if with_prefix else None)
            for options in grid:
                answers = [generate(variant, source, options) for variant in (model, rough)]
                if answers[0] != answers[1]:
                    break
                row.append(answers[0])
            if len(row) % len(grid):
                break
            assert greedy_without_cache(model, source, 16) == row[-len(grid)], (name, source)
        if len(row) < 2 * len(grid):
            fragile += 1
            continue
        sources.append(source)
        rows.append(row)
    cases = [
        {"options": options, "prefix": with_prefix, "token_ids": [row[index + len(grid) * with_prefix] for row in rows]}
        for with_prefix in (False, True) for index, options in enumerate(grid)]
    for case in cases:
        print(name, case["prefix"], case["options"], [len(ids) for ids in case["token_ids"]], flush=True)
    print(f"{name}: {fragile} fragile sources")
    return {"sources": sources, "cases": cases}


class Reparametrization(torch.nn.Module):
    """P = Linear(tanh(Linear(E))): rows of E [T, d] become rows of P [T, 2L*d]."""

    def __init__(self, length, width, layers):
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(length, width))
        self.trans = torch.nn.Sequential(
            torch.nn.Linear(width, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 2 * layers * width))

    def forward(self):
        return self.trans(self.table)


def parameters_of(modules):
    """The authors' names."""
    values = {}
    for kind, (table, trans) in NAMES.items():
        values[f"{table}.weight"] = modules[kind].table.detach().clone()
        for key, value in modules[kind].trans.named_parameters():
            values[f"{trans}.{key}"] = value.detach().clone()
    return values


def write_training(name, generator):
    model = load(name).requires_grad_(False)
    config = model.config
    examples = []
    for _ in range(STEPS * BATCH):
        length = int(torch.randint(2, 8, (1,), generator=generator))
        words = (3 + torch.randint(0, config.vocab_size - 3, (length,), generator=generator)).tolist()
        examples.append({"source": [BOS] + words + [END], "target": [BOS] + words[::-1][:5] + [END]})
    start = {}
    for kind in KINDS:
        module = Reparametrization(LENGTHS[kind], config.d_model, config.encoder_layers if kind == "encoder" else config.decoder_layers)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        start[kind] = module.state_dict()

    def run(dtype):
        base = model.to(dtype)
        modules = {}
        for kind in KINDS:
            layers = config.encoder_layers if kind == "encoder" else config.decoder_layers
            modules[kind] = Reparametrization(LENGTHS[kind], config.d_model, layers).to(dtype)
            modules[kind].load_state_dict(start[kind])
        parameters = [value for kind in KINDS for value in modules[kind].parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        schedule = get_linear_schedule_with_warmup(optimizer, 0, STEPS)
        initial, losses, norms = parameters_of(modules), [], []
        for step in range(STEPS):
            set_prefixes(base, {kind: modules[kind]() for kind in KINDS})
            batch = examples[step * BATCH : (step + 1) * BATCH]
            loss = torch.cat([losses_of(logits_of(base, item["source"], item["target"]), item["target"]) for item in batch]).mean()
            optimizer.zero_grad()
            loss.backward()
            norms.append(torch.nn.utils.get_total_norm([value.grad for value in parameters]).item())
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return initial, losses, norms, parameters_of(modules)

    initial, losses, norms, final = run(torch.float64)
    _, single_losses, _, single = run(torch.float32)
    errors = {key: ((single[key].double() - final[key]).norm() / final[key].norm()).item() for key in final}
    save_file(
        {**{f"initial.{key}": value.float() for key, value in initial.items()}, **{f"final.{key}": value for key, value in final.items()}},
        HERE / "training.safetensors")
    write_json(HERE / "training.json", {
        "model": name, "prefix_length": 3, "hidden": HIDDEN, "steps": STEPS, "batch_size": BATCH, "learning_rate": RATE,
        "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": 0.0, "examples": examples, "losses": losses, "gradient_norms": norms,
        "float32_final_error": errors, "float32_loss_error": max(abs(a - b) / b for a, b in zip(single_losses, losses))})
    print(f"training: loss {losses[0]:.4f} to {losses[-1]:.4f}; float32 differs by up to {max(errors.values()):.1e}")


if __name__ == "__main__":
    for index, (name, options) in enumerate(CONFIGURATIONS.items()):
        source = torch.Generator().manual_seed(SEED + index)
        write_model(name, options, source)
        write_golden(name, source)
        assert "_name_or_path" not in json.loads((HERE / name / "config.json").read_text())
    write_training("scaled", torch.Generator().manual_seed(SEED + 100))
    write_manifest(HERE, SEED, {
        "models": "config.json and model.safetensors, random weights (standard deviation 0.25, norms 0.3 around one), final_logits_bias "
                  "not zero",
        "cases.json": "pairs of sources and targets, each run alone; the decoder reads decoder_start (2) and the target without its last "
                      "token, so that logits row i predicts target[i]; all tokens of a target count; target_losses: natural-log "
                      "cross-entropy without and with the three prefixes; generation: transformers generate, one source at a time; ids "
                      "after the decoder's start with the end token; max_length and min_length count the decoder's start; forced tokens "
                      "only where options name them; prefix: with all three; only sources whose answers do not depend on float32 rounding",
        "golden.safetensors": "float64; prefix.encoder, .decoder, .cross (float32) [T, 2L*d], row 2l of the view [T, 2L, heads, head "
                              "width] the keys of layer l: the paper's prefixes before keys and values of encoder self-attention, "
                              "decoder self-attention and cross-attention, text from position 0 (row 2 of the table) on both sides; "
                              "prefix.logits.N: all three; prefix.KIND.logits.0: that one alone, first pair; prefix.KIND.grad: of the sum of "
                              "all target losses; peft.*: PEFT SEQ_2_SEQ_LM prefix (decoder self-attention only, its choice of rows, "
                              "decoder text from position T)",
        "training": "scaled: three MLPs under the authors' names (wte: decoder, wte2: cross, wte_enc: encoder), AdamW, rate falling linearly "
                    "to 0 (step t has rate * (1 - t / 20)), batches of 3 examples in file order, loss = mean over the target tokens of the "
                    "batch, no label smoothing, no dropout, no clipping",
    })
