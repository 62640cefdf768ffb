"""Calls of the program `prefixtune`."""

import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from .adapter import CONFIG, Adapter

# How a trained adapter is given to `generate` and `score`.
OPTIONS = {"lora": "--lora", "adapter": "--adapter"}


class ToolFailed(Exception):
    """Its text is safe to send: it names the command and its exit code, never a path or a line of data."""


def run(binary: str, arguments: list[str]) -> subprocess.CompletedProcess:
    """Runs the program; of a failure what it says on standard error stays in this machine's log."""
    try:
        done = subprocess.run([binary, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"{binary}: {error}", flush=True)
        raise ToolFailed("prefixtune could not be started; this machine's log says why") from None
    if done.returncode != 0:
        print(f"prefixtune {arguments[0]} ended with code {done.returncode}:\n{done.stderr}", flush=True)
        raise ToolFailed(f"prefixtune {arguments[0]} ended with code {done.returncode}; this machine's log says why")
    return done


def method_options(config: dict) -> list[str]:
    """What is trained: a prefix always flat, since the mean of MLPs is not the MLP of the mean."""
    flat = ["--reparametrization", "none"] if config["method"] == "prefix" else []
    return ["--method", config["method"], *flat, *shlex.split(config["method-options"])]


def local_options(config: dict) -> list[str]:
    return [
        *method_options(config), *shlex.split(config["task-options"]), "--steps", str(config["local-steps"]),
        "--batch-size", str(config["batch-size"]), "--learning-rate", str(config["learning-rate"]),
        "--schedule", "constant",
    ]


def untrained(config: dict) -> Adapter:
    """The adapter that all clients start from: a folder of PEFT's as it is; else what --init gives, such as words or another
    program's file, by one step at rate 0 on an invented example."""
    initial = Path(config["initial"])
    if config["initial"] and (initial / CONFIG).exists():
        return Adapter.read(initial)
    start = f"adapter:{initial}" if config["initial"] else config["init"]
    fields = re.findall(r"(?<!{){([^{}]+)}(?!})", config["task-options"])
    fields += re.findall(r"--(?:prompt|completion)-field[ =](\S+)", config["task-options"])
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "invented.jsonl")
        example = {name: "a" for name in ["completion", *fields]} | {"prompt": "a" + config["prompt-ending"]}
        data.write_text(json.dumps(example) + "\n")
        run(config["prefixtune"], [
            "train", "--model", config["model"], "--data", str(data), "--output", f"{folder}/start", *method_options(config),
            *shlex.split(config["task-options"]), *(["--init", start] if start else []), "--steps", "1", "--learning-rate", "0",
            "--batch-size", "1", "--seed", str(config["seed"]), "--quiet"])
        return Adapter.read(Path(folder, "start"))


def loss(binary: str, model: str, folder: Path, method: str, data: str, options: list[str]) -> tuple[float, int, int]:
    """Mean loss per target token of some data, in nats; target tokens and completions that it is of."""
    mean = json.loads(run(binary, [
        "score", "--model", model, OPTIONS.get(method, "--prefix"), str(folder), "--data", data, "--mean", "--quiet",
        *options]).stdout)
    return mean["loss"], mean["tokens"], mean["examples"]
