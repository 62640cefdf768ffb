"""Medians and ratios of the rounds that train_against_peft.sh left in a folder (peft-N.json, ours-N/summary.json).

Example: python Benchmarks/rivals/summarize_training.py /tmp/train-against-peft
"""

import json
import statistics
import sys
from pathlib import Path

QUANTITIES = (("real tokens/s", "tokens_per_second", 1, "{:.0f}"), ("peak memory, GB", "peak_memory_bytes", 1e-9, "{:.2f}"))


def tokens_of(metrics):
    return [json.loads(line)["tokens"] for line in metrics.read_text().splitlines() if line.strip()]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: summarize_training.py FOLDER")
    folder = Path(sys.argv[1])
    ours = [json.loads(path.read_text()) for path in sorted(folder.glob("ours-*/summary.json"))]
    theirs = [json.loads(path.read_text()) for path in sorted(folder.glob("peft-*.json"))]
    if not ours or len(ours) != len(theirs):
        sys.exit(f"error: {folder} holds {len(ours)} of our runs and {len(theirs)} of PEFT's; run train_against_peft.sh again")

    print(f"{len(ours)} alternating rounds; PEFT: torch {theirs[0]['torch']}, {theirs[0]['threads']} threads, "
          f"{theirs[0]['real_share_of_positions']:.0%} of its positions real")
    for title, key, scale, form in QUANTITIES:
        rows = {}
        for name, runs in (("prefixtune", ours), ("PEFT", theirs)):
            values = [run[key] * scale for run in runs]
            rows[name] = statistics.median(values)
            spread = f"{form.format(min(values))} to {form.format(max(values))}"
            print(f"{title:16} {name:11} median {form.format(rows[name]):>7}   ({spread})")
        print(f"{title:16} prefixtune / PEFT = {rows['prefixtune'] / rows['PEFT']:.2f}")

    # Both sides must have trained on the same tokens, or the comparison means nothing.
    mine, other = tokens_of(folder / "ours-1" / "metrics.jsonl"), theirs[0]["tokens"]
    if mine != other:
        sys.exit(f"error: the token counts per step differ (ours {mine[:5]}..., PEFT {other[:5]}...): not the same work")


if __name__ == "__main__":
    main()
