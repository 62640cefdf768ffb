"""BLEU of the same prefix on E2E by our engine, by an unchanged llama-server and by mlx-lm: greedy, the first sources of the test set.

    python Benchmarks/rivals/serve_bleu.py --binary .build/release/prefixtune --llama-bin llama.cpp/build/bin --model model-f32.gguf \\
        --prefix e2e-prefix --end '<|im_end|>' --data src1_test.txt --sources 200 --output Benchmarks/results/serving/bleu.json \\
        [--mlx-python .build/mlx/bin/python --mlx-model FOLDER]
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path

import serve_prefix as rival


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "llama-bin", "model", "prefix", "data", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--end", required=True, help="the model's end-of-text token, which stands between source and text")
    parser.add_argument("--mlx-python")
    parser.add_argument("--mlx-model")
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.served_model = None
    rival.NEW = 60
    rival.MLX = rival.MLX.replace("range(32)", "range(60)")  # rival.NEW was put into it
    opened = gzip.open if arguments.data.endswith(".gz") else open
    groups = {}
    with opened(arguments.data, "rt") as file:
        for line in file:
            source, text = line.rstrip("\n").split("||", 1)
            groups.setdefault(source, []).append(text)
    sources = list(groups)[: arguments.sources]
    prompts = [f" {source.strip()} {arguments.end}" for source in sources]
    report = {"sources": len(sources), "model": Path(arguments.model).name}
    with tempfile.TemporaryDirectory() as root:
        references = Path(root, "references.txt")
        references.write_text("".join(f"{s}||{t}\n" for s in sources for t in groups[s]))

        def score(name, texts):
            predictions = Path(root, "predictions.txt")
            predictions.write_text("".join(t.replace("\n", " ").strip() + "\n" for t in texts))
            result = rival.tool(arguments, "evaluate", "--predictions", predictions, "--references", references, "--task", "e2e", "--json")
            report[name] = {x["name"]: round(x["value"], 4) for x in json.loads(result.stdout)["scores"]}
            print(json.dumps(report), flush=True)

        folder = f"{root}/served"
        rival.tool(arguments, "convert", arguments.prefix, folder, "--to", "llama-slot", "--model", arguments.model, "--quiet")
        facts = json.loads(Path(folder, "canary.json").read_text())
        options = ["--swa-full"] if facts.get("window") else []
        ours = rival.our_answers(arguments, prompts, root, arguments.prefix)
        score("prefixtune", [json.loads(line)["text"] for line in open(f"{root}/answers.jsonl")])
        with rival.Server(arguments, arguments.model, folder, "-np", "1", *options) as server:
            tokens = [server.post("/tokenize", {"content": p, "add_special": True, "parse_special": True})["tokens"] for p in prompts]

            def texts(answers):
                return [server.post("/detokenize", {"tokens": [t for t in a if t not in ends]})["content"] for a in answers]

            ends, answers = {a[0][-1] for a in ours if len(a[0]) < rival.NEW}, []
            for prompt in tokens:
                server.post("/slots/0?action=restore", {"filename": facts["file"]})
                answers.append(rival.ask(server, facts["placeholders"] + prompt, id_slot=0)[0])
            score("llama-server", texts([a[0] for a in answers]))
            report["llama-server"]["equal_answers"] = rival.compare(ours, answers)["equal"]
            if arguments.mlx_python:
                rival.tool(arguments, "convert", arguments.prefix, folder, "--to", "mlx", "--model", arguments.model, "--mlx-model",
                           arguments.mlx_model, "--quiet")
                found = rival.mlx(arguments, tokens, folder, sorted(ends))
                score("mlx-lm", texts([a[0] for a in found]))
                report["mlx-lm"]["equal_answers"] = rival.compare(ours, found)["equal"]
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.output).write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
