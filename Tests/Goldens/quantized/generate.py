"""Writes the goldens of the tests of quantised matrices: pip install torch safetensors bitsandbytes==0.50.2;
python generate.py

Layers of bitsandbytes write their own state dictionaries and widen their own weights; what each stands for is in
expected.safetensors as float32. AutoAWQ's package is no longer kept up, so its "GEMM" layout is packed here: 32-bit words,
whose 4 bits i hold output 8c + [0, 2, 4, 6, 1, 3, 5, 7][i], w = (q - zero) * scale.
"""

import hashlib
import json
import pathlib

import bitsandbytes
import safetensors
import torch
from bitsandbytes import functional
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
SEED = 20260401
tensors, expected = {}, {}


def add(name, layer, weight):
    for key, value in layer.state_dict().items():
        tensors[f"{name}.{key}"] = value.detach().clone().contiguous()
    expected[name] = weight.float().contiguous()


def four_bits(name, inputs, outputs, bias=False, dtype=torch.float32, **options):
    layer = Linear4bit(inputs, outputs, bias=bias, compute_dtype=torch.float32, **options)
    layer.weight.data = (torch.randn(outputs, inputs) * 0.3).to(dtype)
    layer = layer.to("cpu")
    state = layer.weight.quant_state
    assert state is not None
    # bitsandbytes rounds to the type of the original weights; the test wants the numbers themselves.
    state_dtype, state.dtype = state.dtype, torch.float32
    weight = functional.dequantize_4bit(layer.weight.data, state)
    state.dtype = state_dtype
    add(name, layer, weight)


def flat_four_bits(name, inputs, outputs, block, **options):
    """Block sizes that Linear4bit does not offer."""
    data, state = functional.quantize_4bit(torch.randn(outputs, inputs) * 0.3, blocksize=block, **options)
    tensors[f"{name}.weight"] = data
    for key, value in state.as_dict(packed=True).items():
        tensors[f"{name}.weight.{key}"] = value.contiguous()
    expected[name] = functional.dequantize_4bit(data, state)


def eight_bits(name, inputs, outputs, with_format=True):
    layer = Linear8bitLt(inputs, outputs, bias=True, has_fp16_weights=False, threshold=6.0)
    layer.weight.data = torch.randn(outputs, inputs) * 0.3
    layer = layer.to("cpu")
    if layer.weight.SCB is None:
        codes, scales, _ = functional.int8_vectorwise_quant(layer.weight.data.half())
        layer.weight.data, layer.weight.SCB = codes, scales
    weight = functional.int8_vectorwise_dequant(layer.weight.data, layer.weight.SCB)
    add(name, layer, weight)
    assert f"{name}.SCB" in tensors and tensors[f"{name}.weight"].dtype == torch.int8
    if not with_format:
        tensors.pop(f"{name}.weight_format")


def interleave(values):
    """[rows, 8 n] of 4 bits as [rows, n] words."""
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    words = torch.zeros(values.shape[0], values.shape[1] // 8, dtype=torch.int64)
    for i, output in enumerate(order):
        words |= values[:, output::8].long() << (4 * i)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).int()


def awq(name, inputs, outputs, group, scales_name=None):
    groups = inputs // group
    codes = torch.randint(0, 16, (inputs, outputs))
    zeros = torch.randint(0, 16, (groups, outputs))
    scales = (torch.rand(groups, outputs) * 0.05 + 1e-3).half()
    tensors[f"{name}.qweight"] = interleave(codes)
    tensors[f"{name}.qzeros"] = interleave(zeros)
    tensors[f"{name}.scales"] = scales
    weight = (codes - zeros.repeat_interleave(group, 0)) * scales.float().repeat_interleave(group, 0)
    if scales_name:
        tensors[scales_name] = (torch.rand(inputs) + 0.5).half()
        weight = weight / tensors[scales_name].float()[:, None]
    expected[name] = weight.t().float().contiguous()


def main():
    torch.manual_seed(SEED)
    four_bits("nf4", 64, 40, bias=True, quant_type="nf4", compress_statistics=False)
    four_bits("nf4.straddling", 10, 7, quant_type="nf4", compress_statistics=False)
    four_bits("nf4.odd", 15, 11, quant_type="nf4", compress_statistics=False)
    four_bits("nf4.nested", 129, 130, quant_type="nf4", compress_statistics=True)
    four_bits("nf4.half", 96, 20, dtype=torch.float16, quant_type="nf4", compress_statistics=True)
    four_bits("nf4.in_bfloat16", 50, 24, quant_type="nf4", compress_statistics=False, quant_storage=torch.bfloat16)
    four_bits("nf4.in_float32", 48, 9, quant_type="nf4", compress_statistics=True, quant_storage=torch.float32)
    four_bits("fp4", 33, 5, bias=True, quant_type="fp4", compress_statistics=False)
    four_bits("fp4.nested", 64, 17, quant_type="fp4", compress_statistics=True)
    flat_four_bits("nf4.wide_blocks", 70, 13, 256, quant_type="nf4")
    flat_four_bits("fp4.narrow_blocks", 40, 12, 32, quant_type="fp4", compress_statistics=True)
    eight_bits("int8", 13, 9)
    eight_bits("int8.wide", 100, 34, with_format=False)
    awq("awq", 64, 24, 32)
    awq("awq.wide", 256, 16, 128, scales_name="awq.act.scales")
    awq("awq.one_group", 40, 8, 40)
    for name in ("float16", "bfloat16"):
        for orientation, shape in (("linear", (19, 33)), ("conv1d", (33, 19))):
            value = (torch.randn(shape) * 0.3).to(getattr(torch, name))
            tensors[f"{name}.{orientation}.weight"] = value
            weight = value.float()
            expected[f"{name}.{orientation}"] = (weight.t() if orientation == "conv1d" else weight).contiguous()
    save_file(tensors, HERE / "quantized.safetensors", metadata={"format": "pt"})
    save_file(expected, HERE / "expected.safetensors", metadata={"format": "pt"})

    files = [HERE / "expected.safetensors", HERE / "quantized.safetensors"]
    manifest = {
        "made_with": {
            "bitsandbytes": bitsandbytes.__version__,
            "safetensors": safetensors.__version__,
            "torch": torch.__version__,
        },
        "seed": SEED,
        "sha256": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


main()
