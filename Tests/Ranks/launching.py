"""How the tests of several processes start, watch and end them."""

import hashlib
import json
import os
import shlex
import subprocess
import time
from pathlib import Path

failures = []
# mpirun as root, and more processes than cores: both are what a test machine has.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PREFIXTUNE_THREADS="1")
METHODS = {
    "prefix": ["--prefix-length", "5", "--prefix-dropout", "0.1", "--model-dropout", "0.1"],
    "flat prefix": ["--prefix-length", "5", "--reparametrization", "none"],
    "lora": ["--method", "lora", "--lora-dropout", "0.1"],
    "adapter": ["--method", "adapter"],
}


def check(name, is_so, found=None):
    print(f"{'ok    ' if is_so else 'FAILED'} {name}" + ("" if found is None else f": {found}"), flush=True)
    if not is_so:
        failures.append(name)


def launch(launcher, ranks):
    if launcher is None:
        return []
    return [launcher, "-n", str(ranks), *(["--oversubscribe"] if "openmpi" in launcher else [])]


def command(arguments, output, *options, steps=24):
    return [arguments.binary, "train", "--model", "embedded", "--data", "embedded", "--validation", "embedded", "--steps", str(steps), "--batch-size", "12",
            "--tokens-per-pass", "150", "--learning-rate", "5e-3", "--validate-every", "20", "--save-every", "5", "--output", str(output), *options]


def contents(folder):
    """What a run leaves, but for times."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ("metrics.jsonl", "validation.jsonl"):
        lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for line in lines:
            line.pop("seconds", None)
        found[name] = lines
    return found


def run(arguments, launcher, ranks, output, *options, steps=24, **more):
    return subprocess.run(launch(launcher, ranks) + command(arguments, output, *options, steps=steps), env=ENVIRONMENT, capture_output=True, text=True,
                          timeout=300, **more)


def processes(output):
    """The ranks that write to a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            environment = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if len(words) > 1 and words[1] == "train" and str(output) in words:
            rank = next((int(value.split("=")[1]) for value in environment if value.startswith(("OMPI_COMM_WORLD_RANK=", "PMI_RANK="))), 0)
            found.append((rank, int(entry.name)))
    return sorted(found)


def start(arguments, launcher, ranks, output, *options, steps):
    return subprocess.Popen(launch(launcher, ranks) + command(arguments, output, *options, steps=steps), env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_steps(output, count, pause=0.05):
    for _ in range(int(60 / pause)):
        try:
            if len((output / "metrics.jsonl").read_text().splitlines()) >= count:
                return True
        except OSError:
            pass
        time.sleep(pause)
    return False


def ended(process, seconds):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def each(arguments, launcher, folder, rank, target, change):
    """Starts two processes, one of which has other options."""
    base, other = command(arguments, target, "--quiet"), command(arguments, target, "--quiet")
    for option, value in zip(change[::2], change[1::2]):
        if option in other:
            other[other.index(option) + 1] = value
        else:
            other += [option, value]
    script = folder / "each.sh"
    script.write_text(f'#!/bin/sh\nif [ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = {rank} ]; then exec {shlex.join(other)}; fi\nexec {shlex.join(base)}\n')
    script.chmod(0o755)
    return subprocess.Popen(launch(launcher, 2) + [str(script)], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)
