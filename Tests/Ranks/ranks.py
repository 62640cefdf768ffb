#!/usr/bin/env python3
"""One training on one process and on several, under each MPI that is here: the same bytes. Needs Linux, nothing else but an MPI.

    python3 Tests/Ranks/ranks.py --binary .build/release/prefixtune [--launchers mpirun.openmpi mpirun.mpich] [--kills 3] [--parts bits faults …]
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
                if method == "prefix" and ranks == 3:
                    exchanged(launcher, output, ranks)


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


def leaving(arguments, launcher, folder):
    """Rank 0 falls silent after the last step: the others do not wait for it for ever."""
    target, steps = folder / f"leaving-{launcher}", 12
    words = command(arguments, target, "--quiet", "--rank-timeout", "3", *METHODS["flat prefix"], steps=steps)
    # No validation follows the last step, so what comes next is the end.
    place = words.index("--validation")
    del words[place:place + 2]
    process = subprocess.Popen(launch(launcher, 2) + words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    wait_for_steps(target, steps, pause=0.002)
    first = processes(target)[0][1]
    os.kill(first, signal.SIGSTOP)
    begun = time.time()
    # The launcher waits for the one that was stopped; the other one leaves by itself.
    while time.time() < begun + 20 and len(processes(target)) > 1:
        time.sleep(0.1)
    took = time.time() - begun
    try:
        os.kill(first, signal.SIGKILL)
    except ProcessLookupError:
        pass
    ended(process, 20)
    text = process.stderr.read()
    check(f"{launcher}: silence after the last step is not waited for", took < 13 and "no answer from the other processes for 3 seconds at the end" in text,
          f"{took:.0f} s: {text[-200:]}")
    done = subprocess.run(words + ["--resume"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    check(f"{launcher}: and the state is whole", done.returncode == 0, done.stderr[-300:] or None)


def trouble(arguments, launcher, folder):
    """A disk that is full for rank 0, and an error of rank 1: all end soon, and it is said whose error it was."""
    host = socket.gethostname()
    if os.geteuid() == 0:
        disk = folder / f"disk-{launcher}"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode == 0
    else:
        mounted = False
    if mounted:
        try:
            target = disk / "run"
            process = start(arguments, launcher, 3, target, "--quiet", *METHODS["flat prefix"], steps=2000)
            wait_for_steps(target, 5)
            with open(disk / "filler", "wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            begun = time.time()
            code = ended(process, 30)
            took, text = time.time() - begun, process.stderr.read() if code is not None else ""
            told = [line for line in text.splitlines() if line.startswith("Error")]
            check(f"{launcher}: a full disk on rank 0 ends all", code not in (0, None) and took < 10 and not processes(target)
                  and any("No space left" in line and str(disk) in line for line in told), f"{took:.1f} s, code {code}: {told or text[-300:]}")
            (disk / "filler").unlink()
            process = start(arguments, None, 1, target, "--resume", "--quiet", *METHODS["flat prefix"], steps=2000)
            went_on = wait_for_steps(target, 40)
            process.send_signal(signal.SIGTERM)
            code = ended(process, 30)
            check(f"{launcher}: the state is whole, and one process goes on from it", went_on and code in (-signal.SIGTERM, 143), code)
        finally:
            subprocess.run(["umount", "-l", str(disk)], capture_output=True)
    else:
        print(f"skipped: {launcher}: a full disk (no tmpfs can be mounted here)")
    target = folder / f"missing-{launcher}"
    process = each(arguments, launcher, folder, 1, target, ["--data", str(folder / "nowhere.jsonl")])
    begun = time.time()
    code = ended(process, 30)
    took, text = time.time() - begun, process.stderr.read() if code is not None else ""
    told = [line for line in text.splitlines() if line.startswith("Error")]
    check(f"{launcher}: an error of rank 1 ends all", code not in (0, None) and took < 10 and not processes(target)
          and any(line.startswith(f"Error on rank 1 ({host})") and "nowhere.jsonl" in line for line in told), f"{took:.1f} s, code {code}: {told or text[-300:]}")


def again(arguments, launcher, folder):
    """The same command again and again, with other numbers of processes; what was exchanged, and where the time went."""
    steps, options = 110, METHODS["flat prefix"]
    alone, target = folder / "again-alone", folder / f"again-{launcher}"
    if not alone.exists():
        run(arguments, None, 1, alone, "--quiet", *options, steps=steps)
    process = start(arguments, launcher, 3, target, "--quiet", "--resume", "auto", *options, steps=steps)
    wait_for_steps(target, 30)
    process.send_signal(signal.SIGTERM)
    ended(process, 30)
    done = run(arguments, launcher, 2, target, "--quiet", "--resume", "auto", *options, steps=steps)
    check(f"{launcher}: --resume auto begins, and goes on to the same bytes", done.returncode == 0 and contents(target) == contents(alone),
          done.stderr[-300:] or None)
    done = run(arguments, launcher, 3, target, "--resume", "auto", *options, steps=steps)
    check(f"{launcher}: --resume auto says that nothing is left", done.returncode == 0 and "nothing is left to do: the run is finished" in done.stderr
          and contents(target) == contents(alone), done.stderr[-300:])
    lines = [json.loads(line) for line in (target / "ranks.jsonl").read_text().splitlines()]
    # Steps 1 to 99 are told of with the hundredth.
    good = [(line["step"], line["rank"]) for line in lines] == [(99, 0), (99, 1)]
    good = good and abs(sum(line["share"] for line in lines) - 1) < 1e-9
    check(f"{launcher}: ranks.jsonl", good and all(line["compute_seconds"] > 0 for line in lines), lines[:2])


def exchanged(launcher, target, ranks):
    summary = json.loads((target / "summary.json").read_text())
    stored, bytes_ = summary["stored_parameters"], summary.get("exchanged_bytes_per_step", 0)
    check(f"{launcher}: {ranks} ranks exchange the prefix's gradient", summary.get("ranks") == ranks and 8 * stored <= bytes_ < 8 * stored + 2000
          and 8 * stored < 2 * summary["trainable_parameters"], f"{bytes_} bytes a step for {stored} values")


def each(arguments, launcher, folder, rank, target, change):
    """Starts two processes, one of which has other options."""
    base, other = command(arguments, target, "--quiet"), command(arguments, target, "--quiet")
    for option, value in zip(change[::2], change[1::2]):
        if option in other:
            other[other.index(option) + 1] = value
        else:
            other += [option, value]
    script = folder / "each.sh"
    quote = lambda words: " ".join("'" + word + "'" for word in words)
    script.write_text(f'#!/bin/sh\nif [ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = {rank} ]; then exec {quote(other)}; fi\nexec {quote(base)}\n')
    script.chmod(0o755)
    return subprocess.Popen(launch(launcher, 2) + [str(script)], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)


def differences(arguments, launcher, folder):
    """Each rank its own options, by a script that looks at which one it is."""
    data = folder / "other.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"name : {n}", "completion": f"It is {n}."}) + "\n" for n in range(40)))
    for name, change in {"data": ["--data", str(data)], "seed": ["--seed", "7"], "rate": ["--learning-rate", "1e-2"], "threads": ["--threads", "2"]}.items():
        output = folder / f"different-{launcher}-{name}"
        begun = time.time()
        process = each(arguments, launcher, folder, 1, output, change)
        code = ended(process, 120)
        text = process.stderr.read() if code is not None else ""
        told = [line for line in text.splitlines() if line.startswith("Error: the processes are not of one training")]
        good = code not in (0, None) and len(told) == 1 and f"rank 1 ({socket.gethostname()})" in told[0]
        check(f"{launcher}: other {name} on rank 1", good, f"{time.time() - begun:.1f} s: {told or text[-300:]}")


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


def article(arguments, launcher, folder):
    """The commands of the article on many machines, on the embedded model and a few lines of E2E; jobs of Slurm are not run."""
    page = Path(__file__).resolve().parents[2] / "Sources/PrefixTuning/PrefixTuning.docc/ManyMachines.md"
    place = folder / f"article-{launcher}"
    tools = place / "bin"
    tools.mkdir(parents=True)
    for name, line in {"prefixtune": f'exec "{arguments.binary}" "$@"', "mpirun": f'exec {" ".join(launch(launcher, "")[:1] + launch(launcher, "")[3:])} "$@"'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    lines = [f"name : The Mill {n} | Type : pub | near : the river||The Mill {n} is a pub near the river ." for n in range(12)]
    (place / "src1_train.txt").write_text("\n".join(lines) + "\n")
    (place / "src1_valid.txt").write_text("\n".join(lines[:4]) + "\n")
    environment = dict(ENVIRONMENT, PATH=f"{tools}:{os.environ['PATH']}")
    blocks = [block.split("```")[0] for block in page.read_text().split("```sh\n")[1:]]
    for block in blocks:
        # Rounds of Flower are Federated/tests' own.
        if block.startswith(("#!", "flwr ")):
            continue
        done = subprocess.run(["bash", "-ec", block.replace("--model gpt2", "--model embedded")], cwd=place, env=environment, capture_output=True, text=True,
                              timeout=300)
        good = done.returncode == 0
        if "--summary-only" in block:
            round_ = json.loads(done.stdout) if good else {}
            good = good and round_["examples"] == 12 and (round_["loss_on"] == "batches" or round_["loss_after"] < round_["loss_before"])
        if "--mean" in block:
            good = good and json.loads(done.stdout)["examples"] == 4
        check(f"{launcher}: the article: {block.splitlines()[-1][:60]} …", good, done.stderr[-300:] if not good else None)


PARTS = {"faults": faults, "leaving": leaving, "again": again, "trouble": trouble, "differences": differences, "output": output, "article": article}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--launchers", nargs="+", default=["mpirun.openmpi", "mpirun.mpich"])
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS) + ["bits"], default=list(PARTS) + ["bits"])
    arguments = parser.parse_args()
    arguments.binary = os.path.realpath(arguments.binary)
    random.seed(7)
    launchers = [launcher for launcher in arguments.launchers if shutil.which(launcher)]
    for launcher in set(arguments.launchers) - set(launchers):
        print(f"skipped: there is no {launcher} here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without(arguments, folder)
        if launchers and "bits" in arguments.parts:
            bits(arguments, launchers, folder)
        for launcher in launchers:
            for part in arguments.parts:
                if part != "bits":
                    PARTS[part](arguments, launcher, folder)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
