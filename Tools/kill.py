#!/usr/bin/env python3
"""Ends training runs at random moments and checks that they continue to the same bits.

For each method a whole run is made first. Then, for each trial, a run of the same command is ended at a random moment
of its length, continued until it is done (ended again where --again says so), and compared with the whole run: every file
but the times must be the same, byte for byte. With another signal than KILL, how long the process took to go is
printed, too.

    Tools/kill.py --binary .build/release/prefixtune                     20 moments for each method, SIGKILL
    Tools/kill.py --binary .build/release/prefixtune --signal TERM       as when a machine is shut down
    Tools/kill.py --binary .build/release/prefixtune --trials 100 --methods prefix --seed 2
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOLDENS = os.path.join(ROOT, "Tests", "Goldens")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the built program")
    parser.add_argument("--trials", type=int, default=20, help="moments for each method")
    parser.add_argument("--signal", default="KILL", help="KILL, TERM, INT or HUP")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help=", ".join(METHODS))
    parser.add_argument("--again", type=float, default=0.5, help="share of the continued runs that are ended again")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--bound", type=float, help="seconds within which a process must be gone")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def words_for(folder):
    """A tokenizer that calls token i "ti": the tiny models have none."""
    size = json.load(open(os.path.join(folder, "config.json")))["vocab_size"]
    document = {
        "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
        "decoder": None, "model": {"type": "WordLevel", "unk_token": "t0", "vocab": {f"t{i}": i for i in range(size)}}}
    with open(os.path.join(folder, "tokenizer.json"), "w") as file:
        json.dump(document, file)
    return size


def prepare(work):
    """Copies the models and writes data of their tokens."""
    rng = random.Random(7)
    for name, source in [("decoder", DECODER), ("encoder-decoder", ENCODER_DECODER)]:
        folder = os.path.join(work, name)
        shutil.copytree(os.path.join(GOLDENS, source), folder)
        size = words_for(folder)

        def text(count):
            return " ".join(f"t{rng.randrange(4, size)}" for _ in range(count))

        for part, count in [("train", 7), ("validation", 4)]:
            with open(os.path.join(work, f"{name}-{part}.jsonl"), "w") as file:
                for _ in range(count):
                    file.write(json.dumps({"prompt": text(4), "completion": " " + text(5)}) + "\n")


DECODER = "gpt2/tied"
ENCODER_DECODER = "bart/uneven"
METHODS = {
    "prefix": ["decoder", "--prefix-length", "3", "--reparametrization", "16", "--prefix-dropout", "0.1"],
    "fine-tune": ["decoder", "--method", "fine-tune"],
    "lora": ["decoder", "--method", "lora"],
    "bart": ["encoder-decoder", "--prefix-length", "3", "--reparametrization", "16"],
}


def command(options, method, output):
    model, *more = METHODS[method]
    return [
        options.binary, "train", "--model", model, "--data", f"{model}-train.jsonl", "--validation",
        f"{model}-validation.jsonl", "--output", output, "--steps", str(options.steps), "--batch-size", "2",
        "--learning-rate", "0.01", "--save-every", "3", "--validate-every", "4", "--tokens-per-pass", "12", "--threads",
        "1", "--quiet"] + more


def essence(folder):
    """All files, without what tells the time."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            key, data = os.path.relpath(path, folder), open(path, "rb").read()
            if key in ("summary.json", "report.html"):
                continue
            if key == "metrics.jsonl":
                lines = [json.loads(line) for line in data.splitlines()]
                data = json.dumps([{k: v for k, v in line.items() if k != "seconds"} for line in lines]).encode()
            found[key] = data
    return found


def has_state(work, output):
    return os.path.exists(os.path.join(work, output, "training-state", "state.safetensors"))


def run(arguments, work):
    result = subprocess.run(arguments, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\nended with {result.returncode}:\n{result.stderr}")


def interrupted(arguments, work, delay, number):
    """Starts a run and ends it after a delay. Gives whether it was still there, and how long it took to go."""
    process = subprocess.Popen(
        arguments, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    was_running, begin = process.poll() is None, time.monotonic()
    if was_running:
        process.send_signal(number)
    code = process.wait(timeout=600)
    seconds = time.monotonic() - begin
    if was_running and code not in (0, -number, 128 + number):
        sys.exit(f"{' '.join(arguments)}\nended with {code} after {signal.Signals(number).name}")
    return was_running and code != 0, seconds


def main():
    options = arguments()
    options.binary = os.path.abspath(options.binary)
    number = getattr(signal, "SIG" + options.signal)
    rng, failures = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as work:
        prepare(work)
        for method in options.methods:
            begin = time.monotonic()
            run(command(options, method, f"{method}-whole"), work)
            length = time.monotonic() - begin
            expected = essence(os.path.join(work, f"{method}-whole"))
            ended = equal = early = 0
            slowest = 0.0
            for trial in range(options.trials):
                output = f"{method}-{trial}"
                for _ in range(4):
                    resumes = has_state(work, output)
                    line = command(options, method, output) + (["--resume"] if resumes else [])
                    hit, seconds = interrupted(line, work, rng.uniform(0, length), number)
                    ended += hit
                    slowest = max(slowest, seconds) if hit else slowest
                    early += hit and not has_state(work, output)
                    if rng.random() >= options.again:
                        break
                resumes = has_state(work, output)
                run(command(options, method, output) + (["--resume"] if resumes else []), work)
                found = essence(os.path.join(work, output))
                different = sorted(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))
                if different:
                    print(f"{method}, trial {trial}: different: {', '.join(different)}")
                else:
                    equal += 1
                shutil.rmtree(os.path.join(work, output))
            failures += equal != options.trials
            if options.bound is not None and slowest > options.bound:
                print(f"{method}: the bound of {options.bound} s was missed")
                failures += 1
            print(
                f"{method}: {options.trials} runs, ended {ended} times by SIG{options.signal} ({early} of them before there "
                f"was a state), {equal} equal to the whole run of {length:.1f} s; slowest end {slowest:.2f} s", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
