"""An adapter as PEFT keeps it: a folder of adapter_config.json, adapter_model.safetensors and prefixtune_task.json."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BF16": "<u2"}
CONFIG, WEIGHTS, TASK = "adapter_config.json", "adapter_model.safetensors", "prefixtune_task.json"


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors, in the order of their names, and the file's metadata. BF16 is widened to F32."""
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata, arrays = header.pop("__metadata__", {}), {}
    for name in sorted(header):
        entry = header[name]
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        array = np.frombuffer(data[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = array
    return arrays, metadata


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    kinds, header, offset = {np.dtype(v): k for k, v in DTYPES.items() if k != "BF16"}, {"__metadata__": metadata}, 0
    contents = [np.ascontiguousarray(arrays[name]) for name in sorted(arrays)]
    for name, array in zip(sorted(arrays), contents):
        header[name] = {"dtype": kinds[array.dtype], "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in contents:
            file.write(array.tobytes())


@dataclass
class Adapter:
    """Tensors, PEFT's configuration, the safetensors file's metadata, and the task that answering goes by."""

    arrays: dict[str, np.ndarray]
    config: dict
    metadata: dict[str, str] = field(default_factory=dict)
    task: dict = field(default_factory=dict)

    @staticmethod
    def read(folder: Path) -> "Adapter":
        folder = Path(folder)
        arrays, metadata = read_safetensors(folder / WEIGHTS)
        task = folder / TASK
        return Adapter(
            arrays, json.loads((folder / CONFIG).read_text()), metadata, json.loads(task.read_text()) if task.exists() else {})

    def write(self, folder: Path, more: dict[str, str] | None = None) -> None:
        """Writes beside the folder, then renames: what is there under its name is whole."""
        folder = Path(folder)
        beside = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        write_safetensors(beside / WEIGHTS, self.arrays, self.metadata)
        (beside / CONFIG).write_text(json.dumps(self.config, indent=2, sort_keys=True) + "\n")
        if self.task:
            (beside / TASK).write_text(json.dumps(self.task, indent=2, sort_keys=True) + "\n")
        for name, text in (more or {}).items():
            (beside / name).write_text(text)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)

    def describe(self) -> str:
        """All but the tensors, as a message carries it; without the model's place on the server."""
        config = {key: value for key, value in self.config.items() if key != "base_model_name_or_path"}
        return json.dumps({"config": config, "metadata": self.metadata, "task": self.task})

    @staticmethod
    def described(arrays: dict[str, np.ndarray], description: str) -> "Adapter":
        return Adapter(arrays, **json.loads(description))
