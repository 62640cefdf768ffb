"""Calls of the program `prefixtune`."""

import json
import math
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from .adapter import Adapter
from .lora import from_loralib

# How a trained adapter is given to `generate` and `score`.
OPTIONS = {"lora": "--lora", "adapter": "--adapter"}


class ToolFailed(Exception):
    """Its text is safe to send: it names the command and its exit code, never a path or a line of data."""


def run(binary: str, arguments: list[str]) -> str:
    """Runs the program; what it says on standard error stays in this machine's log. Returns standard output."""
    try:
        done = subprocess.run([binary, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"{binary}: {error}", flush=True)
        raise ToolFailed("prefixtune could not be started; this machine's log says why") from None
    if done.returncode != 0:
        print(f"prefixtune {arguments[0]} ended with code {done.returncode}:\n{done.stderr}", flush=True)
        raise ToolFailed(f"prefixtune {arguments[0]} ended with code {done.returncode}; this machine's log says why")
    return done.stdout


def method_options(config: dict) -> list[str]:
    """What is trained: a prefix always flat, since the mean of MLPs is not the MLP of the mean."""
    flat = ["--reparametrization", "none"] if config["method"] == "prefix" else []
    return ["--method", config["method"], *flat, *shlex.split(config["method-options"])]


def local_options(config: dict) -> list[str]:
    return [
        *method_options(config), *shlex.split(config["task-options"]), "--steps", str(config["local-steps"]),
        "--batch-size", str(config["batch-size"]), "--learning-rate", str(config["learning-rate"]),
        "--schedule", "constant", "--quiet",
    ]


def untrained(config: dict) -> Adapter:
    """The adapter that all clients start from: a folder or a loralib file that is there, or one of words, made by one step at
    rate 0 on an invented example."""
    if config["initial"].endswith((".pt", ".bin", ".pth")):
        return from_loralib(Path(config["initial"]), float(config["lora-alpha"]), config["model"])
    if config["initial"]:
        return Adapter.read(Path(config["initial"]))
    fields = re.findall(r"(?<!{){([^{}]+)}(?!})", config["task-options"]) + re.findall(
        r"--(?:prompt|completion)-field[ =](\S+)", config["task-options"])
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "invented.jsonl")
        data.write_text(json.dumps({name: "a" for name in ["prompt", "completion", *fields]}) + "\n")
        start = ["--init", config["init"]] if config["init"] else []
        run(config["prefixtune"], [
            "train", "--model", config["model"], "--data", str(data), "--output", f"{folder}/start", *method_options(config),
            *shlex.split(config["task-options"]), *start, "--steps", "1", "--learning-rate", "0", "--batch-size", "1",
            "--seed", str(config["seed"]), "--quiet"])
        return Adapter.read(Path(folder, "start"))


def loss(binary: str, model: str, folder: Path, method: str, data: str, options: list[str]) -> tuple[float, int, int]:
    """Mean loss per target token of some data, in nats; target tokens and completions that it is of."""
    lines = run(binary, [
        "score", "--model", model, OPTIONS.get(method, "--prefix"), str(folder), "--data", data, "--quiet", *options])
    scores = [json.loads(line)["logprobs"] for line in lines.splitlines() if line]
    tokens = sum(map(len, scores))
    return -math.fsum(map(math.fsum, scores)) / tokens, tokens, len(scores)
