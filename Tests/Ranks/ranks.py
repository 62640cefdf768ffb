#!/usr/bin/env python3
"""One training on one process and on several, under each MPI that is here: the same bytes. Needs Linux, nothing else but an MPI.

    python3 Tests/Ranks/ranks.py --binary .build/release/prefixtune [--launchers mpirun.openmpi mpirun.mpich] [--kills 3] [--parts bits faults …]
"""

import argparse
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

from launching import ENVIRONMENT, METHODS, check, command, contents, each, ended, failures, launch, processes, run, start, wait_for_steps
from trouble import trouble


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
    good = [(line["step"], line["rank"]) for line in lines] == [(100, 0), (100, 1)]
    good = good and abs(sum(line["share"] for line in lines) - 1) < 1e-9
    check(f"{launcher}: ranks.jsonl", good and all(line["compute_seconds"] > 0 for line in lines), lines[:2])


def exchanged(launcher, target, ranks):
    summary = json.loads((target / "summary.json").read_text())
    stored, bytes_ = summary["stored_parameters"], summary.get("exchanged_bytes_per_step", 0)
    check(f"{launcher}: {ranks} ranks exchange the prefix's gradient", summary.get("ranks") == ranks and 8 * stored <= bytes_ < 8 * stored + 2000
          and 8 * stored < 2 * summary["trainable_parameters"], f"{bytes_} bytes a step for {stored} values")


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


def exchange(arguments, launcher, folder):
    """What two processes exchange in a step, without a training: bytes are counted, times only have to be there."""
    words = [arguments.binary, "benchmark", "--work", "exchange", "--rounds", "3"]

    def measured(ranks, *options):
        return subprocess.run(launch(launcher, ranks) + words + list(options), env=ENVIRONMENT, capture_output=True, text=True, timeout=120)

    done = measured(2, "--model", "embedded", "--prefix-length", "5", "--bandwidth", "1000", "--latency", "0", "--json")
    lines = done.stdout.splitlines()
    report = json.loads(lines[0]) if len(lines) == 1 else {"sums": []}
    sums = {found["reduction"]: found for found in report["sums"]}
    # 5 positions of keys and values of the embedded model; the greatest of the leaf; and of each pass three numbers about its loss.
    values = 5 * 2 * 4 * 192
    good = done.returncode == 0 and report["values"] == values and report["processes"] == 2 and report["smallest_seconds"] > 0
    for reduction, width in {"exact": 8, "fast": 4}.items():
        bytes_, found = width * values + 8 + 2 * 24, sums.get(reduction, {})
        good = good and found.get("bytes_per_step") == found.get("wire_bytes_per_step") == bytes_ and len(found["seconds"]) == 3
        good = good and found["median_seconds"] == sorted(found["seconds"])[1] > 0 and abs(found["paper_seconds"] / (bytes_ * 8 / 1e9 * 1538 / 1448) - 1) < 1e-9
    check(f"{launcher}: the exchange of a step by itself", good, done.stderr[-300:] or done.stdout[:300])
    done = measured(3, "--values", "1000")
    check(f"{launcher}: and of any number of values, for people", done.returncode == 0 and "3 processes, " in done.stdout and "1000 values" in done.stdout
          and done.stdout.count("0.008 MB from each process and as much back") == 1, done.stderr[-300:] or done.stdout)


def without(arguments, folder):
    """A launcher's word, and no MPI: as on a machine that has none."""
    environment = dict(ENVIRONMENT, OMPI_COMM_WORLD_SIZE="2", PREFIXTUNE_MPI="/nonexistent/libmpi.so")
    done = subprocess.run(command(arguments, folder / "none"), env=environment, capture_output=True, text=True)
    check("no library: a sentence", done.returncode == 1 and "/nonexistent/libmpi.so cannot be used as MPI library" in done.stderr, done.stderr[-200:])
    linked = subprocess.run(["ldd", arguments.binary], capture_output=True, text=True).stdout
    check("no MPI is linked", "mpi" not in linked)
    done = subprocess.run([arguments.binary, "benchmark", "--work", "exchange", "--values", "9"], env=ENVIRONMENT, capture_output=True, text=True)
    check("one process exchanges nothing: a sentence", done.returncode == 1 and "one process exchanges nothing" in done.stderr, done.stderr[-200:])
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


PARTS = {"faults": faults, "leaving": leaving, "again": again, "trouble": trouble, "exchange": exchange, "differences": differences, "output": output, "article": article}


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
