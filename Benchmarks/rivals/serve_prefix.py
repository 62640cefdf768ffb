"""A prefix in programs that know nothing of prefixes: llama-server, llama-completion and mlx-lm, unchanged, against our engine.

For each prompt of a file, greedy: the same tokens, and how far the log-probabilities of the five most probable tokens lie apart while
the answers are the same. Then each trap is provoked on a real server, and `prefixtune deploy check` must name it.

    python Benchmarks/rivals/serve_prefix.py --binary .build/release/prefixtune --llama-bin llama.cpp/build/bin --model model-f32.gguf \\
        --prefix e2e-prefix --prompts prompts.jsonl --output Benchmarks/results/serving/model.json [--traps] \\
        [--mlx-python .build/mlx/bin/python --mlx-model FOLDER]

llama.cpp is built from its source (targets llama-server and llama-completion); mlx-lm comes from PyPI (`pip install "mlx[cpu]" mlx-lm`).
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP, NEW = 5, 32


class Server:
    """A llama-server that runs as long as the block."""

    def __init__(self, arguments, model, folder, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(Path(folder) / "server.log", "w")
        self.process = subprocess.Popen(
            [Path(arguments.llama_bin) / "llama-server", "-m", model, "--host", "127.0.0.1", "--port", str(self.port), "-c", "2048", "-t", str(arguments.threads),
             "--slot-save-path", f"{folder}/", *options], stdout=self.log, stderr=subprocess.STDOUT)

    def __enter__(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=2)
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"llama-server ended with {self.process.returncode}; see {self.log.name}")
                time.sleep(0.3)
        sys.exit("llama-server does not begin")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(request, timeout=600))
        except urllib.error.HTTPError as error:
            return {"error": error.read().decode()}


def tool(arguments, *words, check=True):
    """Runs the program; its output."""
    result = subprocess.run([arguments.binary, *map(str, words)], capture_output=True, text=True)
    if check and result.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {result.stderr}")
    return result


def same(one, other):
    """How many tokens two answers begin with in common."""
    return next((i for i, (x, y) in enumerate(zip(one, other)) if x != y), min(len(one), len(other)))


def compare(ours, theirs):
    """Of answers as (tokens, [{token: log-probability}]): how many are equal, and the largest difference before they part."""
    equal, largest, parted = 0, 0.0, []
    for index, ((tokens, tops), (found, others)) in enumerate(zip(ours, theirs)):
        count = same(tokens, found)
        if count == len(tokens) or (count == len(found) == len(tokens) - 1):
            equal += 1
        else:
            best = sorted(tops[count].values(), reverse=True)
            parted.append({"prompt": index, "token": count, "margin": round(best[0] - best[1], 4)})
        for mine, his in list(zip(tops, others))[: count + 1]:
            largest = max([largest] + [abs(mine[t] - his[t]) for t in mine if t in his])
    return {"equal": equal, "of": len(ours), "largest_difference_of_log_probabilities": round(largest, 5), "parted": parted}


def our_answers(arguments, prompts, folder, prefix):
    """What our engine answers: with the prefix as the cache holds it."""
    with open(f"{folder}/prompts.jsonl", "w") as file:
        file.writelines(json.dumps({"prompt": p}) + "\n" for p in prompts)
    model = ["--model", arguments.model, *(["--prefix", prefix] if prefix else [])]
    tool(arguments, "generate", *model, "--task", "jsonl", "--input", f"{folder}/prompts.jsonl", "--logprobs", TOP, "--beams", 1,
         "--max-new-tokens", NEW, "--output", f"{folder}/answers.jsonl", "--quiet")
    lines = [json.loads(line) for line in open(f"{folder}/answers.jsonl")]
    return [(x["token_ids"], [{c["token_id"]: c["logprob"] for c in top} for top in x["top_logprobs"]]) for x in lines]


def ask(server, tokens, **more):
    """One answer of the server, with what it says of it."""
    reply = server.post("/completion", {"prompt": tokens, "n_predict": NEW, "temperature": 0, "top_k": 1, "cache_prompt": True,
                                        "return_tokens": True, "n_probs": TOP, **more})
    if "error" in reply:
        sys.exit(str(reply))
    tops = [{c["id"]: c["logprob"] for c in x["top_logprobs"]} for x in reply.get("completion_probabilities", [])]
    return (reply["tokens"], tops), reply["timings"]["cache_n"]


def served(arguments, prompts, folder, facts, options, model):
    """All prompts, the prefix restored before each; and the model alone."""
    with Server(arguments, model, folder, "-np", "1", "--cache-ram", "0", *options) as server:
        tokens = [server.post("/tokenize", {"content": p, "add_special": True, "parse_special": True})["tokens"] for p in prompts]
        bare = [ask(server, t)[0] for t in tokens]
        answers, cached = [], []
        for prompt in tokens:
            restored = server.post("/slots/0?action=restore", {"filename": facts["file"]})
            if restored.get("n_restored") != facts["length"]:
                sys.exit(f"not restored: {restored}")
            answer, count = ask(server, facts["placeholders"] + prompt, id_slot=0)
            answers.append(answer)
            cached.append(count)
        text = facts["placeholder_text"] + (server.post("/detokenize", {"tokens": tokens[0][:1]})["content"]
                                            if facts["placeholders"][0] == tokens[0][0] else "") + prompts[0]
        server.post("/slots/0?action=restore", {"filename": facts["file"]})
        as_text, _ = ask(server, text, id_slot=0)
    if as_text[0] != answers[0][0]:
        sys.exit(f"the prompt as text has another answer than as tokens: {as_text[0]} {answers[0][0]}")
    return answers, bare, min(cached), True


def traps(arguments, folder, facts, options, isWindowed):
    """Each trap on a real server, and what the check says of it."""
    def check(server):
        result = tool(arguments, "deploy", "check", folder, "--url", server.url, "--slot", 0, "--json", check=False)
        found = json.loads(result.stdout) if result.stdout else {"findings": [{"trap": None, "message": result.stderr}]}
        return [f.get("trap") or f["message"] for f in found["findings"]]

    prompt = facts["placeholders"] + facts["prompt_tokens"]
    report = {}
    with Server(arguments, arguments.model, folder, "-np", "1", "--cache-ram", "0", *options) as server:
        report["healthy, fresh"] = check(server)
        report["healthy, again"] = check(server)
        for number in range(5):
            server.post("/completion", {"prompt": f"Number {number} is an unrelated text about bicycles", "n_predict": 4})
        report["B: after five other requests"] = check(server)
    with Server(arguments, arguments.model, folder, "-np", "1", *options) as server:
        ask(server, prompt)
        report["C: placeholders asked before restoring, one slot"] = check(server)
    with Server(arguments, arguments.model, folder, *options) as server:
        ask(server, prompt)
        report["C: the same, four slots"] = check(server)
    if isWindowed:
        with Server(arguments, arguments.model, folder, "-np", "1") as server:
            report["A: without --swa-full"] = check(server)
    return report


def completion(arguments, prompts, folder, ours):
    """The texts of llama-completion for prompts that begin with the same token."""
    tool(arguments, "convert", arguments.prefix, folder, "--to", "llama-session", "--model", arguments.model, "--anchor", prompts[0], "--quiet")
    facts = json.loads(Path(folder, "canary.json").read_text())
    model, equal = arguments.served_model or arguments.model, 0
    begun = 0
    for prompt, text in zip(prompts, ours):
        # The token that is put before every text is the first placeholder, and stands once more behind them.
        begin = "<bos>" if facts.get("window") else ""
        result = subprocess.run(
            [Path(arguments.llama_bin) / "llama-completion", "-m", model, "--prompt-cache", f"{folder}/{facts['file']}", "--prompt-cache-ro",
             "-no-cnv", "-n", str(NEW), "--temp", "0", "--top-k", "1", "--no-display-prompt", "-t", str(arguments.threads), "-c", "1024",
             *(["--swa-full"] if facts.get("window") else []), "-p", facts["placeholder_text"] + begin + prompt],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = result.stdout.replace("[end of text]", "").rstrip()
        equal += found == text.rstrip()
        begun += found != text.rstrip() and len(found) > 40 and text.startswith(found)
        if found != text.rstrip():
            print("llama-completion:", repr(found), "ours:", repr(text), result.stderr[-300:] if result.returncode else "", file=sys.stderr)
    return {"equal_texts": equal, "shorter_but_equal_so_far": begun, "of": len(prompts)}


MLX = """
import json, sys
import mlx.core as mx
from mlx_lm import load
from mlx_lm.models.cache import load_prompt_cache
model, tokenizer = load(sys.argv[1])
ends = set(json.loads(sys.argv[4]))
answers = []
for prompt in json.load(open(sys.argv[3])):
    cache, tokens, tops = load_prompt_cache(sys.argv[2]), [], []
    new = mx.array([prompt])
    for _ in range(%d):
        logits = model(new, cache=cache)[0, -1].astype(mx.float32)
        scores = logits - mx.logsumexp(logits)
        best = mx.argpartition(-scores, kth=%d)[:%d].tolist()
        best.sort(key=lambda t: -scores[t].item())
        tokens.append(best[0])
        tops.append({t: scores[t].item() for t in best})
        if tokens[-1] in ends: break
        new = mx.array([[tokens[-1]]])
    answers.append([tokens, tops])
print(json.dumps(answers))
""" % (NEW, TOP, TOP)


def mlx(arguments, prompts_tokens, folder, ends):
    """What mlx-lm's model answers after the cache of the file."""
    with open(f"{folder}/tokens.json", "w") as file:
        json.dump(prompts_tokens, file)
    result = subprocess.run([arguments.mlx_python, "-c", MLX, arguments.mlx_model, f"{folder}/prompt_cache.safetensors",
                             f"{folder}/tokens.json", json.dumps(ends)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return [(tokens, [{int(t): x for t, x in top.items()} for top in tops]) for tokens, tops in json.loads(result.stdout.splitlines()[-1])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "llama-bin", "model", "prefix", "prompts", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--served-model", help="the file that llama.cpp runs, where it is another than ours (a quantised one)")
    parser.add_argument("--mlx-python")
    parser.add_argument("--mlx-model")
    parser.add_argument("--threads", type=int, default=2, help="of llama-server; 1 where others compute beside it")
    parser.add_argument("--traps", action="store_true")
    parser.add_argument("--completion", action="store_true", help="ask llama-completion for the first three prompts, too")
    parser.add_argument("--types", nargs="*", default=["f16", "f32", "f32-turned"], help="of the cache; -turned: without flash attention")
    arguments = parser.parse_args()
    prompts = [json.loads(line)["prompt"] for line in open(arguments.prompts)]
    report = {"model": Path(arguments.model).name, "prompts": len(prompts), "new_tokens": NEW}
    with tempfile.TemporaryDirectory() as root:
        ours = bare = None
        for kind in arguments.types:
            folder = f"{root}/{kind}"
            stored, turned = kind.removesuffix("-turned"), kind.endswith("-turned")
            tool(arguments, "convert", arguments.prefix, folder, "--to", "llama-slot", "--model", arguments.model, "--cache-type", stored,
                 *(["--transposed-values"] if turned else []), "--quiet")
            facts = json.loads(Path(folder, "canary.json").read_text())
            options = [] if stored == "f16" else ["-ctk", stored, "-ctv", stored]
            options += ["-fa", "off"] if turned else []
            options += ["--swa-full"] if facts.get("window") else []
            ours = our_answers(arguments, prompts, root, folder)
            bare = bare or our_answers(arguments, prompts, root, None)
            model = arguments.served_model or arguments.model
            answers, alone, cached, as_text = served(arguments, prompts, folder, facts, options, model)
            report[f"llama-server, cache {kind}"] = {
                **compare(ours, answers), "least_cached": cached, "text_prompt_as_token_prompt": as_text,
                "model_alone": compare(bare, alone), "answers_changed_by_the_prefix": sum(x[0] != y[0] for x, y in zip(ours, bare))}
            print(json.dumps(report, indent=1), flush=True)
        if arguments.completion:
            # With one beginning for all, and none of the end token, at which llama-completion ends.
            few = ["The weather today is", "The restaurant in the city centre", "The best way to learn is"]
            our_answers(arguments, few, root, arguments.prefix)
            texts = [json.loads(line)["text"] for line in open(f"{root}/answers.jsonl")]
            report["llama-completion"] = completion(arguments, few, f"{root}/session", texts)
        if arguments.traps:
            folder = f"{root}/traps"
            tool(arguments, "convert", arguments.prefix, folder, "--to", "llama-slot", "--model", arguments.model, "--quiet")
            facts = json.loads(Path(folder, "canary.json").read_text())
            window = bool(facts.get("window"))
            report["traps"] = traps(arguments, folder, facts, ["--swa-full"] if window else [], window)
        if arguments.mlx_python:
            for kind in sorted({kind.removesuffix("-turned") for kind in arguments.types}):
                folder = f"{root}/mlx-{kind}"
                tool(arguments, "convert", arguments.prefix, folder, "--to", "mlx", "--model", arguments.model, "--cache-type", kind,
                     "--mlx-model", arguments.mlx_model, "--quiet")
                with Server(arguments, arguments.model, folder) as server:
                    tokens = [server.post("/tokenize", {"content": p, "add_special": True, "parse_special": True})["tokens"] for p in prompts]
                ends = sorted({x[0][-1] for x in ours if len(x[0]) < NEW})
                report[f"mlx-lm, cache {kind}"] = compare(our_answers(arguments, prompts, root, folder), mlx(arguments, tokens, folder, ends))
                print(json.dumps(report, indent=1), flush=True)
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.output).write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
