"""State files of llama.cpp and prompt caches of mlx-lm for prefixes of the tiny models in ../gguf, byte for byte as their programs lay them
out; and what their readers must refuse.

Run: python Tests/Goldens/deployment/generate.py        (mlx-lm 0.32.2 writes prompt caches itself; pip install "mlx[cpu]" mlx-lm==0.32.2)

The state files are packed here from llama.cpp's source (llama_kv_cache::state_write, llama_kv_cache_iswa::state_write), with nothing of ours;
Benchmarks/rivals/serve_prefix.py lets llama.cpp itself load what the program writes. Values of a prefix are a formula that tests repeat:
element i of the rows of PEFT is ((7919 i) mod 2001 - 1000) / 1000.
"""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LENGTH = 3
# Layers, key heads, width of a head, layers with a window, whether llama.cpp turns neighbours: of the files in ../gguf.
MODELS = {
    "llama": (3, 3, 8, [], True),
    "qwen3": (2, 2, 10, [], False),
    "gpt2": (2, 4, 8, [], False),
    "gptneox": (2, 3, 8, [], False),
    "gemma3": (7, 3, 6, [], False),
}
CASES = {
    "llama-f16.slot": dict(model="llama", dtype="f16"),
    "llama-f32-turned.slot": dict(model="llama", dtype="f32", turned=True),
    "qwen3-bf16.slot": dict(model="qwen3", dtype="bf16"),
    "gpt2-f16.slot": dict(model="gpt2", dtype="f16"),
    "gptneox-f16-streams.slot": dict(model="gptneox", dtype="f16", streams=4),
    "gemma3-f16.slot": dict(model="gemma3", dtype="f16"),
    "llama-f16.session": dict(model="llama", dtype="f16", session=True),
    "gemma3-f32-turned.session": dict(model="gemma3", dtype="f32", turned=True, session=True),
}


def rows(model):
    """For each layer (keys, values), each [positions, heads, width]."""
    layers, heads, width, _, _ = MODELS[model]
    count = LENGTH * 2 * layers * heads * width
    values = np.array([((7919 * i) % 2001 - 1000) / 1000 for i in range(count)], dtype=np.float32)
    table = values.reshape(LENGTH, layers, 2, heads, width)
    return [(table[:, layer, 0], table[:, layer, 1]) for layer in range(layers)]


def raw(array, dtype):
    """The numbers' bytes."""
    array = np.ascontiguousarray(array, dtype=np.float32)
    if dtype == "f32":
        return array.tobytes()
    if dtype == "f16":
        return array.astype(np.float16).tobytes()
    bits = array.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()


NUMBER, SIZE = {"f32": 0, "f16": 1, "bf16": 30}, {"f32": 4, "f16": 2, "bf16": 2}


def part(layers, cells, dtype, turned, streams):
    """One cache: llama_kv_cache::state_write, _meta and _data."""
    out = struct.pack("<I", streams) + struct.pack("<I", cells)
    for position in range(cells):
        out += struct.pack("<iIi", position, 1, 0)
    out += struct.pack("<II", int(turned), len(layers))
    for keys, _ in layers:
        out += struct.pack("<iQ", NUMBER[dtype], keys[0].size * SIZE[dtype]) + raw(keys.reshape(cells, -1), dtype)
    for _, values in layers:
        flat = values.reshape(cells, -1)
        if turned:
            out += struct.pack("<iII", NUMBER[dtype], SIZE[dtype], flat.shape[1]) + raw(flat.T, dtype)
        else:
            out += struct.pack("<iQ", NUMBER[dtype], flat.shape[1] * SIZE[dtype]) + raw(flat, dtype)
    return out + struct.pack("<I", 0) * (streams - 1)


def state(model, dtype, turned=False, streams=1, session=False):
    """A whole file."""
    _, _, width, sliding, pairs = MODELS[model]
    layers = rows(model)
    if pairs:   # [half][pair] of each head as [pair][half]
        layers = [(np.stack([k[..., : width // 2], k[..., width // 2 :]], -1).reshape(k.shape), v) for k, v in layers]
    cells, tokens = LENGTH, list(range(5, 5 + LENGTH))
    if session:  # the token that is evaluated again, and one that never follows
        layers = [tuple(np.concatenate([x, np.zeros((2, *x.shape[1:]), np.float32)]) for x in pair) for pair in layers]
        cells, tokens = cells + 2, tokens + [9, 10]
    out = struct.pack("<II", *((0x6767736E, 10) if session else (0x67677371, 3)))
    out += struct.pack(f"<I{len(tokens)}i", len(tokens), *tokens)
    if session:
        out += struct.pack("<I", len(model)) + model.encode()
    parts = [[x for i, x in enumerate(layers) if i not in sliding], [x for i, x in enumerate(layers) if i in sliding]]
    return out + b"".join(part(layers, cells, dtype, turned, streams) for layers in parts if layers)


def mlx(path, model, dtype):
    """What mlx-lm's own save_prompt_cache writes."""
    import mlx.core as mx
    from mlx_lm.models import cache as caches

    _, _, _, sliding, _ = MODELS[model]
    made = []
    for layer, (keys, values) in enumerate(rows(model)):
        cache = caches.RotatingKVCache(4) if layer in sliding else caches.KVCache()
        k, v = (mx.array(np.ascontiguousarray(x.transpose(1, 0, 2)[None])).astype(dtype) for x in (keys, values))
        cache.state = (k, v, LENGTH, 0, 4, LENGTH) if layer in sliding else (k, v, LENGTH)
        made.append(cache)
    caches.save_prompt_cache(str(path), made, {"model": "tiny", "tokenizer_config": "{}"})


def main():
    pattern = json.loads((HERE.parent / "architectures/gemma3-bare-old/config.json").read_text())
    period = pattern.get("sliding_window_pattern", 6)
    types = pattern.get("layer_types")
    sliding = [i for i in range(7) if (types[i] == "sliding_attention" if types else (i + 1) % period)]
    MODELS["gemma3"] = (*MODELS["gemma3"][:3], sliding, False)
    for name, case in CASES.items():
        (HERE / name).write_bytes(state(**case))
    versions = {}
    try:
        import mlx.core as mx
        import mlx_lm
    except ImportError:
        print("no mlx-lm here: prompt caches stay as they are")
    else:
        versions = {"mlx": mx.__version__, "mlx-lm": mlx_lm.__version__}
        for name, model, dtype in [("llama-f16", "llama", mx.float16), ("gemma3-f32", "gemma3", mx.float32),
                                   ("qwen3-bf16", "qwen3", mx.bfloat16)]:
            mlx(HERE / f"{name}.mlx.safetensors", model, dtype)
    files = sorted(p for p in HERE.iterdir() if p.suffix in (".slot", ".session", ".safetensors"))
    manifest = {"length": LENGTH, "sliding_layers": sliding, "versions": {"llama.cpp": "0.5.0-dev, ggsq 3, ggsn 10", **versions},
                "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
