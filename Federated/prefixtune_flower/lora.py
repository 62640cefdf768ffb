"""What is particular to LoRA: the mean of B·A is not mean(B)·mean(A)."""

import shutil
from pathlib import Path

import numpy as np

from .adapter import read_safetensors, write_safetensors

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
