"""Stand-ins for published prefixes and adapters: tiny, random, in the files of the repositories that they stand for.

Run: python Tests/Goldens/published/generate.py   (after sentencepiece and architectures)
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import GOLDENS, random_sequence, write_json, write_manifest
from peft import LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceProcessor
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

HERE = Path(__file__).resolve().parent
SEED = 20210813
NEW_TOKENS = 12
BLOCK = 64
NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])


def randomize(model, generator, scale=0.25):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm = ("norm" in name or ".ln_" in name) and name.endswith("weight")
            parameter.copy_(1 + 0.3 * noise if norm else scale * noise)
    return model.eval()


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()


def answer(logits_of, prompt):
    """Greedy tokens from scratch at each step, their log-probabilities, and how far the second choice was."""
    ids, logprobs, margin = list(prompt), [], float("inf")
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            scores = logits_of(ids)[-1]
            best = scores.topk(2).values
            margin = min(margin, (best[0] - best[1]).item())
            ids.append(int(scores.argmax()))
            logprobs.append(torch.log_softmax(scores, -1)[ids[-1]].item())
    assert margin > 1e-4, margin
    return {"token_ids": ids[len(prompt):], "logprobs": logprobs}


def plain(model):
    return lambda ids: model(input_ids=torch.tensor([ids])).logits[0]


def after(model, prefix):
    """PEFT's layout; text starts at position T."""
    config = model.config
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    rows = prefix.double().view(len(prefix), 2 * layers, heads, -1).permute(1, 2, 0, 3).unsqueeze(1)
    return lambda ids: model(
        torch.tensor([ids]), past_key_values=DynamicCache([(rows[2 * l], rows[2 * l + 1]) for l in range(layers)]), use_cache=True).logits[0]


# crumb/ptune-FLAN-OPT: an OPT base and a PEFT adapter of early 2023.


def write_crumb(generator):
    folder = fresh("crumb")
    base, adapter = folder / "base", folder / "adapter"
    tokens = ByteLevelBPETokenizer()
    tokens.train(
        [str(GOLDENS / "tokenizers" / "training.txt")], vocab_size=300, min_frequency=2, show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    model = randomize(OPTForCausalLM(OPTConfig(
        vocab_size=304, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, word_embed_proj_dim=16,
        max_position_embeddings=80, dropout=0.0, bos_token_id=2, eos_token_id=2, pad_token_id=1)), generator)
    model.save_pretrained(base)
    (base / "generation_config.json").unlink()
    tokens.save_model(str(base))
    special = {name: {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, "__type": "AddedToken"}
               for name, content in (("bos_token", "</s>"), ("eos_token", "</s>"), ("unk_token", "</s>"), ("pad_token", "<pad>"))}
    write_json(base / "tokenizer_config.json", {
        "add_bos_token": True, "add_prefix_space": False, "errors": "replace", "tokenizer_class": "GPT2Tokenizer", **special,
        "pad_token": "<pad>"}, indent=2)
    write_json(base / "special_tokens_map.json", {key: {k: v for k, v in value.items() if k != "__type"} for key, value in special.items()}, indent=2)
    # The weights once more, as the hub has them: PyTorch files in shards with names of before `model.`.
    tensors = {key.removeprefix("model."): value for key, value in load_file(base / "model.safetensors").items()}
    shards = folder / "base-sharded"
    shards.mkdir()
    shutil.copy(base / "config.json", shards)
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file = f"pytorch_model-{number:05d}-of-00002.bin"
        torch.save({key: tensors[key].clone() for key in part}, shards / file)
        weight_map.update({key: file for key in part})
    size = sum(value.numel() * 4 for value in tensors.values())
    write_json(shards / "pytorch_model.bin.index.json", {"metadata": {"total_size": size}, "weight_map": weight_map}, indent=2)

    wrapped = get_peft_model(load(base).float(), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=24))
    prefix = 0.7 * torch.randn(wrapped.prompt_encoder["default"].embedding.weight.shape, generator=generator)
    wrapped.prompt_encoder["default"].embedding.weight.data = prefix
    wrapped.save_pretrained(adapter, safe_serialization=False)
    (adapter / "README.md").unlink(missing_ok=True)
    write_json(adapter / "adapter_config.json", {
        "base_model_name_or_path": "facebook/opt-2.7b", "encoder_hidden_size": 16, "inference_mode": True, "num_attention_heads": 2,
        "num_layers": 2, "num_transformer_submodules": 1, "num_virtual_tokens": 24, "peft_type": "PREFIX_TUNING",
        "prefix_projection": False, "task_type": "CAUSAL_LM", "token_dim": 16}, indent=2)
    model = load(base)
    loaded = PeftModel.from_pretrained(load(base), adapter).eval()
    text = "The river crosses the town"
    prompt = [2] + tokens.encode(text).ids
    by_peft = answer(plain(loaded), prompt)
    assert by_peft["token_ids"] == answer(after(model, prefix), prompt)["token_ids"]
    assert by_peft["token_ids"] == answer(after(load(shards), prefix), prompt)["token_ids"]
    write_json(folder / "expected.json", {
        "prompt": text, "prompt_ids": prompt, "with_adapter": by_peft, "without": answer(plain(model), prompt)})


# rinna/japanese-gpt-neox-small with its smileface prefix, and three quantised repacks.

NEOX_LINEARS = ("attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def nf4(weight):
    """bitsandbytes: blocks of 64 along rows, the high nibble first, absmax in 32 bits."""
    out, width = weight.shape
    blocks = weight.reshape(-1, BLOCK)
    absmax = blocks.abs().amax(1)
    codes = ((blocks / absmax[:, None])[..., None] - NF4).abs().argmin(-1).flatten().to(torch.uint8)
    packed = ((codes[0::2] << 4) | codes[1::2]).view(-1, 1)
    state = json.dumps({"quant_type": "nf4", "blocksize": BLOCK, "dtype": "float16", "shape": [out, width]})
    tensors = {"weight": packed, "weight.absmax": absmax, "weight.quant_map": NF4.clone(),
               "weight.quant_state.bitsandbytes__nf4": torch.tensor(list(state.encode()), dtype=torch.uint8)}
    return tensors, (NF4[codes.long()].view(-1, BLOCK) * absmax[:, None]).view(out, width)


def int8(weight):
    """LLM.int8: rows scaled by their greatest value to 127."""
    scb = weight.abs().amax(1)
    codes = torch.round(weight / scb[:, None] * 127).to(torch.int8)
    return {"weight": codes, "SCB": scb, "weight_format": torch.tensor(0, dtype=torch.uint8)}, codes.float() * scb[:, None] / 127


def packed_nibbles(codes):
    """AWQ GEMM: nibble i of a 32-bit word, from the lowest, holds column 8c + [0, 2, 4, 6, 1, 3, 5, 7][i]."""
    rows, columns = codes.shape
    groups, words = codes.view(rows, columns // 8, 8).long(), torch.zeros(rows, columns // 8, dtype=torch.long)
    for place, column in enumerate((0, 2, 4, 6, 1, 3, 5, 7)):
        words |= groups[..., column] << (4 * place)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def awq(weight):
    """AutoAWQ GEMM: one group along the input (the widths are below the least group, 32), 4 bits with zero points, scales in 16 bits."""
    out, width = weight.shape
    groups = weight.t().reshape(1, width, out)
    low, high = groups.amin(1), groups.amax(1)
    scales = ((high - low).clamp(min=1e-5) / 15).half()
    zeros = torch.round(-low / scales.float()).clamp(0, 15)
    codes = (torch.round(groups / scales.float()[:, None]) + zeros[:, None]).clamp(0, 15)
    tensors = {"qweight": packed_nibbles(codes.reshape(width, out)), "qzeros": packed_nibbles(zeros), "scales": scales}
    return tensors, ((codes - zeros[:, None]) * scales.float()[:, None]).reshape(width, out).t()


def write_repack(name, original, quantize, quantization_config, prefix, prompt, generator):
    folder, base = fresh(name), HERE / "rinna"
    config = json.loads((base / "config.json").read_text())
    config.update(quantization_config=quantization_config, torch_dtype="float16")
    write_json(folder / "config.json", config, indent=2)
    stored, meaning = {}, {}
    for key, value in original.items():
        module = key.removesuffix(".weight")
        if key.endswith(".weight") and module.endswith(NEOX_LINEARS):
            weight = value.clone()
            if name == "rinna-awq" and module.endswith("dense_4h_to_h"):
                # The activation is divided by these; the matrix was multiplied by them before it was quantised.
                scales = (0.5 + torch.rand(weight.shape[1], generator=generator)).half()
                stored[module.replace("dense_4h_to_h", "act.scales")] = scales
                weight = weight * scales.float()
            tensors, value = quantize(weight)
            if name == "rinna-awq" and module.endswith("dense_4h_to_h"):
                value = value / scales.float()
            stored.update({f"{module}.{part}": tensor.contiguous() for part, tensor in tensors.items()})
            meaning[key] = value
        else:
            stored[key] = value.half()
            meaning[key] = stored[key].float()
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    model = load(base)
    model.load_state_dict({key: value.double() for key, value in renamed(model, meaning).items()})
    write_json(folder / "expected.json", {
        "prompt_ids": prompt, "with_prefix": answer(after(model, prefix), prompt), "without": answer(plain(model), prompt)})


def renamed(model, tensors):
    """transformers 5 calls the head lm_head and still saves embed_out."""
    names = model.state_dict().keys()
    return {("lm_head.weight" if key == "embed_out.weight" and key not in names else key): value for key, value in tensors.items()}


def write_rinna(generator):
    folder = fresh("rinna")
    source = GOLDENS / "sentencepiece" / "rinna"
    for file in ("spiece.model", "tokenizer_config.json"):
        shutil.copy(source / file, folder)
    write_json(folder / "special_tokens_map.json", {
        "bos_token": "<s>", "cls_token": "[CLS]", "eos_token": "</s>", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]",
        "unk_token": "<unk>"}, indent=2)
    tokens = SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    size = -(-(tokens.vocab_size() + 1) // 8) * 8
    model = randomize(GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=64,
        use_parallel_residual=False, hidden_act="gelu", bos_token_id=2, eos_token_id=3,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=1.0))), generator)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    before = plain(load(folder))([3, 4, 5])
    write_json(folder / "config.json", {
        "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 2, "eos_token_id": 3, "hidden_act": "gelu", "hidden_size": 16,
        "initializer_range": 0.02, "intermediate_size": 32, "layer_norm_eps": 1e-05, "max_position_embeddings": 64,
        "model_type": "gpt_neox", "num_attention_heads": 2, "num_hidden_layers": 2, "rotary_emb_base": 10000, "rotary_pct": 1.0,
        "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": True, "use_parallel_residual": False,
        "vocab_size": size}, indent=2)
    assert torch.equal(before, plain(load(folder))([3, 4, 5]))
    prefix = 0.7 * torch.randn(10, 2 * 2 * 16, generator=generator)
    torch.save(prefix, folder / "smileface_suffix.task0.weight")
    text = "こんにちは the house"
    prompt = tokens.encode(text)
    model = load(folder)
    write_json(folder / "expected.json", {
        "prompt": text, "prompt_ids": prompt, "with_prefix": answer(after(model, prefix), prompt), "without": answer(plain(model), prompt)})
    original = load_file(folder / "model.safetensors")
    common = dict(prefix=prefix, prompt=prompt, generator=generator)
    write_repack("rinna-nf4", original, nf4, {
        "quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": False, "bnb_4bit_compute_dtype": "float16", "bnb_4bit_quant_storage": "uint8"}, **common)
    write_repack("rinna-int8", original, int8, {
        "quant_method": "bitsandbytes", "load_in_4bit": False, "load_in_8bit": True, "llm_int8_threshold": 6.0}, **common)
    write_repack("rinna-awq", original, awq, {
        "quant_method": "awq", "bits": 4, "group_size": -1, "version": "gemm", "zero_point": True, "modules_to_not_convert": None}, **common)


# FZH1996/fed-lora: GPT-2 with low-rank updates as loralib saves them; and PEFT's adapters.


def merged_linear(a, b, enabled):
    """loralib's MergedLinear: groups of rows of A and of B belong together; rows of parts that are off stay zero."""
    groups = sum(enabled)
    parts = [b_part @ a_part for a_part, b_part in zip(a.chunk(groups), b.chunk(groups))]
    zero = torch.zeros_like(parts[0])
    rest = iter(parts)
    return torch.cat([next(rest) if on else zero for on in enabled])


def write_lora(generator):
    folder = fresh("lora")
    model = randomize(GPT2LMHeadModel(GPT2Config(
        n_embd=24, n_layer=2, n_head=3, vocab_size=61, n_positions=48, bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0)), generator)
    model.save_pretrained(folder / "base")
    (folder / "base" / "generation_config.json").unlink()
    rank, alpha, enabled, prompt = 4, 32, [True, False, True], random_sequence(generator, 61, 6)
    state = {}
    for layer in range(2):
        name = f"transformer.h.{layer}.attn.c_attn"
        state[f"{name}.lora_A"] = 0.2 * torch.randn(rank * 2, 24, generator=generator)
        state[f"{name}.lora_B"] = 0.2 * torch.randn(24 * 2, rank, generator=generator)
    torch.save({"model_state_dict": state}, folder / "model.8000.pt")
    base, updated = load(folder / "base"), load(folder / "base")
    for layer in range(2):
        name = f"transformer.h.{layer}.attn.c_attn"
        update = merged_linear(state[f"{name}.lora_A"].double(), state[f"{name}.lora_B"].double(), enabled)
        updated.transformer.h[layer].attn.c_attn.weight.data += alpha / rank * update.t()
    cases = {"base": base, "loralib": updated}
    llama = GOLDENS / "architectures" / "llama-plain-old"
    for name, source, options in (
        ("peft-gpt2", folder / "base", dict(target_modules=["c_attn"], fan_in_fan_out=True, r=4, lora_alpha=16)),
        ("peft-llama", llama, dict(target_modules=["q_proj", "v_proj"], r=3, lora_alpha=8)),
        ("peft-llama-rslora", llama, dict(target_modules=["q_proj", "v_proj"], r=3, lora_alpha=8, use_rslora=True))):
        wrapped = get_peft_model(load(source).float(), LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **options))
        for key, parameter in wrapped.named_parameters():
            if "lora_" in key:
                parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
        wrapped.peft_config["default"].base_model_name_or_path = source.name
        wrapped.save_pretrained(folder / name)
        (folder / name / "README.md").unlink(missing_ok=True)
        written = json.loads((folder / name / "adapter_config.json").read_text())
        written["target_modules"].sort()  # PEFT writes a set, in any order.
        write_json(folder / name / "adapter_config.json", written, indent=2)
        cases[name] = PeftModel.from_pretrained(load(source), folder / name).eval()
    tensors = {}
    with torch.no_grad():
        for name, one in cases.items():
            ids = [token % 56 for token in prompt]
            tensors[f"logits.{name}"] = plain(one)(ids).contiguous()
            if name != "base" and "llama" not in name:
                assert (tensors[f"logits.{name}"] - tensors["logits.base"]).abs().max() > 1e-2
    save_file(tensors, folder / "expected.safetensors")
    write_json(folder / "expected.json", {
        "prompt_ids": ids, "loralib": {"file": "model.8000.pt", "r": rank, "alpha": alpha, "enable_lora": enabled},
        "llama_base": "architectures/llama-plain-old", "answers": {name: answer(plain(one), ids) for name, one in cases.items()}})


if __name__ == "__main__":
    write_crumb(torch.Generator().manual_seed(SEED))
    write_rinna(torch.Generator().manual_seed(SEED + 1))
    write_lora(torch.Generator().manual_seed(SEED + 2))
    for path in HERE.rglob("adapter_config.json"):
        assert "/" not in str(json.loads(path.read_text()).get("base_model_name_or_path")).replace("facebook/opt-2.7b", ""), path
    for folder in sorted(path for path in HERE.iterdir() if path.is_dir()):
        print(folder.name, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1000, "kB")
    write_manifest(HERE, SEED, {
        "crumb": "OPT (vocab.json, merges.txt; </s> before every text) whole and as PyTorch shards with names that begin with decoder.; "
                 "adapter: PEFT prefix in adapter_model.bin with the keys of early 2023",
        "rinna": "GPT-NeoX, sequential; smileface_suffix.task0.weight: one tensor [10, 2L * width] saved by torch.save, PEFT's layout; "
                 "text starts at position 10 (the shape of the published tensor was not seen, only its size)",
        "rinna-*": "quantised by this generator after the layouts of bitsandbytes and AutoAWQ; embeddings, head, norms and biases in 16 "
                   "bits; expected: float64 with the weights that the stored numbers mean (no quantised activations)",
        "lora": "loralib's MergedLinear checkpoint, PEFT adapters of GPT-2 and of architectures/llama-plain-old; expected.safetensors: "
                "logits of prompt_ids",
        "expected.json": "greedy continuation of 12 tokens, no end token, and the natural-log probability of each",
    })
