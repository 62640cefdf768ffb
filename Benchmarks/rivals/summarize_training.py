"""One table of the rounds that train_against_peft.sh left in a folder.

Read are ours-PRECISION-ROUND/{summary.json,metrics.jsonl}, peft-PRECISION-ROUND.json and, for the losses of the first step from
PEFT's own prefix, loss-PRECISION/metrics.jsonl.
Example: python Benchmarks/rivals/summarize_training.py /tmp/train-against-peft --title SmolLM2-135M
"""

import argparse
import datetime
import json
import statistics
import sys
from pathlib import Path

PRECISIONS = ("f32", "bf16", "stored", "int8", "int4")


def lines_of(metrics):
    return [json.loads(line) for line in metrics.read_text().splitlines() if line.strip()]


def runs_of(folder):
    """(program, precision) to its runs, in the order of the rounds."""
    found = {}
    for path in sorted(folder.glob("ours-*/summary.json")):
        precision = path.parent.name.removeprefix("ours-").rpartition("-")[0]
        steps, start = lines_of(path.parent / "metrics.jsonl"), folder / f"loss-{precision}" / "metrics.jsonl"
        found.setdefault(("prefixtune", precision), []).append(
            json.loads(path.read_text()) | {
                "tokens": [step["tokens"] for step in steps],
                "first_loss": lines_of(start)[0]["token_loss"] if start.exists() else None})
    for path in sorted(folder.glob("peft-*.json")):
        run = json.loads(path.read_text())
        found.setdefault(("PEFT", run["dtype"]), []).append(run | {"first_loss": run["losses"][0]})
    return found


def checked(folder):
    """The runs, where they can be compared: as many rounds of each, with as many threads, on the same tokens in the same steps."""
    found = runs_of(folder)
    if {program for program, _ in found} != {"prefixtune", "PEFT"}:
        sys.exit(f"error: {folder} does not hold runs of both prefixtune and PEFT; run train_against_peft.sh again")
    counts = {" ".join(name): len(runs) for name, runs in found.items()}
    if len(set(counts.values())) != 1:
        sys.exit(f"error: {folder} holds unequal numbers of runs ({counts}); run train_against_peft.sh again")
    threads = {run["threads"] for runs in found.values() for run in runs}
    if len(threads) != 1:
        sys.exit(f"error: {folder} holds runs with {' and '.join(map(str, sorted(threads)))} threads; run train_against_peft.sh again")
    expected = next(runs for (program, _), runs in found.items() if program == "PEFT")[0]["tokens"]
    for name, runs in found.items():
        for run in runs:
            if run["tokens"] != expected:
                sys.exit(f"error: the tokens per step differ ({' '.join(name)} {run['tokens'][:5]}..., PEFT {expected[:5]}...): "
                         "not the same work")
    return found


def processor(runs):
    return next((run["processor"] for run in runs if run.get("processor")), "unknown processor")


def place(name):
    """Of a row: PEFT's before ours, and each by how much is rounded."""
    program, precision = name
    start = precision.partition("-")[0]
    return program != "PEFT", PRECISIONS.index(start) if start in PRECISIONS else len(PRECISIONS), precision


def figures(values, form):
    return f"{format(statistics.median(values), form)} ({format(min(values), form)}–{format(max(values), form)})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    found = checked(options.folder)

    rates = {name: [run["tokens_per_second"] for run in runs] for name, runs in found.items()}
    peaks = {name: [run["peak_memory_bytes"] * 1e-9 for run in runs] for name, runs in found.items()}
    theirs = [name for name in found if name[0] == "PEFT"]
    best = max(theirs, key=lambda name: statistics.median(rates[name]))
    least = min(theirs, key=lambda name: statistics.median(peaks[name]))

    rival, ours = found[best][0], next(runs for name, runs in found.items() if name[0] == "prefixtune")
    print(f"{options.title}, prefix 10, MLP 512, batch 10 of E2E; {processor(ours)}, {rival['threads']} threads, "
          f"{datetime.date.today().isoformat()}; {len(found[best])} alternating rounds of {len(rival['tokens'])} steps, of which two "
          f"are not timed; medians (least–greatest); peft {rival['peft']}, transformers {rival['transformers']}, torch "
          f"{rival['torch']}; {rival['real_share_of_positions']:.0%} of PEFT's positions are real. PEFT is fastest at {best[1]} and "
          f"smallest at {least[1]}.\n")
    print("| configuration | real tokens/s | × PEFT's best | peak memory, GB | × PEFT's least | first loss, from the same prefix |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for name in sorted(found, key=place):
        loss = found[name][0]["first_loss"]
        print(f"| {' '.join(name)} | {figures(rates[name], '.0f')} | {statistics.median(rates[name]) / statistics.median(rates[best]):.2f} | "
              f"{figures(peaks[name], '.2f')} | {statistics.median(peaks[name]) / statistics.median(peaks[least]):.2f} | "
              f"{'' if loss is None else f'{loss:.4f}'} |")


if __name__ == "__main__":
    main()
