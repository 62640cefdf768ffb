"""Converts a GPT-2 folder for the rivals: CTranslate2 (f32, int8) and llama.cpp (GGUF: f32, Q8_0, Q4_0).

Tokens are known by their numbers only: benchmarks pass ids, and every engine gets the same ones.
Example: python Benchmarks/convert_models.py --model /tmp/gpt2-random --output /tmp/rivals
"""

import argparse
import json
from pathlib import Path

import numpy
from safetensors.numpy import load_file


def tensors_of(folder):
    tensors = load_file(folder / "model.safetensors")
    return {name.removeprefix("transformer."): value for name, value in tensors.items()}


def to_ctranslate2(folder, config, output):
    import ctranslate2
    from ctranslate2.specs import common_spec, transformer_spec

    weights = tensors_of(folder)
    for quantization in (None, "int8"):
        target = output / f"ctranslate2-{quantization or 'float32'}"
        if target.exists():
            continue
        spec = transformer_spec.TransformerDecoderModelSpec.from_config(
            config["n_layer"], config["n_head"], pre_norm=True, activation=common_spec.Activation.GELUTanh)
        decoder = spec.decoder
        decoder.scale_embeddings = False
        decoder.embeddings.weight = weights["wte.weight"]
        decoder.position_encodings.encodings = weights["wpe.weight"]
        decoder.projection.weight = weights["wte.weight"]

        def norm(to, name):
            to.gamma, to.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

        def linear(to, name):
            to.weight, to.bias = weights[f"{name}.weight"].T.copy(), weights[f"{name}.bias"]

        norm(decoder.layer_norm, "ln_f")
        for index, layer in enumerate(decoder.layer):
            name = f"h.{index}"
            norm(layer.self_attention.layer_norm, f"{name}.ln_1")
            linear(layer.self_attention.linear[0], f"{name}.attn.c_attn")
            linear(layer.self_attention.linear[1], f"{name}.attn.c_proj")
            norm(layer.ffn.layer_norm, f"{name}.ln_2")
            linear(layer.ffn.linear_0, f"{name}.mlp.c_fc")
            linear(layer.ffn.linear_1, f"{name}.mlp.c_proj")
        spec.register_vocabulary([f"<{i}>" for i in range(config["vocab_size"])])
        spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = f"<{config['vocab_size'] - 1}>"
        spec.validate()
        spec.optimize(quantization=quantization)
        target.mkdir(parents=True)
        spec.save(str(target))


def to_gguf(folder, config, output):
    import gguf

    weights = tensors_of(folder)
    plain = output / "gpt2-f32.gguf"
    if not plain.exists():
        writer = gguf.GGUFWriter(str(plain), "gpt2")
        writer.add_block_count(config["n_layer"])
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        vocabulary = json.loads((folder / "vocab.json").read_text())
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list([token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])])
        writer.add_token_types([gguf.TokenType.NORMAL] * len(vocabulary))
        writer.add_token_merges(
            [line for line in (folder / "merges.txt").read_text().splitlines() if line and not line.startswith("#version")])
        writer.add_bos_token_id(config["vocab_size"] - 1)
        writer.add_eos_token_id(config["vocab_size"] - 1)
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, config["n_layer"])
        for name, value in weights.items():
            if name.endswith((".attn.bias", ".attn.masked_bias")) or name == "lm_head.weight":
                continue
            if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
                value = value.T
            target = names.get_name(f"transformer.{name}", try_suffixes=(".weight", ".bias")) or names.get_name(
                name, try_suffixes=(".weight", ".bias"))
            writer.add_tensor(target, numpy.ascontiguousarray(value, dtype=numpy.float32))
        # Tied: llama.cpp would quantise the table otherwise than the head.
        writer.add_tensor("output.weight", weights["wte.weight"])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    import llama_cpp

    for name, kind in (("q8_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0), ("q4_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0)):
        target = output / f"gpt2-{name}.gguf"
        if target.exists():
            continue
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = kind
        status = llama_cpp.llama_model_quantize(str(plain).encode(), str(target).encode(), parameters)
        assert status == 0, f"llama.cpp could not quantise to {name}: {status}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    config = json.loads((options.model / "config.json").read_text())
    to_ctranslate2(options.model, config, options.output)
    to_gguf(options.model, config, options.output)
