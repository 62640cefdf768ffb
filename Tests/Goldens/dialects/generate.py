"""Goldens of the forms in which prefixes and LoRA adapters are kept: files of the originals, and what they evaluate to.

Run: python Tests/Goldens/dialects/generate.py   (after Tests/Goldens/gpt2/generate.py)
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "gpt2"), str(HERE)]
warnings.filterwarnings("ignore")

import peft
import torch
from golden_support import load_model, random_sequence, write_json, write_manifest
from originals import (AuthorsBART, AuthorsEmbeddings, AuthorsPrefix, HubPrefix, MergedLinear, TrainableCache, hub_state,
                       rows_of)
from peft import get_peft_model
from safetensors.torch import save_file
from transformers import BartConfig, BartForConditionalGeneration, LlamaConfig, LlamaForCausalLM

SEED = 20260418
TRUTH = {}
TEXT = [5, 1, 60, 7, 7]


def gpt2():
    return load_model("tied", torch.float32)


def llama():
    return LlamaForCausalLM(LlamaConfig(vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64))


def bart(encoder_layers, decoder_layers):
    return BartForConditionalGeneration(BartConfig(
        vocab_size=40, d_model=16, encoder_layers=encoder_layers, decoder_layers=decoder_layers, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64))


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def cached(cache):
    cache = getattr(cache, "self_attention_cache", cache)
    return [torch.stack([layer.keys, layer.values]) for layer in cache.layers if layer.keys is not None]


def write_peft(name, model, config, layers=None, safe=True):
    """A random adapter as PEFT saves it; the truth is what the loaded adapter puts before the text."""
    folder = fresh(name)
    adapter = get_peft_model(model, config)
    with torch.no_grad():
        for parameter in adapter.prompt_encoder["default"].parameters():
            parameter.copy_(torch.randn(parameter.shape))
    adapter.peft_config["default"].base_model_name_or_path = "base"
    adapter.save_pretrained(folder, save_embedding_layers=False, safe_serialization=safe)
    (folder / "README.md").unlink(missing_ok=True)
    loaded = peft.PeftModel.from_pretrained(model, folder).eval()
    with torch.no_grad():
        prompt = loaded.get_prompt(1)
        if not torch.is_tensor(prompt):
            past = cached(prompt)
            TRUTH[f"{name}.decoder"] = rows_of(past[:layers])
        else:
            TRUTH[f"{name}.embeddings"] = prompt[0][: config.num_virtual_tokens]
            if config.task_type == "CAUSAL_LM":
                double = peft.PeftModel.from_pretrained(load_model("tied"), folder).double().eval()
                TRUTH[f"{name}.logits"] = double(torch.tensor([TEXT])).logits[0, config.num_virtual_tokens :]
    return folder


def write_peft_adapters():
    prefix = lambda task, **more: peft.PrefixTuningConfig(task_type=task, **more)
    write_peft("peft-gqa", llama(), prefix("CAUSAL_LM", num_virtual_tokens=3))
    early = write_peft("peft-early", gpt2(), prefix("CAUSAL_LM", num_virtual_tokens=4), safe=False)
    write_json(early / "adapter_config.json", {
        "base_model_name_or_path": "base", "encoder_hidden_size": 32, "inference_mode": True, "num_attention_heads": 4,
        "num_layers": 2, "num_transformer_submodules": 1, "num_virtual_tokens": 4, "peft_type": "PREFIX_TUNING",
        "postprocess_past_key_value_function": None, "prefix_projection": True, "task_type": "CAUSAL_LM", "token_dim": 32})
    for encoder, decoder, stated in ((2, 2, None), (3, 3, None), (3, 2, None), (2, 4, 8)):
        write_peft(f"peft-seq2seq-{encoder}-{decoder}", bart(encoder, decoder),
                   prefix("SEQ_2_SEQ_LM", num_virtual_tokens=3, num_layers=stated), layers=decoder)
    short = fresh("peft-seq2seq-short")  # PEFT itself cannot use it: IndexError.
    model = get_peft_model(bart(2, 4), prefix("SEQ_2_SEQ_LM", num_virtual_tokens=3))
    model.save_pretrained(short, save_embedding_layers=False)
    (short / "README.md").unlink(missing_ok=True)
    try:
        model(input_ids=torch.tensor([[3, 4]]), decoder_input_ids=torch.tensor([[2, 5]]))
        raise AssertionError("PEFT no longer fails here")
    except IndexError:
        pass
    write_peft("peft-cartridge", llama(), peft.CartridgeConfig(task_type="CAUSAL_LM", num_virtual_tokens=5, num_frozen_tokens=2))
    write_peft("peft-prompt", gpt2(), peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    write_peft("peft-prompt-seq2seq", bart(2, 2), peft.PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=3))
    for kind in ("MLP", "LSTM"):
        write_peft(f"peft-p-tuning-{kind.lower()}", gpt2(), peft.PromptEncoderConfig(
            task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=10, encoder_reparameterization_type=kind))


def truth_of(module, name):
    """Evaluated in 64 bits."""
    module = module.double()
    with torch.no_grad():
        if isinstance(module, AuthorsEmbeddings):
            TRUTH[f"{name}.embeddings"] = module.embeddings()
        elif isinstance(module, AuthorsBART):
            TRUTH.update({f"{name}.{kind}": rows_of(past) for kind, past in module.pasts().items()})
        else:
            TRUTH[f"{name}.decoder"] = rows_of(module.past())
    return {key: value.float() for key, value in module.state_dict().items()}


def write_authors():
    sizes = (3, 2, 4, 8)
    for name, module in (
        ("authors-mlp", AuthorsPrefix(*sizes)), ("authors-deep", AuthorsPrefix(*sizes, deep=True)),
        ("authors-flat", AuthorsPrefix(*sizes, flat="random")), ("authors-words", AuthorsPrefix(*sizes, flat="words")),
        ("authors-embeddings", AuthorsEmbeddings(3, 32)), ("authors-table", AuthorsEmbeddings(3, 32, table=True)),
        ("authors-bart", AuthorsBART(3, 2, 2, 8)),
    ):
        torch.save(truth_of(module, name), fresh(name) / "pytorch_model.bin")
    # As PyTorch Lightning keeps it: the module as `model`, BART itself beside it.
    state = truth_of(AuthorsBART(3, 2, 2, 8), "authors-lightning")
    torch.save({"epoch": 1, "global_step": 7, "state_dict": {
        **{f"model.{key}": value for key, value in state.items()}, "seq2seq_model.model.shared.weight": torch.zeros(4, 4)}},
        HERE / "authors-lightning.ckpt")
    infix = AuthorsPrefix(*sizes)
    infix.wte2 = torch.nn.Embedding(3, 32)
    torch.save(infix.state_dict(), HERE / "authors-infix.bin")


def write_hub():
    common = {"architecture": "prefix_tuning", "bottleneck_size": 6, "cross_prefix": True, "dropout": 0.0, "encoder_prefix": True,
              "flat": False, "init_weights_seed": None, "leave_out": [], "non_linearity": "tanh", "prefix_length": 3,
              "shared_gating": True, "use_gating": False}
    folder, module = fresh("adapterhub-gpt2"), HubPrefix(3, 2, 4, 8)
    truth_of(module, "adapterhub-gpt2")
    torch.save(hub_state("transformer", "e2e", {"self_prefix": module.float()}), folder / "pytorch_adapter.bin")
    write_json(folder / "adapter_config.json", {
        "config": common, "config_id": "0", "hidden_size": 32, "model_class": "GPT2AdapterModel", "model_name": "base",
        "model_type": "gpt2", "name": "e2e", "version": "adapters.1.2.0"}, indent=2)
    folder = fresh("adapterhub-bart")
    groups = {name: HubPrefix(3, layers, 2, 8, flat="random")
              for name, layers in (("encoder_prefix", 3), ("self_prefix", 2), ("cross_prefix", 2))}
    for name, kind in (("self_prefix", "decoder"), ("encoder_prefix", "encoder"), ("cross_prefix", "cross")):
        truth_of(groups[name], "x")
        TRUTH[f"adapterhub-bart.{kind}"] = TRUTH.pop("x.decoder")
    save_file(hub_state("model", "a.b", {name: module.float() for name, module in groups.items()}), folder / "adapter.safetensors")
    write_json(folder / "adapter_config.json", {
        "config": {**common, "flat": True}, "config_id": "0", "hidden_size": 16, "model_class": "BartAdapterModel",
        "model_name": "base", "model_type": "bart", "name": "a.b", "version": "adapters.1.2.0"}, indent=2)


def write_tensors():
    prefix = torch.randn(3, 2 * 2 * 32)
    for name, shape in (("rinna-rows", (3, 128)), ("rinna-flat", (384,)), ("rinna-view", (3, 4, 4, 8))):
        torch.save(prefix.view(shape).clone(), HERE / f"{name}.pt")
        TRUTH[f"{name}.decoder"] = prefix.clone()
    keys, values = ([torch.randn(1, 2, 5, 8) for _ in range(2)] for _ in range(2))
    TrainableCache(keys, values, 2).save(HERE / "cartridge.pt")
    TRUTH["cartridge.decoder"] = rows_of([torch.stack(pair) for pair in zip(keys, values)])
    part = lambda tensors, rows: [t[:, :, rows].contiguous() for t in tensors]
    torch.save({"trainable_keys": part(keys, slice(2, None)), "trainable_values": part(values, slice(2, None)),
                "fixed_keys": part(keys, slice(0, 2)), "fixed_values": part(values, slice(0, 2))}, HERE / "cartridge-lists.pt")
    TRUTH["cartridge-lists.decoder"] = TRUTH["cartridge.decoder"].clone()


def logits(model, cases):
    with torch.no_grad():
        return [model(torch.tensor([ids])).logits[0] for ids in cases]


def write_lora(generator):
    cases = [random_sequence(generator, 64, length) for length in (9, 4)]
    folder = fresh("lora-peft")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=3, lora_alpha=6, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True,
        rank_pattern={"c_fc": 2, "h.1.attn.c_proj": 4}, alpha_pattern={"h.[0-9]+.mlp.c_proj": 5}, lora_dropout=0.1)
    def randomize(model):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        return model
    def save(name, config):
        folder = fresh(name)
        model = randomize(get_peft_model(gpt2(), config))
        model.peft_config["default"].base_model_name_or_path = "base"
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        written = json.loads((folder / "adapter_config.json").read_text())
        written["target_modules"].sort()  # A set.
        write_json(folder / "adapter_config.json", written, indent=2)
        loaded = peft.PeftModel.from_pretrained(load_model("tied"), folder).double().eval()
        for index, value in enumerate(logits(loaded, cases)):
            TRUTH[f"{name}.logits.{index}"] = value
    save("lora-peft", config)
    save("lora-rslora", peft.LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=2, target_modules="all-linear",
                                        fan_in_fan_out=True, use_rslora=True))
    # loralib: c_attn of every layer, queries and values.
    model, state = load_model("tied"), {}
    for layer, block in enumerate(model.transformer.h):
        lora = MergedLinear(32, 96, r=2, alpha=16, enable=[True, False, True])
        for key, value in lora.state_dict().items():
            state[f"transformer.h.{layer}.attn.c_attn.{key}"] = value.clone()
        with torch.no_grad():
            block.attn.c_attn.weight += lora.double().delta().T
    torch.save({"model_state_dict": state}, HERE / "lora-loralib.pt")
    for index, value in enumerate(logits(model, cases)):
        TRUTH[f"lora-loralib.logits.{index}"] = value
    write_json(HERE / "lora.json", cases)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    write_peft_adapters()
    write_authors()
    write_hub()
    write_tensors()
    write_lora(torch.Generator().manual_seed(SEED))
    save_file({name: value.float().contiguous() for name, value in TRUTH.items()}, HERE / "expected.safetensors")
    write_manifest(HERE, SEED, {
        "expected.safetensors": "<file>.<decoder|encoder|cross>: what the original puts before the text, as rows [n, 2L * keyWidth]; "
                                "<file>.embeddings [n, d]; <file>.logits.<case of lora.json>, or after the text 5 1 60 7 7: of ../gpt2/tied in float64 with the adapter",
        "peft-*, lora-peft, lora-rslora": "as PEFT saves them; peft-early with the configuration of early 2023",
        "others": "as the modules of originals.py are saved, evaluated in float64",
    })
