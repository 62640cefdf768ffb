"""How training and generation scale: with the batch, the length of texts, the prefix and the model.

  python Benchmarks/curves.py --binary .build/release/prefixtune --models DIR ... --data src1_train.txt.gz --output DIR

--models are GPT-2 folders, the smallest first (rivals/make_model.py makes them); all curves but the last use the first.
Training with PEFT is measured beside ours, in turn, where its script can do the same work. Writes curves.json, curves.md and
curves.svg, figures being medians of --rounds runs, each of a few steps in a process of its own.
"""

import argparse
import gzip
import json
import math
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path

from run import HERE, processor, run

COLOURS = ("#3b7dd8", "#d3691f", "#2a9d5c", "#9a4fb5", "#b03a48")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, required=True, help="E2E lines, plain or gzip-compressed")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has PEFT")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def parameters(folder):
    """Millions of parameters of a GPT-2."""
    sizes = json.loads((folder / "config.json").read_text())
    d = sizes["n_embd"]
    return round((sizes["n_layer"] * (12 * d * d + 13 * d) + (sizes["vocab_size"] + sizes["n_positions"] + 2) * d) / 1e6)


class Measurements:
    def __init__(self, options, lines):
        self.options, self.lines = options, lines

    def ours(self, model, work, precision, *arguments, steps=3):
        data = ["--data", self.lines, "--task", "e2e"] if work == "train" and "--prompt-length" not in arguments else []
        answer = run([self.options.binary, "benchmark", "--model", model, "--work", work, "--precision", precision, "--threads",
                      self.options.threads, "--rounds", steps, "--json", "--quiet", *data, *arguments])
        return statistics.median(answer["tokens_per_second"]), answer["peak_memory_bytes"] / 1e9

    def peft(self, model, batch):
        answer = run([self.options.python, "-W", "ignore", HERE / "rivals" / "peft_train.py", "--model", model, "--data", self.lines,
                      "--batch", batch, "--steps", 4, "--threads", self.options.threads])
        rates = answer["tokens_per_second"]
        return statistics.median(rates) if isinstance(rates, list) else rates, answer["peak_memory_bytes"] / 1e9

    def all(self):
        """Curve, unit of x, x, series, measurement."""
        small = self.options.models[0]
        for batch in (1, 2, 5, 10, 20, 64):
            for precision in ("f32", "int8"):
                yield ("training, by batch", "examples", batch, precision,
                       lambda b=batch, p=precision: self.ours(small, "train", p, "--batch-size", b))
            yield "training, by batch", "examples", batch, "PEFT f32", lambda b=batch: self.peft(small, b)
        for batch in (1, 2, 4, 8, 16, 32, 64):
            for precision in ("f32", "int8", "int4"):
                yield ("greedy decoding, by batch", "prompts", batch, precision,
                       lambda b=batch, p=precision: self.ours(small, "decode", p, "--batch-size", b, steps=1))
        for length in (64, 128, 256, 512, 1000):
            for precision in ("f32", "int8"):
                yield ("training, by length", "tokens", length, precision,
                       lambda n=length, p=precision: self.ours(
                           small, "train", p, "--batch-size", max(1, 1000 // n), "--prompt-length", n // 2, "--new-tokens", n - n // 2))
                yield ("reading, by length", "tokens", length, precision,
                       lambda n=length, p=precision: self.ours(small, "prefill", p, "--prompt-length", n))
        for prefix in (1, 10, 20, 50, 100, 200):
            for precision in ("f32", "int8"):
                yield ("training, by prefix", "positions", prefix, precision,
                       lambda n=prefix, p=precision: self.ours(
                           small, "train", p, "--batch-size", 10, "--prefix-length", n, "--hidden-width", 0))
        for model in self.options.models:
            for precision in ("f32", "int8", "int4"):
                yield ("training, by parameters", "million", parameters(model), precision,
                       lambda m=model, p=precision: self.ours(m, "train", p, "--batch-size", 5))
                yield ("greedy decoding, by parameters", "million", parameters(model), precision,
                       lambda m=model, p=precision: self.ours(m, "decode", p, steps=1))
            yield ("training, by parameters", "million", parameters(model), "PEFT f32",
                   lambda m=model: self.peft(m, 5))


def panel(name, unit, series, left, top):
    """One curve on logarithmic axes, 360 by 240."""
    xs = sorted({x for points in series.values() for x, *_ in points})
    ys = [y for points in series.values() for _, y, _ in points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    across = lambda x: left + 50 + 230 * (math.log(x / xs[0]) / math.log(xs[-1] / xs[0]) if xs[-1] > xs[0] else 0.5)
    up = lambda y: top + 190 - 150 * (math.log10(y) - low) / max(1, high - low)
    parts = [f'<text x="{left + 50}" y="{top + 24}" font-weight="bold">{name}</text>']
    for power in range(low, high + 1):
        parts.append(f'<line class="g" x1="{left + 50}" x2="{left + 280}" y1="{up(10**power):.0f}" y2="{up(10**power):.0f}"/>'
                     f'<text x="{left + 44}" y="{up(10**power) + 4:.0f}" text-anchor="end">{10**power:,}</text>')
    for x in xs:
        parts.append(f'<text x="{across(x):.0f}" y="{top + 208}" text-anchor="middle" font-size="10">{x:,}</text>')
    parts.append(f'<text x="{left + 165}" y="{top + 224}" text-anchor="middle" font-size="10">{unit}; tokens/s</text>')
    # Names keep their order and a line's distance, wherever the lines end.
    ends = sorted(((up(points[-1][1]), index, label) for index, (label, points) in enumerate(series.items())))
    level = 0
    for y, index, label in ends:
        level = max(level + 13, y + 4)
        parts.append(f'<text x="{left + 286}" y="{level:.0f}" style="fill:{COLOURS[index]}">{label}</text>')
    for colour, points in zip(COLOURS, series.values()):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y, _ in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y, _ in points]
    return "".join(parts)


def chart(curves):
    height = 240 * ((len(curves) + 1) // 2) + 10
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {height}" font-family="sans-serif" font-size="12" role="img">'
            "<title>Tokens per second</title><style>text{fill:#333}.g{stroke:#9995}"
            "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>")
    panels = [panel(name, unit, series, 370 * (i % 2), 240 * (i // 2)) for i, ((name, unit), series) in enumerate(curves.items())]
    return head + "".join(panels) + "</svg>\n"


def table(curves):
    text = ""
    for (name, unit), series in curves.items():
        xs = sorted({x for points in series.values() for x, *_ in points})
        text += f"\n{name} ({unit}): tokens/s, GB at most\n\n| | " + " | ".join(f"{x:,}" for x in xs) + " |\n| --- |" + " --- |" * len(xs)
        for label, points in series.items():
            found = {x: f"{y:,.0f}, {memory:.2f}" for x, y, memory in points}
            text += f"\n| {label} | " + " | ".join(found.get(x, "") for x in xs) + " |"
        text += "\n"
    return text


def main():
    options = parse()
    opened = gzip.open if options.data.suffix == ".gz" else open
    curves = {}
    with tempfile.TemporaryDirectory() as folder, opened(options.data, "rt") as source:
        lines = Path(folder) / "lines.txt"
        lines.write_text("".join(next(source) for _ in range(400)))
        for name, unit, x, label, measure in Measurements(options, lines).all():
            try:
                found = [measure() for _ in range(options.rounds)]
            except (RuntimeError, OSError, ValueError, KeyError) as error:
                print(f"skipped: {name}, {x}, {label}: {error}", file=sys.stderr)
                continue
            point = (x, statistics.median(rate for rate, _ in found), max(memory for _, memory in found))
            curves.setdefault((name, unit), {}).setdefault(label, []).append(point)
            print(name, label, *point, flush=True)
    if not curves:
        sys.exit("error: nothing was measured")
    options.output.mkdir(parents=True, exist_ok=True)
    facts = {"date": date.today().isoformat(), "processor": processor(), "threads": options.threads, "rounds": options.rounds}
    (options.output / "curves.json").write_text(json.dumps(
        {**facts, "curves": [{"name": name, "unit": unit, "series": series} for (name, unit), series in curves.items()]}, indent=1) + "\n")
    (options.output / "curves.md").write_text(
        f"GPT-2, {facts['processor']}, {options.threads} threads, {facts['date']}.\n" + table(curves))
    (options.output / "curves.svg").write_text(chart(curves))


if __name__ == "__main__":
    main()
