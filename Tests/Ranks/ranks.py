#!/usr/bin/env python3
"""One training on one process and on several, under each MPI that is here: the same bytes. Needs Linux, nothing else but an MPI.

    python3 Tests/Ranks/ranks.py --binary .build/release/prefixtune [--launchers mpirun.openmpi mpirun.mpich] [--kills 3]
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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


def bits(arguments, launchers, folder):
    for method, options in METHODS.items():
        alone = folder / f"{method}-alone"
        done = run(arguments, None, 1, alone, "--quiet", *options)
        check(f"{method}, one process", done.returncode == 0, done.stderr[-300:] or None)
        for launcher in launchers:
            for ranks in (1, 2, 3, 4) if method == "prefix" else (3,):
                output = folder / f"{method}-{launcher}-{ranks}"
                extra = ["--ranks", "mpi"] if ranks == 1 else []
                done = run(arguments, launcher, ranks, output, "--quiet", *options, *extra)
                same = done.returncode == 0 and contents(output) == contents(alone)
                check(f"{method}, {launcher} -n {ranks}: the same bytes", same, done.stderr[-300:] or None)


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


def wait_for_steps(output, count):
    for _ in range(1200):
        try:
            if len((output / "metrics.jsonl").read_text().splitlines()) >= count:
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def ended(process, seconds):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def faults(arguments, launcher, folder):
    steps, options = 60, METHODS["prefix"]
    alone = folder / "faults-alone"
    if not alone.exists():
        run(arguments, None, 1, alone, "--quiet", *options, steps=steps)
    expected = contents(alone)
    for turn in range(arguments.kills):
        output = folder / f"killed-{launcher}-{turn}"
        process = start(arguments, launcher, 3, output, "--quiet", *options, steps=steps)
        wait_for_steps(output, random.randrange(2, 40))
        ranks = processes(output)
        os.kill(ranks[random.randrange(len(ranks))][1], signal.SIGKILL)
        code = ended(process, 30)
        check(f"{launcher}: a rank is killed, all end", code not in (0, None) and not processes(output), code)
        done = run(arguments, launcher, random.choice([2, 4]), output, "--resume", "--quiet", *options, steps=steps)
        check(f"{launcher}: another number of ranks goes on to the same bytes", done.returncode == 0 and contents(output) == expected,
              done.stderr[-300:] or None)
    for name in ("SIGTERM", "SIGUSR1"):
        output = folder / f"{name}-{launcher}"
        process = start(arguments, launcher, 3, output, "--quiet", *options, steps=steps)
        wait_for_steps(output, 10)
        if name == "SIGUSR1":
            # Launchers pass it on, or are ended by it: to one rank, which tells the others.
            os.kill(processes(output)[-1][1], signal.SIGUSR1)
        else:
            process.send_signal(signal.SIGTERM)
        code = ended(process, 30)
        check(f"{launcher}: {name} ends all ranks", code is not None and not processes(output), code)
        done = run(arguments, None, 1, output, "--resume", "--quiet", *options, steps=steps)
        check(f"{launcher}: after {name} one process goes on to the same bytes", done.returncode == 0 and contents(output) == expected,
              done.stderr[-300:] or None)
    # A rank that does not answer: MPI says nothing of it.
    output = folder / f"stopped-{launcher}"
    process = start(arguments, launcher, 3, output, "--quiet", "--rank-timeout", "3", *options, steps=2000)
    wait_for_steps(output, 5)
    stopped = processes(output)[-1][1]
    os.kill(stopped, signal.SIGSTOP)
    begun = time.time()
    code = ended(process, 60)
    try:
        os.kill(stopped, signal.SIGKILL)
    except ProcessLookupError:
        pass
    text = process.stderr.read() if code is not None else ""
    check(f"{launcher}: no answer for 3 s ends the others", code not in (0, None) and "no answer from the other processes for 3 seconds" in text,
          f"{time.time() - begun:.0f} s, code {code}")


def differences(arguments, launcher, folder):
    """Each rank its own options, by a script that looks at which one it is."""
    data = folder / "other.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"name : {n}", "completion": f"It is {n}."}) + "\n" for n in range(40)))
    for name, change in {"data": ["--data", str(data)], "seed": ["--seed", "7"], "rate": ["--learning-rate", "1e-2"], "threads": ["--threads", "2"]}.items():
        output = folder / f"different-{launcher}-{name}"
        base, other = command(arguments, output, "--quiet"), command(arguments, output, "--quiet")
        for option, value in zip(change[::2], change[1::2]):
            if option in other:
                other[other.index(option) + 1] = value
            else:
                other += [option, value]
        script = folder / "each.sh"
        quote = lambda words: " ".join("'" + word + "'" for word in words)
        script.write_text(f'#!/bin/sh\nif [ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = 1 ]; then exec {quote(other)}; fi\nexec {quote(base)}\n')
        script.chmod(0o755)
        begun = time.time()
        done = subprocess.run(launch(launcher, 2) + [str(script)], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
        told = [line for line in done.stderr.splitlines() if line.startswith("Error: the processes are not of one training")]
        good = done.returncode != 0 and len(told) == 1 and f"rank 1 ({socket.gethostname()})" in told[0]
        check(f"{launcher}: other {name} on rank 1", good, f"{time.time() - begun:.1f} s: {told or done.stderr[-300:]}")


def output(arguments, launcher, folder):
    target = folder / f"told-{launcher}"
    done = run(arguments, launcher, 3, target, *METHODS["prefix"])
    lines = done.stderr.splitlines()
    check(f"{launcher}: what happens is told once", sum("3 processes, 1 thread each" in line for line in lines) == 1
          and sum("validation" in line and "step" in line for line in lines) <= 4, lines[:6])
    done = subprocess.run(launch(launcher, 2) + command(arguments, folder / "no", "--seeds", "1", "2"), env=ENVIRONMENT, capture_output=True, text=True)
    check(f"{launcher}: --seeds is refused", done.returncode != 0 and "--seeds is not shared out" in done.stderr, done.stderr[-200:])


def without(arguments, folder):
    """A launcher's word, and no MPI: as on a machine that has none."""
    environment = dict(ENVIRONMENT, OMPI_COMM_WORLD_SIZE="2", PREFIXTUNE_MPI="/nonexistent/libmpi.so")
    done = subprocess.run(command(arguments, folder / "none"), env=environment, capture_output=True, text=True)
    check("no library: a sentence", done.returncode == 1 and "/nonexistent/libmpi.so cannot be used as MPI library" in done.stderr, done.stderr[-200:])
    linked = subprocess.run(["ldd", arguments.binary], capture_output=True, text=True).stdout
    check("no MPI is linked", "mpi" not in linked)
    done = run(arguments, None, 1, folder / "left", "--ranks", "one", "--quiet", steps=2)
    check("--ranks one", done.returncode == 0, done.stderr or None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--launchers", nargs="+", default=["mpirun.openmpi", "mpirun.mpich"])
    parser.add_argument("--kills", type=int, default=2)
    arguments = parser.parse_args()
    arguments.binary = os.path.realpath(arguments.binary)
    random.seed(7)
    launchers = [launcher for launcher in arguments.launchers if shutil.which(launcher)]
    for launcher in set(arguments.launchers) - set(launchers):
        print(f"skipped: there is no {launcher} here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without(arguments, folder)
        if launchers:
            bits(arguments, launchers, folder)
        for launcher in launchers:
            faults(arguments, launcher, folder)
            differences(arguments, launcher, folder)
            output(arguments, launcher, folder)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
