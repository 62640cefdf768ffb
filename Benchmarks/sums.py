#!/usr/bin/env python3
"""What exact sums of gradients cost in training on one process: --reduction exact against fast, in turn.

    python3 Benchmarks/sums.py --binary .build/release/prefixtune --model embedded --data embedded [--task e2e] [--rounds 9] [-- --batch-size 40 …]
    python3 Benchmarks/sums.py … --callgrind      # instructions by valgrind in place of seconds

A run of a few steps is taken from a longer one, so that loading does not count. Seconds are those of the processor in user mode: what else runs
beside it disturbs them less than the clock. valgrind knows no AVX-512, so that its products take more instructions than they do without it.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--binary", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--task", default="jsonl")
parser.add_argument("--rounds", type=int, default=9)
parser.add_argument("--steps", type=int, nargs=2, default=[2, 22], metavar=("FEW", "MORE"))
parser.add_argument("--callgrind", action="store_true")
parser.add_argument("options", nargs="*", help="of train")


def run(options, reduction, steps, folder):
    output = os.path.join(folder, "run")
    words = [options.binary, "train", "--model", options.model, "--data", options.data, *(["--task", options.task] if options.task != "jsonl" else []),
             "--steps", str(steps), "--reduction", reduction, "--threads", "1", "--quiet", "--output", output, *options.options]
    if options.callgrind:
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    # Set, so that the program does not start itself once more, which valgrind does not follow.
    done = subprocess.run(words, env=dict(os.environ, GOMP_SPINCOUNT="10000"), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-1000:])
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    subprocess.run(["rm", "-rf", output], check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1)) if options.callgrind else used


def main():
    options = parser.parse_args()
    few, more = options.steps
    unit, scale, rounds = ("million instructions", 1e-6, 1) if options.callgrind else ("ms of the processor", 1e3, options.rounds)
    found = {"exact": [], "fast": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for reduction, figures in found.items():
                figures.append((run(options, reduction, more, folder) - run(options, reduction, few, folder)) / (more - few) * scale)
    for reduction, figures in found.items():
        print(f"{reduction}: {statistics.median(figures):.2f} {unit} a step ({min(figures):.2f} to {max(figures):.2f})")
    ratios = [exact / fast - 1 for exact, fast in zip(found["exact"], found["fast"])]
    print(f"exact costs {100 * statistics.median(ratios):+.2f}% (of {len(ratios)} rounds {100 * min(ratios):+.2f} to {100 * max(ratios):+.2f}%); of the least of each "
          f"{100 * (min(found['exact']) / min(found['fast']) - 1):+.2f}%")


if __name__ == "__main__":
    main()
