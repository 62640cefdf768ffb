"""Validation loss of prefixes trained and used at each precision: what rounding the frozen weights costs.

  python Benchmarks/precision_quality.py --binary .build/release/prefixtune --model DIR --data src1_train.txt.gz \\
      --validation src1_valid.txt.gz [--seeds 1 2 3] [--steps 400] [--test src1_test.txt.gz]

Prints two tables: the least validation loss of training at a precision, with its distance from f32 of the same seed; and the loss of the
prefix of the first seed, trained at one precision and used at another. With --test a third: BLEU of greedy answers to the first sources of the
test data (of E2E), trained and used at a precision, and the p of a paired bootstrap against the first precision's of the same seed; then those
of the first precision's prefixes used at the others. With --keep FOLDER the prefixes stay there, and what stands there is
not trained again.
"""

import argparse
import gzip
import itertools
import json
import subprocess
import tempfile
from pathlib import Path

PRECISIONS = ["f32", "stored", "bf16", "int8", "int8-f32-gradients", "int4", "int4-f32-gradients"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--task", default="e2e")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--learning-rate", default="2e-3")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=[p for p in PRECISIONS if p != "stored"], help="f32 first: what others are compared with")
    parser.add_argument("--lines", type=int, default=400, help="validation lines")
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--threads", type=int, default=0, help="of each run; all cores by default")
    parser.add_argument("--test", type=Path, help="test data of E2E")
    parser.add_argument("--sources", type=int, default=300, help="test sources")
    parser.add_argument("--keep", type=Path, help="the folder of the prefixes; a temporary one by default")
    return parser.parse_args()


def run(options, *arguments):
    threads = ["--threads", str(options.threads)] if options.threads else []
    result = subprocess.run([str(options.binary), *map(str, arguments), *threads], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(result.stderr)
    return result.stdout


def first_sources(file, count):
    """Lines of E2E's file up to the last of its first distinct sources."""
    seen = set()
    with gzip.open(file, "rt") as lines:
        for line in lines:
            seen.add(line.split("||")[0])
            if len(seen) > count:
                return
            yield line


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        work = options.keep or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        held = work / "validation.txt"
        with gzip.open(options.validation, "rt") as source:
            held.write_text("".join(itertools.islice(source, options.lines)))

        def trained(precision, seed):
            output = work / f"{precision}-{seed}"
            if not (output / "summary.json").exists():
                run(options, "train", "--model", options.model, "--task", options.task, "--data", options.data, "--validation", held,
                    "--output", output, "--precision", precision, "--steps", options.steps, "--seed", seed,
                    "--batch-size", options.batch_size, "--learning-rate", options.learning_rate,
                    "--validate-every", max(1, options.steps // 4), "--quiet")
            return json.loads((output / "summary.json").read_text())["best_validation_loss"]

        def used(trained_at, precision):
            (work / "scores.jsonl").unlink(missing_ok=True)  # which would be gone on with
            run(options, "score", "--model", options.model, "--task", options.task, "--data", held, "--prefix",
                work / f"{trained_at}-{options.seeds[0]}" / "best", "--precision", precision, "--output", work / "scores.jsonl")
            rows = [json.loads(line)["logprobs"] for line in (work / "scores.jsonl").read_text().splitlines()]
            return -sum(map(sum, rows)) / sum(map(len, rows))

        def answers(trained_at, used_at, seed):
            output = work / f"{trained_at}-{seed}-used-at-{used_at}.jsonl"
            if not output.exists():
                run(options, "generate", "--model", options.model, "--prefix", work / f"{trained_at}-{seed}" / "best", "--precision", used_at,
                    "--task", options.task, "--input", work / "test.txt", "--output", output, "--max-new-tokens", 60, "--beams", 1, "--quiet")
            return output

        def bleu(trained_at, used_at, seed):
            first = options.precisions[0]
            rows = json.loads(run(
                options, "evaluate", "--predictions", answers(trained_at, used_at, seed), "--baseline", answers(first, first, seed), "--references",
                work / "test.txt", "--task", options.task, "--bootstrap", 1000, "--json"))["scores"]
            row = next(row for row in rows if row["name"] == "BLEU")
            return f"{row['value']:.1f} ({row['value'] - row['baseline']:+.1f}, p {row.get('p_value', 1):.2f})"

        print("| trained and validated at | " + " | ".join(f"seed {seed}" for seed in options.seeds) + " |")
        print("| --- |" + " --- |" * len(options.seeds))
        exact = {}
        for precision in options.precisions:
            cells = []
            for seed in options.seeds:
                loss = trained(precision, seed)
                exact.setdefault(seed, loss)
                cells.append(f"{loss:.4f} ({(loss / exact[seed] - 1) * 100:+.2f}%)")
            print(f"| {precision} | " + " | ".join(cells) + " |", flush=True)
        print("\n| trained at, used at | " + " | ".join(options.precisions) + " |")
        print("| --- |" + " --- |" * len(options.precisions))
        for precision in options.precisions:
            print(f"| {precision} | " + " | ".join(f"{used(precision, other):.4f}" for other in options.precisions) + " |", flush=True)
        if not options.test:
            return
        (work / "test.txt").write_text("".join(first_sources(options.test, options.sources)))
        print("\n| trained at, used at | " + " | ".join(f"seed {seed}" for seed in options.seeds) + " |")
        print("| --- |" + " --- |" * len(options.seeds))
        first = options.precisions[0]
        for trained_at, used_at in [(p, p) for p in options.precisions] + [(first, p) for p in options.precisions[1:]]:
            cells = [bleu(trained_at, used_at, seed) for seed in options.seeds]
            print(f"| {trained_at}, {used_at} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
