"""What is particular to LoRA: the mean of B·A is not mean(B)·mean(A)."""

import io
import json
import pickle
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from .adapter import Adapter, read_safetensors, write_safetensors

Arrays = dict[str, np.ndarray]
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def modules(arrays: Arrays) -> list[str]:
    return [name.removesuffix(DOWN) for name in arrays if name.endswith(DOWN)]


def scale(config: dict) -> float:
    return config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])


def products_and_means(clients: list[Arrays], weights: list[float], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean of a module's B·A, and the product of the means, in double precision."""
    pairs = [(c[name + UP].astype(np.float64), c[name + DOWN].astype(np.float64)) for c in clients]
    exact = sum(w * (b @ a) for w, (b, a) in zip(weights, pairs))
    return exact, sum(w * b for w, (b, _) in zip(weights, pairs)) @ sum(w * a for w, (_, a) in zip(weights, pairs))


def aggregation_error(clients: list[Arrays], weights: list[float]) -> float:
    """‖mean(B·A) − mean(B)·mean(A)‖ / ‖mean(B·A)‖ over all modules; weights sum to one."""
    pairs = [products_and_means(clients, weights, name) for name in modules(clients[0])]
    norm = sum(np.sum(exact**2) for exact, _ in pairs)
    return float(np.sqrt(sum(np.sum((exact - mean) ** 2) for exact, mean in pairs) / norm)) if norm else 0.0


def stacked(base: Arrays, clients: list[Arrays], weights: list[float], factor: float) -> Arrays:
    """FLoRA: rows of A and weighted columns of B side by side, behind those of the base, so that the product is the sum of all
    products. `factor` (α/r of the clients) goes into B: the result has factor one. Beyond full rank it is written anew by its
    singular values, with the same product."""
    result: Arrays = {}
    for name in modules(clients[0]):
        down = [base[name + DOWN]] if base else []
        up = [base[name + UP]] if base else []
        down += [c[name + DOWN] for c in clients]
        up += [w * factor * c[name + UP].astype(np.float64) for w, c in zip(weights, clients)]
        a, b = np.concatenate(down).astype(np.float64), np.concatenate(up, axis=1).astype(np.float64)
        full = min(a.shape[1], b.shape[0])
        if a.shape[0] > full:
            left, values, right = np.linalg.svd(b @ a, full_matrices=False)
            a, b = np.sqrt(values)[:, None] * right, left * np.sqrt(values)
        result[name + DOWN], result[name + UP] = a.astype(np.float32), b.astype(np.float32)
    rank = max(result[name + DOWN].shape[0] for name in modules(result))
    for name in modules(result):  # PEFT has one rank for all: rows of zeros change nothing
        missing = rank - result[name + DOWN].shape[0]
        result[name + DOWN] = np.pad(result[name + DOWN], ((0, missing), (0, 0)))
        result[name + UP] = np.pad(result[name + UP], ((0, 0), (0, missing)))
    return result


def stacked_config(config: dict, arrays: Arrays) -> dict:
    rank = arrays[modules(arrays)[0] + DOWN].shape[0] if arrays else config["r"]
    return {**config, "r": rank, "lora_alpha": rank, "use_rslora": False}


def fresh(arrays: Arrays, seed: int) -> Arrays:
    """A start as LoRA has it: A uniform in ±1/√inputs (PEFT's Kaiming with a = √5), B = 0."""
    random = np.random.default_rng(seed)
    return {
        name: random.uniform(-1, 1, x.shape).astype(np.float32) / np.float32(np.sqrt(x.shape[1])) if name.endswith(DOWN)
        else np.zeros_like(x) for name, x in arrays.items()}


def merged_model(model: Path, base: Arrays, config: dict, output: Path) -> None:
    """A copy of a model's folder whose matrices have the products of `base` added, in F32; other files are links."""
    model, left = Path(model), set(modules(base))
    output.mkdir(parents=True)
    for file in sorted(model.iterdir()):
        if file.suffix != ".safetensors":
            (output / file.name).symlink_to(file.resolve())
            continue
        tensors, metadata = read_safetensors(file)
        for key in list(tensors):
            plain = key.removesuffix(".weight")
            for name in left:
                module = name.removeprefix("base_model.model.")
                if key.endswith(".weight") and (module == plain or module.endswith("." + plain) or plain.endswith("." + module)):
                    product = base[name + UP] @ base[name + DOWN]  # [output × input]; Conv1D keeps [input × output]
                    tensors[key] = tensors[key].astype(np.float32) + (product.T if config.get("fan_in_fan_out") else product)
                    left.remove(name)
                    break
        write_safetensors(output / file.name, tensors, metadata)
    if left:
        shutil.rmtree(output)
        raise ValueError(f"the model has no matrix for {sorted(left)[0]}")


class _Checkpoint(pickle.Unpickler):
    """Reads PyTorch's zip files of f32 and f16 tensors, and nothing that runs code."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        folder = next(name for name in archive.namelist() if name.endswith("data.pkl")).removesuffix("data.pkl")
        super().__init__(io.BytesIO(archive.read(folder + "data.pkl")))
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str):
        known = {
            ("collections", "OrderedDict"): OrderedDict, ("torch._utils", "_rebuild_tensor_v2"): self.tensor,
            ("torch", "FloatStorage"): "<f4", ("torch", "HalfStorage"): "<f2"}
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"a checkpoint of tensors was expected, but it wants {module}.{name}")
        return known[module, name]

    def persistent_load(self, saved):
        return np.frombuffer(self.archive.read(f"{self.folder}data/{saved[2]}"), saved[1])

    @staticmethod
    def tensor(storage, offset, shape, stride, *_):
        strides = [s * storage.itemsize for s in stride]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides).astype(np.float32)


def from_loralib(path: Path, alpha: float, model: str) -> Adapter:
    """A checkpoint of loralib, as the LoRA paper's code and FZH1996/fed-lora keep GPT-2's. `MergedLinear` updates two thirds of
    c_attn (queries, values) or all three: A [g·r × in], B [g·out × r] become one update of rank g·r, B block by block."""
    with zipfile.ZipFile(path) as archive:
        state = _Checkpoint(archive).load()
    state = state.get("model_state_dict", state.get("state_dict", state))
    arrays: Arrays = {}
    for name in [name for name in state if name.endswith(".lora_A")]:
        down, up = state[name], state[name.removesuffix("A") + "B"]
        rank, width = up.shape[1], down.shape[1]
        groups = down.shape[0] // rank
        if groups > 1:
            joint = np.zeros((3 * width, groups * rank), np.float32)
            for group, third in enumerate({2: (0, 2), 3: (0, 1, 2)}[groups]):
                joint[third * width : (third + 1) * width, group * rank : (group + 1) * rank] = up[
                    group * width : (group + 1) * width]
            up = joint
        stem = "base_model.model." + name.removesuffix(".lora_A").removeprefix("module.")
        arrays[stem + DOWN], arrays[stem + UP] = down, up
    if not arrays:
        raise ValueError(f"{path}: it has no tensor whose name ends in lora_A, as loralib's adapters have")
    total = down.shape[0]
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": model, "r": total,
        "lora_alpha": alpha * total / rank, "lora_dropout": 0, "bias": "none", "fan_in_fan_out": "c_attn" in stem,
        "target_modules": sorted({name.rsplit(".", 3)[1] for name in arrays}), "inference_mode": True,
        "init_lora_weights": True, "use_dora": False, "use_rslora": False}
    return Adapter(dict(sorted(arrays.items())), config)
