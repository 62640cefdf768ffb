"""Runs prefixtune beside its rivals, alternating, on the same weights, sizes and threads, and writes a table and a chart.

  python Benchmarks/run.py --binary .build/release/prefixtune --model DIR --rivals DIR --data src1_train.txt.gz --output DIR

--model is a GPT-2 folder (random weights of its size will do: rivals/make_model.py), --rivals the folder that convert_models.py
made of it. Rivals that are not installed are left out with a message. Everything here needs the standard library only; the
rivals need Benchmarks/requirements.txt.

Each comparison runs ours and the rival's in turn, --rounds times, each in a process of its own; figures are medians over all
rounds, with the least and the greatest. Loading is not timed.
"""

import argparse
import datetime
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rivals", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="E2E lines, plain or gzip-compressed")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the rivals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="comparisons whose name contains this")
    parser.add_argument("--title", default="GPT-2 small")
    return parser.parse_args()


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError((result.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(result.stdout.strip().splitlines()[-1])


class Comparisons:
    def __init__(self, options, lines):
        self.options, self.lines = options, lines

    def ours(self, work, precision, **sizes):
        command = [self.options.binary, "benchmark", "--model", self.options.model, "--work", work, "--precision", precision,
                   "--threads", self.options.threads, "--rounds", 6 if work == "train" else 3, "--json", "--quiet"]
        if work == "train":
            command += ["--data", self.lines, "--task", "e2e"]
        for name, value in sizes.items():
            command += ["--" + name.replace("_", "-"), value]
        answer = run(command)
        return answer["tokens_per_second"], answer["peak_memory_bytes"]

    def rival(self, script, *arguments, work=None):
        answer = run([self.options.python, "-W", "ignore", HERE / "rivals" / script, "--threads", self.options.threads,
                      *arguments])
        rates = answer[work] if work else [answer["tokens_per_second"]]
        return rates, answer["peak_memory_bytes"]

    def all(self):
        """Name, ours, rival's name, rival's, the goal for the ratio; the last two also for memory where it counts."""
        options = self.options
        for batch in (10, 5):
            for precision, ratio, memory in (("f32", 3.5, 0.4), ("bf16", 2.4, 0.35), ("int8", 8, 0.2), ("int4", None, 0.2)):
                dtype = "bf16" if precision == "bf16" else "f32"
                for compiled in ([], ["--compile"]) if batch == 10 and precision == "f32" else ([],):
                    yield (f"train, batch {batch}, {precision}", lambda b=batch, p=precision: self.ours("train", p, batch_size=b),
                           "PEFT, torch.compile" if compiled else f"PEFT {dtype}",
                           lambda b=batch, c=compiled, d=dtype: self.rival(
                               "peft_train.py", "--model", options.model, "--data", self.lines, "--batch", b, "--steps", 8,
                               "--dtype", d, *c),
                           None if compiled else ratio, None if compiled or batch != 10 else memory)
        transformers = lambda work, *a: lambda: self.rival(
            "transformers_generate.py", "--model", options.model, "--prefix-length", 10, *a, work=work)
        for beams, batch, ratio in ((1, 1, 2.5), (5, 1, 4), (5, 8, 4), (1, 8, None)):
            yield (f"{'beam 5' if beams > 1 else 'greedy'}, batch {batch}, int8",
                   lambda n=beams, b=batch: self.ours("decode", "int8", beams=n, batch_size=b), "transformers f32",
                   transformers("decode", "--beams", beams, "--batch", batch), ratio, None)
        for beams, batch, ratio in ((1, 1, 1.3), (1, 8, 2), (5, 1, 2), (5, 8, 2)):
            yield (f"{'beam 5' if beams > 1 else 'greedy'}, batch {batch}, int8",
                   lambda n=beams, b=batch: self.ours("decode", "int8", beams=n, batch_size=b, prefix_length=0),
                   "CTranslate2 int8",
                   lambda n=beams, b=batch: self.rival(
                       "ctranslate2_generate.py", "--model", options.rivals / "ctranslate2-int8", "--beams", n, "--batch", b,
                       work="decode"), ratio, None)
        llama = lambda kind, work, *a: lambda: self.rival(
            "llama_generate.py", "--model", options.rivals / f"gpt2-{kind}.gguf", *a, work=work)
        for precision, kind, ratio in (("int8", "q8_0", 1.2), ("int4", "q4_0", 1.1), ("f32", "f32", None)):
            yield (f"greedy, batch 1, {precision}", lambda p=precision: self.ours("decode", p, prefix_length=0),
                   f"llama.cpp {kind.upper()}", llama(kind, "decode"), ratio, None)
        for length in (64, 512):
            for precision, kind, ratio in (("f32", "f32", 1), ("int8", "q8_0", 2)):
                yield (f"prefill of {length}, {precision}",
                       lambda p=precision, n=length: self.ours("prefill", p, prefix_length=0, prompt_length=n),
                       f"llama.cpp {kind.upper()}", llama(kind, "prefill", "--prompt-length", length), ratio, None)
        # Against ourselves: the price of many prefixes, and of long ones.
        yield ("64 rows, 64 prefixes, int8", lambda: self.ours("decode", "int8", batch_size=64, prefixes=64),
               "64 rows, one prefix", lambda: self.ours("decode", "int8", batch_size=64), 0.9, None)
        for precision in ("f32", "int8"):
            for work, batch in (("train", 10), ("decode", 8), ("decode", 1)):
                yield (f"{work}, batch {batch}, prefix 200, {precision}",
                       lambda w=work, b=batch, p=precision: self.ours(w, p, batch_size=b, prefix_length=200, hidden_width=0),
                       "prefix of 1", lambda w=work, b=batch, p=precision: self.ours(
                           w, p, batch_size=b, prefix_length=1, hidden_width=0), round(1 / 1.15, 2), None)


def measure(options, comparisons):
    rows = []
    for work, ours, rival_name, rival, needed, memory_needed in comparisons.all():
        if options.only and options.only not in f"{work} {rival_name}":
            continue
        rates, peaks = ([], []), ([], [])
        try:
            for _ in range(options.rounds):
                for side, measured in enumerate((ours, rival)):
                    found, peak = measured()
                    rates[side].extend(found)
                    peaks[side].append(peak)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            print(f"skipped: {work} against {rival_name}: {error}", file=sys.stderr)
            continue
        row = {
            "work": work, "rival": rival_name, "ours": rates[0], "rivals": rates[1],
            "ratio": statistics.median(rates[0]) / statistics.median(rates[1]), "needed": needed,
            "memory": max(peaks[0]), "rival_memory": max(peaks[1]), "memory_needed": memory_needed}
        rows.append(row)
        print(line(row), flush=True)
    return rows


def figures(rates):
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"


def line(row):
    needed = "" if row["needed"] is None else f"{row['needed']:g}"
    verdict = "" if row["needed"] is None else "reached" if row["ratio"] >= row["needed"] else "**missed**"
    memory = row["memory"] / row["rival_memory"]
    wanted = f" (≤ {row['memory_needed']:g})" if row["memory_needed"] else ""
    return (f"| {row['work']} | {row['rival']} | {figures(row['ours'])} | {figures(row['rivals'])} | {row['ratio']:.2f} | "
            f"{needed} | {verdict} | {row['memory'] / 1e9:.2f} / {row['rival_memory'] / 1e9:.2f} GB = {memory:.2f}{wanted} |")


def versions(options):
    names = ("torch", "transformers", "peft", "ctranslate2", "llama_cpp")
    code = ("import json, importlib\nfound = {}\nfor name in %r:\n    try: found[name] = importlib.import_module(name).__version__\n"
            "    except Exception: pass\nprint(json.dumps(found))" % (names,))
    try:
        return run([options.python, "-W", "ignore", "-c", code])
    except (RuntimeError, OSError, ValueError):
        return {}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown processor"


def chart(rows, title):
    """Bars of the ratios, on a logarithmic axis from 1/2 to 16."""
    import math

    height, left, width = 22 * len(rows) + 60, 330, 360
    place = lambda ratio: left + width * (math.log2(min(max(ratio, 0.5), 16)) + 1) / 5
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="12" '
             f'role="img"><title>{title}</title><style>text{{fill:#333}}.g{{stroke:#9995;}}.b{{fill:#3b7dd8}}.n{{stroke:#d33;'
             f'stroke-width:2}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>',
             f'<text x="10" y="18" font-size="14" font-weight="bold">{title}</text>']
    for ratio in (0.5, 1, 2, 4, 8, 16):
        x = place(ratio)
        parts.append(f'<line class="g" x1="{x:.0f}" y1="30" x2="{x:.0f}" y2="{height - 24}"/>'
                     f'<text x="{x:.0f}" y="{height - 8}" text-anchor="middle">{ratio:g}×</text>')
    for index, row in enumerate(rows):
        y = 34 + 22 * index
        parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{row["work"]} | {row["rival"]}</text>')
        start, end = sorted((place(1), place(row["ratio"])))
        parts.append(f'<rect class="b" x="{start:.0f}" y="{y}" width="{max(1, end - start):.0f}" height="15"/>')
        parts.append(f'<text x="{max(end, place(1), place(row["needed"] or 1)) + 6:.0f}" y="{y + 12}">{row["ratio"]:.2f}×</text>')
        if row["needed"]:
            x = place(row["needed"])
            parts.append(f'<line class="n" x1="{x:.0f}" y1="{y - 2}" x2="{x:.0f}" y2="{y + 17}"/>')
    return "".join(parts) + "</svg>\n"


def main():
    options = parse()
    opened = gzip.open if options.data.suffix == ".gz" else open
    with tempfile.TemporaryDirectory() as folder, opened(options.data, "rt") as source:
        lines = Path(folder) / "lines.txt"
        lines.write_text("".join(next(source) for _ in range(200)))
        rows = measure(options, Comparisons(options, lines))
    if not rows:
        sys.exit("error: nothing was compared")
    facts = {"date": datetime.date.today().isoformat(), "processor": processor(), "threads": options.threads,
             "rounds": options.rounds, "model": options.title, "versions": versions(options)}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    head = (f"{options.title}, {facts['processor']}, {options.threads} threads, {facts['date']}; tokens per second, medians of "
            f"alternating runs (least to greatest); {', '.join(f'{k} {v}' for k, v in facts['versions'].items())}.\n\n"
            "| work | against | ours | theirs | ratio | goal | | peak memory |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
    (options.output / "results.md").write_text(head + "".join(line(row) + "\n" for row in rows))
    (options.output / "ratios.svg").write_text(chart(rows, f"{options.title}: times as fast (red: the goal)"))


if __name__ == "__main__":
    main()
