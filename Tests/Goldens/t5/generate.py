"""Tiny random T5 and mT5 models as Tests/Goldens/bart has them of BART, and the gradients of all weights; float64.

Run: python Tests/Goldens/t5/generate.py
"""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))
specification = importlib.util.spec_from_file_location("bart_goldens", HERE.parent / "bart" / "generate.py")
common = importlib.util.module_from_spec(specification)
specification.loader.exec_module(common)

import torch
from golden_support import write_json, write_manifest
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GenerationConfig
from transformers.models.bloom import modeling_bloom
from transformers.models.mt5 import modeling_mt5
from transformers.models.t5 import modeling_t5

SEED = 20210813
SEEDS = (SEED + 30, SEED + 1, SEED + 2)
START, END = 0, 1

CONFIGURATIONS = {
    # T5 of 2019: one matrix into the MLP, a head that is the table, fewer decoder layers than encoder layers' width allows for PEFT.
    "plain": dict(type="t5", d_model=24, d_kv=8, num_heads=3, num_layers=2, d_ff=40, relative_attention_num_buckets=8,
                  relative_attention_max_distance=12, feed_forward_proj="relu"),
    # v1.1: a gate, a head of its own, heads together wider than the model, more decoder layers.
    "gated": dict(type="t5", d_model=20, d_kv=6, num_heads=4, num_layers=2, num_decoder_layers=3, d_ff=28, relative_attention_num_buckets=12,
                  relative_attention_max_distance=9, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "mt5": dict(type="mt5", d_model=24, d_kv=8, num_heads=3, num_layers=3, d_ff=32, relative_attention_num_buckets=8,
                relative_attention_max_distance=10, feed_forward_proj="gated-silu"),
}


def with_prefix(plain):
    def attend(module, query, key, value, attention_mask, position_bias=None, **options):
        """A module's prefix stands before its keys and values, at the positions before the text; the decoder's attention to the
        encoder's output knows none."""
        prefix = getattr(module, "prefix", None)
        if prefix is not None:
            count, queries = prefix[0].shape[1], query.shape[2]
            rows = [part.unsqueeze(0).expand(key.shape[0], -1, -1, -1) for part in prefix]
            key, value = torch.cat([rows[0], key], dim=2), torch.cat([rows[1], value], dim=2)
            if module.distances is None:
                position_bias = torch.nn.functional.pad(position_bias, (count, 0), value=0.0)
            else:
                past = key.shape[2] - count - queries
                position_bias = module.distances[0].compute_bias(queries, key.shape[2], past_seen_tokens=count + past)
            if attention_mask is not None:
                attention_mask = torch.nn.functional.pad(attention_mask, (count, 0), value=0.0)
        return plain(module, query, key, value, attention_mask, position_bias=position_bias, **options)

    return attend


for modeling in (modeling_t5, modeling_mt5):
    modeling.eager_attention_forward = with_prefix(modeling.eager_attention_forward)


def attentions(model, kind):
    blocks = (model.encoder if kind == "encoder" else model.decoder).block
    return [block.layer[1].EncDecAttention if kind == "cross" else block.layer[0].SelfAttention for block in blocks]


def load(name, dtype=torch.float64):
    model = AutoModelForSeq2SeqLM.from_pretrained(HERE / name, dtype=dtype, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()
    for kind in common.KINDS:
        modules = attentions(model, kind)
        for module in modules:
            module.num_heads, module.head_dim = module.n_heads, module.key_value_proj_dim
            # In a list, so that it is no part of the module.
            module.distances = None if kind == "cross" else [modules[0]]
    model.config.encoder_layers, model.config.decoder_layers = model.config.num_layers, model.config.num_decoder_layers
    return model


def check_cross(model, source, target, generator):
    """Prefix keys and values made of further encoder states are those states."""
    further = 0.5 * torch.randn(1, 3, model.config.d_model, generator=generator).double()
    ids = torch.tensor([[START] + target[:-1]])
    states = model.encoder(input_ids=torch.tensor([source])).last_hidden_state
    output = lambda states: model(encoder_outputs=common.BaseModelOutput(last_hidden_state=states), decoder_input_ids=ids).logits
    expected = output(torch.cat([further, states], dim=1))
    for module in attentions(model, "cross"):
        module.prefix = tuple(part(further)[0].view(3, module.num_heads, module.head_dim).transpose(0, 1) for part in (module.k, module.v))
    found = output(states)
    common.set_prefixes(model, None)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)


def random_prefixes(config, generator):
    depth = {"encoder": config.num_layers, "decoder": config.num_decoder_layers, "cross": config.num_decoder_layers}
    width = config.num_heads * config.d_kv
    return {kind: 0.7 * torch.randn(common.LENGTHS[kind], 2 * depth[kind] * width, generator=generator) for kind in common.KINDS}


def write_model(name, options, generator):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    options = dict(options)
    config = AutoConfig.for_model(
        options.pop("type"), vocab_size=57, dropout_rate=0.0, pad_token_id=START, eos_token_id=END, decoder_start_token_id=START, **options)
    model = AutoModelForSeq2SeqLM.from_config(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            # Scores are not divided by anything: queries are as small as T5 makes them.
            scale = 1.0 if "relative_attention_bias" in key else 0.25 / config.d_kv**0.5 if key.endswith(".q.weight") else 0.25
            parameter.copy_(1 + 0.3 * noise if "norm" in key else scale * noise)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if options.get("tie_word_embeddings") is False:
        # transformers 5 ties whatever it makes; published files of v1.1 say false and have a head of their own.
        path = folder / "model.safetensors"
        tensors = load_file(path)
        tensors["lm_head.weight"] = 0.25 * torch.randn(57, config.d_model, generator=generator)
        save_file(tensors, path, metadata={"format": "pt"})
        written = json.loads((folder / "config.json").read_text())
        written["tie_word_embeddings"] = False
        written.pop("scale_decoder_outputs", None)
        write_json(folder / "config.json", written, indent=2)
        read = load(name, torch.float32)
        assert torch.equal(read.lm_head.weight, tensors["lm_head.weight"]) and not read.config.scale_decoder_outputs


def write_gradients(name):
    """Of the sum of all losses without a prefix, with respect to each weight."""
    model = load(name)
    cases = json.loads((HERE / name / "cases.json").read_text())
    loss = sum(common.losses_of(common.logits_of(model, *pair), pair[1]).sum() for pair in zip(cases["sources"], cases["targets"]))
    loss.backward()
    save_file(
        {key: value.grad.float().contiguous() for key, value in model.named_parameters()}, HERE / name / "gradients.safetensors")


def write_distances():
    """T5's ranges and BLOOM's slopes."""
    ranges = []
    for count, farthest, causal in ((32, 128, True), (32, 128, False), (8, 12, True), (8, 12, False), (64, 500, True)):
        distances = torch.arange(-300, 301)
        found = modeling_t5.T5Attention._relative_position_bucket(-distances, bidirectional=not causal, num_buckets=count, max_distance=farthest)
        ranges.append({"count": count, "farthest": farthest, "is_causal": causal, "first_distance": -300, "ranges": found.tolist()})
    slopes = [modeling_bloom._get_alibi_slopes(heads, torch.device("cpu")).float().tolist() for heads in (1, 3, 8, 12, 16, 112)]
    write_json(HERE / "distances.json", {"ranges": ranges, "slopes": slopes})


if __name__ == "__main__":
    write_distances()
    for key, value in dict(
        HERE=HERE, SEED=SEED, START=START, END=END, BOS=3, PAD=START, PEFT=("plain", "mt5"), load=load, attentions=attentions,
        check_cross=check_cross, random_prefixes=random_prefixes).items():
        setattr(common, key, value)
    for index, (name, options) in enumerate(CONFIGURATIONS.items()):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        source = torch.Generator().manual_seed(SEEDS[index])  # that put no input of a ReLU near 0
        write_model(name, options, source)
        common.write_golden(name, source)
        write_gradients(name)
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)
    write_manifest(HERE, SEED, {
        "models": "as Tests/Goldens/bart, of T5 and mT5: an encoder's and a decoder's prefix stands at the positions before the text",
        "gradients.safetensors": "of the sum of the losses of all pairs, with respect to each weight"})
