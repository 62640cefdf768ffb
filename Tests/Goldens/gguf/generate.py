"""GGUF files of tiny models that lie as folders in ../architectures and ../gpt2, written by the `gguf` package under llama.cpp's own names,
one file with every type of block, a set of two files, and the values of random blocks.

Run: python Tests/Goldens/gguf/generate.py

What llama.cpp's converter does to weights (convert_hf_to_gguf.py: rows of Llama's queries and keys, GPT-2's Conv1D, GPT-NeoX's heads,
Gemma's gains, Llama 3's factors) is done here once more, and `transformers` reads the files back where it can: the same logits.
"""

import json
import math
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, quants
from golden_support import write_manifest
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

SEED = 20260127
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82], Type.Q3_K: [108],
          Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.IQ4_NL: [0], Type.IQ4_XS: [0]}
FOLDERS = {"llama": "architectures/llama-plain-old", "llama-3": "architectures/llama-3", "mistral": "architectures/mistral-window",
           "qwen2": "architectures/qwen2-tied", "qwen3": "architectures/qwen3-wide", "gpt2": "gpt2/tied",
           "gptneox": "architectures/neox-parallel", "gemma3": "architectures/gemma3-bare-old",
           "smollm3": "architectures/smollm3-interval-old", "phi3": "architectures/phi3-window", "phi3-long": "architectures/phi3-long-old",
           "bloom": "architectures/bloom-tied"}
ARCHITECTURES = {"llama-3": "llama", "mistral": "llama", "phi3-long": "phi3"}


def blocks(kind, count, rng):
    """Random blocks with moderate scales."""
    raw = rng.integers(0, 256, (count, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    for at in HALVES[kind]:
        raw[:, at : at + 2] = rng.normal(0, 0.02, (count, 1)).astype(np.float16).view(np.uint8)
    return raw


def unscaled(weights, heads):
    """Rows of heads [half][pair] as [pair][half]: what the converter calls permute."""
    rows = weights.shape[0]
    return weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def converted(name, tensor, config, architecture):
    """A tensor as the converter writes it."""
    heads = config.get("num_attention_heads", config.get("n_head"))
    if architecture in ("llama", "smollm3") and ".q_proj." in name:
        return unscaled(tensor, heads)
    if architecture in ("llama", "smollm3") and ".k_proj." in name:
        return unscaled(tensor, config.get("num_key_value_heads", heads))
    if architecture == "gpt2" and tensor.ndim == 2 and any(part in name for part in ("c_attn", "c_proj", "c_fc")):
        return tensor.T
    if architecture in ("gptneox", "bloom") and "query_key_value" in name:
        return tensor.reshape(heads, 3, -1, *tensor.shape[1:]).swapaxes(0, 1).reshape(tensor.shape)
    if architecture == "gemma3" and name.endswith("norm.weight"):
        return tensor + 1
    return tensor


def rope_factors(config):
    """What Llama 3's scaling divides each frequency by."""
    rope, width = config["rope_parameters"], config["head_dim"]
    factors = []
    for index in range(width // 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (2 * index / width)
        low, high = (rope["original_max_position_embeddings"] / rope[key] for key in ("low_freq_factor", "high_freq_factor"))
        smooth = (rope["original_max_position_embeddings"] / wavelength - rope["low_freq_factor"]) / (
            rope["high_freq_factor"] - rope["low_freq_factor"])
        factors.append(1 if wavelength < high else rope["factor"] if wavelength > low else 1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_settings(writer, config, architecture):
    get = lambda *keys, default=None: next((config[key] for key in keys if config.get(key) is not None), default)
    heads, width = get("num_attention_heads", "n_head"), get("hidden_size", "n_embd")
    inner = get("intermediate_size", "n_inner", default=4 * width)
    rope = get("rope_parameters", default={})
    writer.add_context_length(get("max_position_embeddings", "n_positions", default=width))
    writer.add_embedding_length(width)
    writer.add_block_count(get("num_hidden_layers", "n_layer"))
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    if architecture in ("gpt2", "gptneox", "bloom"):
        writer.add_layer_norm_eps(get("layer_norm_epsilon", "layer_norm_eps"))
    else:
        writer.add_head_count_kv(get("num_key_value_heads", default=heads))
        writer.add_layer_norm_rms_eps(get("rms_norm_eps"))
        if architecture != "phi3":
            writer.add_key_length(get("head_dim", default=width // heads))
    if architecture == "gptneox":
        writer.add_rope_dimension_count(int(rope.get("partial_rotary_factor", get("rotary_pct", default=0.25)) * width // heads))
        writer.add_parallel_residual(get("use_parallel_residual", default=True))
    if architecture == "phi3":
        writer.add_rope_scaling_orig_ctx_len(config["original_max_position_embeddings"])
        writer.add_rope_dimension_count(int(get("partial_rotary_factor", default=1.0) * width) // heads)
        writer.add_sliding_window(config["sliding_window"] or 0)
        if (config.get("rope_scaling") or {}).get("short_factor"):
            stretch = config["max_position_embeddings"] / config["original_max_position_embeddings"]
            writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(stretch) / math.log(config["original_max_position_embeddings"])))
    if architecture not in ("gpt2", "bloom"):
        writer.add_rope_freq_base(float(rope.get("rope_theta", get("rope_theta", "rotary_emb_base", default=1e6 if architecture == "gemma3" else 10000.0))))
    if config["model_type"] in ("mistral", "gemma3_text"):
        writer.add_sliding_window(config["sliding_window"])


def add_vocabulary(writer, size, end):
    """As many tokens as the table has rows: bytes in GPT-2's alphabet, and one merge."""
    alphabet = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    tokens = [chr(alphabet[index]) if index < len(alphabet) else f"<{index}>" for index in range(size - 1)] + ["AB"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * size)
    writer.add_token_merges(["A B"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(end)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")


def write_model(name, folder, types=lambda name: Type.F32, architecture=None, parts=1, path=None):
    """The model of a folder as a GGUF file, each matrix in the type that `types` gives for its name."""
    config = json.loads((folder / "config.json").read_text())
    architecture = architecture or ARCHITECTURES.get(name, name)
    tensors = load_file(folder / "model.safetensors")
    count = config.get("num_hidden_layers", config.get("n_layer"))
    kind = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(kind, count)
    path = path or HERE / f"{name}.gguf"
    writer = GGUFWriter(path, architecture, split_max_tensors=-(-len(tensors) // parts) if parts > 1 else 0)
    writer.add_name(f"tiny {name}")
    add_settings(writer, config, architecture)
    ends = config["eos_token_id"]
    table = next(value for key, value in tensors.items() if key.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight")))
    add_vocabulary(writer, table.shape[0], ends if isinstance(ends, int) else ends[0])
    for key, tensor in tensors.items():
        full = key if architecture in ("gpt2", "gptneox", "bloom") or key.startswith(("model.", "lm_head.")) else f"model.{key}"
        if architecture == "bloom":
            full = full.removeprefix("transformer.")
        theirs = names.get_name(full, try_suffixes=(".weight", ".bias"))
        if theirs is None:  # Buffers, which the converter leaves out.
            assert "inv_freq" in key or "bias" in key or "masked" in key, key
            continue
        tensor = np.ascontiguousarray(converted(key, tensor, config, architecture)).astype(np.float32)
        type = types(theirs) if tensor.ndim == 2 else Type.F32
        writer.add_tensor(theirs, tensor if type == Type.F32 else quants.quantize(tensor, type), raw_dtype=type)
    for length in ("long", "short") if (config.get("rope_scaling") or {}).get("short_factor") else ():
        factors = np.array(config["rope_scaling"][f"{length}_factor"], dtype=np.float32)
        writer.add_tensor(f"rope_factors_{length}.weight", factors)
    if (config.get("rope_parameters") or {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_factors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_t5(name):
    """T5 as conversion/t5.py writes it. A file says nothing of the farthest distance, which is 128: so does a folder of its own."""
    folder, source = HERE / f"t5-{name}", HERE.parent / "t5" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = json.loads((source / "config.json").read_text()) | {"relative_attention_max_distance": 128}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    shutil.copy(source / "model.safetensors", folder)
    tensors, path = load_file(source / "model.safetensors"), HERE / f"t5-{name}.gguf"
    writer = GGUFWriter(path, "t5")
    writer.add_name(f"tiny t5 {name}")
    writer.add_context_length(512)
    writer.add_embedding_length(config["d_model"])
    writer.add_feed_forward_length(config["d_ff"])
    writer.add_block_count(config["num_layers"])
    writer.add_decoder_block_count(config["num_decoder_layers"])
    writer.add_head_count(config["num_heads"])
    writer.add_key_length(config["d_kv"])
    writer.add_value_length(config["d_kv"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_relative_attn_buckets_count(config["relative_attention_num_buckets"])
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    writer.add_decoder_start_token_id(config["decoder_start_token_id"])
    size = config["vocab_size"]
    tokens = ["<pad>", "</s>", "<unk>", "\u2581"] + [chr(97 + i) for i in range(26)]
    tokens += [f"[PAD{i}]" for i in range(len(tokens), size)]
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0, 0.0, 0.0] + [-2.0] * 27 + [-10000.0] * (size - 30))
    writer.add_token_types([3, 3, 2] + [1] * 27 + [5] * (size - 30))
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5, max(config["num_layers"], config["num_decoder_layers"]))
    for key, tensor in tensors.items():
        # Files that were made of T5's first checkpoints have the table as a head, too.
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight",)), np.ascontiguousarray(tensor).astype(np.float32))
    if name == "plain":
        writer.add_tensor("output.weight", tensors["shared.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    expected, found = (
        AutoModelForSeq2SeqLM.from_pretrained(place, dtype=torch.float64, **options).state_dict()
        for place, options in ((folder, {}), (HERE, {"gguf_file": path.name, "config": AutoConfig.from_pretrained(folder)})))
    # transformers leaves out the blocks of a decoder beyond those of the encoder.
    others = {key.rsplit(".layer.")[0] for key in expected if not torch.equal(expected[key], found[key])}
    assert others <= {f"decoder.block.{i}" for i in range(config["num_layers"], config["num_decoder_layers"])}, others
    print(f"{path.name}: the same tensors in transformers, but for {sorted(others)}")


def check(path, folder):
    """The logits of the file are those of the folder, where `transformers` reads such a file."""
    ids = torch.tensor([[3, 5, 7, 11, 2, 13, 4, 6]])
    with torch.no_grad():
        ours = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()(ids).logits
        try:
            # With the folder's sizes: not all keys of the files are known there.
            model = AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, config=AutoConfig.from_pretrained(folder), dtype=torch.float64,
                attn_implementation="eager")
        except Exception as error:  # noqa: BLE001: whatever keeps it from being read
            print(f"{path.name}: not read by transformers ({type(error).__name__}: {str(error)[:80]})")
            return
        difference = (model.eval()(ids).logits - ours).abs().max().item()
    print(f"{path.name}: {difference:.1e}")


def write_blocks_model(rng):
    """A Llama wide enough for blocks, a matrix in every type that the package can write (the K types: random blocks)."""
    folder = HERE / "blocks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
              "head_dim": 16, "intermediate_size": 256, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "vocab_size": 48, "tie_word_embeddings": True, "eos_token_id": 2, "bos_token_id": 0, "hidden_act": "silu",
              "attention_bias": False, "mlp_bias": False, "architectures": ["LlamaForCausalLM"]}
    kinds = {"token_embd": Type.Q8_0, "attn_q": Type.Q4_0, "attn_k": Type.Q4_1, "attn_v": Type.Q5_0, "attn_output": Type.Q5_1,
             "ffn_gate": Type.BF16, "ffn_up": Type.F16}
    down = [Type.Q4_K, Type.Q6_K]  # of 256 inputs
    shapes = {"token_embd": (48, 64), "output_norm": (64,)}
    for layer in range(2):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in {
            "attn_norm": (64,), "ffn_norm": (64,), "attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64),
            "ffn_gate": (256, 64), "ffn_up": (256, 64), "ffn_down": (64, 256)}.items()}
    writer, plain = GGUFWriter(HERE / "blocks.gguf", "llama"), {}
    add_settings(writer, config, "llama")
    add_vocabulary(writer, 48, 2)
    names = {theirs: ours for layer in range(2) for ours, theirs in {
        f"model.layers.{layer}.{ours}": f"blk.{layer}.{theirs}" for ours, theirs in {
            "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down"}.items()}.items()} | {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    for name, shape in shapes.items():
        stem = name.split(".")[-1]
        kind = down[int(name.split(".")[1])] if stem == "ffn_down" else kinds.get(stem, Type.F32)
        if kind in (Type.F32, Type.F16, Type.BF16):
            values = (1 if len(shape) == 1 else 0) + rng.normal(0, 0.2, shape).astype(np.float32)
            data = values if kind == Type.F32 else values.astype(np.float16) if kind == Type.F16 else quants.quantize(values, kind)
        else:
            elements, size = gguf.GGML_QUANT_SIZES[kind]
            data = blocks(kind, math.prod(shape) // elements, rng).reshape(shape[0], shape[1] // elements * size)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
        values = data.astype(np.float32) if kind in (Type.F32, Type.F16) else quants.dequantize(data, kind).reshape(shape)
        if stem in ("attn_q", "attn_k"):
            heads = 4 if stem == "attn_q" else 2
            values = values.reshape(heads, 8, 2, 64).swapaxes(1, 2).reshape(shape)
        plain[f"{names[name]}.weight"] = np.ascontiguousarray(values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_file(plain, folder / "model.safetensors", metadata={"format": "pt"})
    check(HERE / "blocks.gguf", folder)


def main():
    rng = np.random.default_rng(SEED)
    vectors = {}
    for kind in HALVES:
        raw = blocks(kind, 3, rng)
        vectors[f"{kind.name}.blocks"], vectors[f"{kind.name}.values"] = raw, quants.dequantize(raw, kind).reshape(-1)
    save_file(vectors, HERE / "vectors.safetensors")
    for name, folder in FOLDERS.items():
        check(write_model(name, HERE.parent / folder), HERE.parent / folder)
    write_model("split", HERE.parent / FOLDERS["llama"], architecture="llama", parts=2, path=HERE / "split.gguf")
    write_model("gpt2-q8_0", HERE.parent / FOLDERS["gpt2"], architecture="gpt2",
                types=lambda name: Type.Q8_0 if name.startswith("blk.") else Type.F32)
    write_blocks_model(rng)
    for name in ("plain", "gated"):
        write_t5(name)
    write_manifest(HERE, SEED, "tiny models as GGUF files, and the values of blocks: see generate.py")


if __name__ == "__main__":
    main()
